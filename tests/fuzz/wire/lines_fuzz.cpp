#include <string>

#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/note.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

// A header's text.
void header(ByteView input) {
    const std::string_view text = as_text(input);
    const auto header = wire::parse_header(text);
    if (!header) return;
    require(wire::is_canonical(text), "only canonical headers are read");
    require(header->sources.size() <= wire::kSourcesMax, "16 sources are listed at most");
    const bool is_ours =
        header->kind == "batch" || header->genesis || header->key_change || header->prune;
    if (header->v != wire::kHeaderVersion || !is_ours) return;
    const auto again = wire::format_header(*header);
    require((again && *again == text) || text.size() > wire::kHeaderSizeMax,
            "a header is written as it was read");
}

// One line of batches/.
void batch_line(ByteView input) {
    const std::string_view text = as_text(input);
    const auto line = wire::parse_batch_line(text);
    if (!line) return;
    require(wire::is_canonical(text), "only canonical lines are read");
    require(line->checkpoint.size() <= wire::kNoteSizeMax, "a checkpoint has a limit");
    require(line->header.size() <= wire::kHeaderSizeMax, "a header has a limit");
    require(line->seal.size() == 64, "a seal has 64 bytes");
    require(wire::format_batch_line(*line) == text, "a batch line is written as it was read");
    header(as_bytes(line->header));
    if (const auto note = wire::parse_note(line->checkpoint)) {
        static_cast<void>(wire::parse_checkpoint(note->text));
    }
}

}  // namespace anchorlog::fuzz
