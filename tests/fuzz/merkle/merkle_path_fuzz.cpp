#include <algorithm>
#include <vector>

#include "anchorlog/merkle/tree.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

constexpr std::uint64_t kLeavesMax = 255;

const std::vector<Hash>& leaves() {
    static const std::vector<Hash> all = [] {
        std::vector<Hash> made;
        for (std::uint64_t i = 0; i < kLeavesMax; ++i) {
            Bytes data;
            append_u64be(data, i);
            made.push_back(merkle::hash_leaf(data));
        }
        return made;
    }();
    return all;
}

Hash root_at(std::uint64_t size) {
    return merkle::root_of(std::span(leaves()).first(static_cast<std::size_t>(size)));
}

Result<Hash> node_of(merkle::NodeId id) {
    const std::size_t width = std::size_t{1} << id.level;
    return merkle::root_of(
        std::span(leaves()).subspan(static_cast<std::size_t>(id.index) * width, width));
}

// What an input does to a true path. Everything it makes must be refused unless it is the path.
merkle::Path change(merkle::Path path, InputReader& reader) {
    while (!reader.is_empty()) {
        const std::uint8_t what = reader.byte();
        const std::size_t place = path.empty() ? 0 : reader.byte() % path.size();
        const auto at = path.begin() + static_cast<std::ptrdiff_t>(place);
        if (what % 5 == 0 && !path.empty()) {
            path.erase(at);
        } else if (what % 5 == 1 && !path.empty()) {
            std::iter_swap(at, path.begin());
        } else if (what % 5 == 2 && !path.empty()) {
            at->bytes[reader.byte() % Hash::kSize] ^= reader.byte();
        } else if (what % 5 == 3) {
            path.insert(at, leaves()[reader.byte() % kLeavesMax]);
        } else {
            const std::uint64_t level = reader.byte() % 7;
            path.insert(at, *node_of({static_cast<std::uint32_t>(level), 0}));
        }
    }
    return path;
}

}  // namespace

// Sizes and a place, then changes to the path between them.
void merkle_path(ByteView input) {
    InputReader reader(input);
    const std::uint64_t size = 1 + reader.byte() % kLeavesMax;
    const std::uint64_t other = reader.byte();  // a leaf, or an older size
    const std::uint64_t claimed = reader.byte();
    const auto inclusion = merkle::inclusion_path(other, TreeSize(size), node_of);
    require(inclusion.has_value() == (other < size), "every leaf has a path, no other has");
    const auto consistency = merkle::consistency_path(TreeSize(other), TreeSize(size), node_of);
    merkle::Path path = consistency ? *consistency : merkle::Path();

    InputReader changes = reader;
    if (inclusion) {
        const merkle::Path given = change(*inclusion, changes);
        const Hash& leaf = leaves()[other];
        require(merkle::verify_inclusion(other, TreeSize(size), leaf, given, root_at(size)) ==
                    (given == *inclusion),
                "only the path includes a leaf");
        require(!merkle::verify_inclusion(claimed, TreeSize(size), leaf, given, root_at(size)) ||
                    claimed == other,
                "a leaf is in one place");
    }
    changes = reader;
    const merkle::Path given = change(path, changes);
    const bool is_true = other >= 1 && other <= size && given == path;
    require(merkle::verify_consistency(TreeSize(other), TreeSize(size), root_at(other),
                                       root_at(size), given) == is_true,
            "only the path shows consistency");
    require(claimed == other || claimed > kLeavesMax || other == 0 ||
                !merkle::verify_consistency(TreeSize(other), TreeSize(size), root_at(claimed),
                                            root_at(size), given),
            "another root is not consistent");
}

}  // namespace anchorlog::fuzz
