#include "anchorlog/wire/tlog_proof.h"

#include <string>

#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/evidence.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

void check_file(std::string_view file) {
    const auto proof = wire::parse_tlog_proof(file);
    if (!proof) {
        require(!wire::parse_evidence(file), "evidence is a tlog-proof");
        return;
    }
    require(proof->path.size() <= wire::kPathHashesMax, "a path has a limit");
    require(wire::format_tlog_proof(*proof) == file, "a proof is written as it was read");
    const auto evidence = wire::parse_evidence(file);
    if (!evidence) return;
    require(wire::is_canonical(proof->extra), "the extra is canonical");
    require(evidence->anchors.size() <= wire::kEvidenceAnchorsMax &&
                evidence->keys.size() <= wire::kEvidenceKeysMax,
            "anchors and keys are limited");
    require(wire::format_evidence(*evidence) == file, "evidence is written as it was read");
}

}  // namespace

// A tlog-proof file; or, since no mutation gets through base64, one that begins with its extra as
// it is, up to the first LF.
void tlog_proof(ByteView input) {
    const std::string_view text = as_text(input);
    if (!text.starts_with('{')) return check_file(text);
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string file = std::string(wire::kTlogProofFirstLine) + "\nextra " +
                             to_base64(as_bytes(text.substr(0, end))) +
                             std::string(text.substr(end));
    check_file(file);
}

}  // namespace anchorlog::fuzz
