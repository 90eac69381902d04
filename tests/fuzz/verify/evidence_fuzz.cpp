#include "anchorlog/verify/evidence.h"

#include <algorithm>
#include <string>
#include <vector>

#include "anchorlog/verify/verify.h"
#include "anchorlog/wire/tlog_proof.h"
#include "fuzz/target.h"
#include "fuzz/verify/original.h"

namespace anchorlog::fuzz {

namespace {

constexpr std::size_t kEditsMax = 8;

// What an evidence file is made of, open to edits: its extra is base64 in the file.
struct Parts {
    std::string extra;
    std::string rest;  // index, path and checkpoint

    [[nodiscard]] std::string file() const {
        return std::string(wire::kTlogProofFirstLine) + "\nextra " + to_base64(as_bytes(extra)) +
               "\n" + rest;
    }
};

Parts export_parts(std::uint64_t index) {
    testing::MapFileSystem fs;
    fs.files = original().files.files;
    const auto made =
        verify::export_evidence(fs, Original::kDir, EntryIndex(index), &original().trust);
    require(made.report.verdict == verify::Verdict::pass, "a sound log gives evidence");
    const auto proof = wire::parse_tlog_proof(made.file);
    require(proof.has_value(), "evidence is a tlog-proof");
    wire::TlogProof bare = *proof;
    bare.extra.clear();
    std::string rest = wire::format_tlog_proof(bare);
    rest.erase(0, wire::kTlogProofFirstLine.size() + 1);
    return {proof->extra, std::move(rest)};
}

const std::vector<Parts>& all_parts() {
    static const std::vector<Parts> parts = [] {
        std::vector<Parts> made;
        for (std::uint64_t i = 0; i < Original::kSealed; ++i) made.push_back(export_parts(i));
        return made;
    }();
    return parts;
}

// A member's value out of another entry's evidence, from one place on.
void splice(std::string& text, const std::string& other, InputReader& reader) {
    const std::size_t at = std::size_t{reader.byte()} << 8 | reader.byte();
    const std::size_t size = std::size_t{reader.byte()} * 8;
    const std::size_t place = std::min(at, text.size());
    const std::size_t from = std::min(at, other.size());
    text.replace(place, std::min(size, text.size() - place), other.substr(from, size));
}

void edit(Parts& parts, InputReader& reader) {
    const std::uint8_t what = reader.byte() % (kTextEdits + 3);
    const std::uint8_t choice = reader.byte();
    const Parts& other = all_parts()[(choice >> 1U) % all_parts().size()];
    const bool is_rest = (choice & 1U) != 0;
    std::string& text = is_rest ? parts.rest : parts.extra;
    if (what < kTextEdits) return edit_text(text, what, reader);
    if (what == kTextEdits) text = is_rest ? other.rest : other.extra;
    if (what == kTextEdits + 1) splice(text, is_rest ? other.rest : other.extra, reader);
}

}  // namespace

// Edits of sound evidence, and parts of another entry's in its place: whatever was done, a PASS is
// only for what was logged.
void evidence(ByteView input) {
    InputReader reader(input);
    Parts parts = all_parts()[reader.byte() % all_parts().size()];
    for (std::size_t i = 0; i < kEditsMax && !reader.is_empty(); ++i) edit(parts, reader);

    const verify::EntryReport report =
        verify::verify_evidence(parts.file(), original().trust, nullptr);
    require(!verify::to_text(report).empty() && !verify::to_json(report).empty(),
            "a report is told");
    if (report.verdict != verify::Verdict::pass) return;
    require(report.hits.size() == 1, "evidence is about one entry");
    const verify::EntryHit& hit = report.hits[0];
    require(hit.index < Original::kSealed && hit.text == original().log.entries[hit.index],
            "an entry that passes is the one that was logged");
    const bool may_be_anchored = hit.index < Original::kAnchoredBatch * Original::kEntriesPerBatch;
    require(report.level != verify::Level::anchored || may_be_anchored,
            "only what was anchored is called so");
}

}  // namespace anchorlog::fuzz
