#include "verify/leaf_hints.h"

#include <algorithm>

#include "anchorlog/merkle/tree.h"

namespace anchorlog::verify {

File* LeafHints::open(const Segment& segment) {
    if (file_of_ == &segment) return file_.get();
    const std::string path = segment.path.substr(0, segment.path.rfind('.')) + ".leaves";
    auto opened = fs_.open(path, OpenMode::read);
    file_ = opened ? std::move(*opened) : nullptr;
    file_of_ = &segment;
    return file_.get();
}

std::optional<std::vector<Hash>> LeafHints::leaves(std::uint64_t first, std::uint64_t count,
                                                   const Hash& root) {
    std::vector<Hash> all;
    all.reserve(count);
    std::uint64_t at = first;
    while (at < first + count) {
        const Segment* segment = segment_of(segments_, at);
        if (segment == nullptr) return std::nullopt;
        File* file = open(*segment);
        if (file == nullptr) return std::nullopt;
        const Segment* next = segment + 1;
        const bool last = next == segments_.data() + segments_.size();
        const std::uint64_t end = last ? first + count : std::min(first + count, next->first_line);
        Bytes bytes((end - at) * Hash::kSize);
        auto got = file->read_at((at - segment->first_line) * Hash::kSize, bytes);
        if (!got || *got != bytes.size()) return std::nullopt;
        for (std::size_t i = 0; i < bytes.size(); i += Hash::kSize) {
            auto hash = hash_from_bytes(ByteView(bytes).subspan(i, Hash::kSize));
            if (!hash) return std::nullopt;
            all.push_back(*hash);
        }
        at = end;
    }
    if (merkle::root_of(all) != root) return std::nullopt;
    return all;
}

std::uint64_t LeafHints::end() {
    for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
        File* file = open(*segment);
        if (file == nullptr) continue;
        auto size = file->size();
        if (size && *size > 0) return segment->first_line + *size / Hash::kSize;
    }
    return 0;
}

}  // namespace anchorlog::verify
