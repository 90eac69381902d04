#include "anchorlog/wire/tlog_proof.h"

#include "wire/canonical_scan.h"

namespace anchorlog::wire {

namespace {

constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";

Error bad(std::string why) { return {Errc::invalid_input, "tlog-proof: " + std::move(why)}; }

// The next line without its LF; nothing when no LF follows.
std::optional<std::string_view> take_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
}

}  // namespace

std::string format_tlog_proof(const TlogProof& proof) {
    std::string out(kTlogProofFirstLine);
    out += '\n';
    if (!proof.extra.empty()) {
        out.append(kExtra).append(to_base64(as_bytes(proof.extra))).append(1, '\n');
    }
    out.append(kIndex).append(std::to_string(proof.index)).append(1, '\n');
    for (const Hash& hash : proof.path) out.append(to_base64(hash.bytes)).append(1, '\n');
    return out.append(1, '\n').append(proof.checkpoint);
}

Result<TlogProof> parse_tlog_proof(std::string_view text) {
    if (text.size() > kTlogProofSizeMax) {
        return bad("over " + std::to_string(kTlogProofSizeMax) + " bytes");
    }
    auto line = take_line(text);
    if (line != kTlogProofFirstLine) {
        return bad("the first line is not " + std::string(kTlogProofFirstLine));
    }
    TlogProof out;
    line = take_line(text);
    if (line && line->starts_with(kExtra)) {
        const auto extra = from_base64(line->substr(kExtra.size()));
        if (!extra || extra->empty()) return bad("the extra line is not base64");
        out.extra = std::string(as_text(*extra));
        line = take_line(text);
    }
    const auto index = line && line->starts_with(kIndex)
                           ? parse_integer(line->substr(kIndex.size()))
                           : std::nullopt;
    if (!index) return bad("no line `index <decimal>`");
    out.index = *index;
    while (true) {
        line = take_line(text);
        if (!line) return bad("no empty line before the checkpoint");
        if (line->empty()) break;
        const auto bytes = from_base64(*line);
        const auto hash = bytes ? hash_from_bytes(*bytes) : Result<Hash>(bytes.error());
        if (!hash) return bad("a line of the path is not the base64 of 32 bytes");
        if (out.path.size() == kPathHashesMax) return bad("the path is too long");
        out.path.push_back(*hash);
    }
    if (text.empty()) return bad("no checkpoint");
    out.checkpoint = std::string(text);
    return out;
}

}  // namespace anchorlog::wire
