#include <algorithm>

#include "anchorlog/base/log.h"
#include "anchorlog/ledger/recovery.h"
#include "anchorlog/store/segment_names.h"

namespace anchorlog::ledger {
void LeafHints::add(const SealedBatch& batch) {
    const std::uint64_t first = batch.header.first_index.value;
    const std::uint64_t end = first + batch.leaves.size();
    for (std::size_t i = 0; i < batch.segments.size(); ++i) {
        const std::uint64_t from = std::max(first, batch.segments[i]);
        const std::uint64_t to = i + 1 < batch.segments.size() ? batch.segments[i + 1] : end;
        const auto leaves = std::span(batch.leaves).subspan(from - first, to - from);
        write(batch.segments[i], EntryIndex(from), leaves);
    }
}

void LeafHints::write(std::uint64_t segment, EntryIndex from, std::span<const Hash> leaves) {
    const std::string path = log_dir_ + "/" + store::leaves_name(segment);
    if (!file_ || segment_ != segment) {
        auto opened = fs_.open(path, OpenMode::read_write);
        if (!opened && opened.error().code == Errc::not_found) {
            opened = fs_.open(path, OpenMode::create_new);
        }
        if (!opened) {
            log(LogLevel::warn, "leaf_hints_unwritable", {{"error", opened.error().message}});
            return;
        }
        file_ = std::move(*opened);
        segment_ = segment;
    }
    Bytes bytes;
    bytes.reserve(leaves.size() * Hash::kSize);
    for (const Hash& leaf : leaves) append(bytes, leaf.bytes);
    if (auto done = file_->write_at((from.value - segment) * Hash::kSize, bytes); !done) {
        log(LogLevel::warn, "leaf_hints_unwritable", {{"error", done.error().message}});
        file_.reset();
    }
}

}  // namespace anchorlog::ledger
