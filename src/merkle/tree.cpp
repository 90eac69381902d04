#include "anchorlog/merkle/tree.h"

#include <algorithm>
#include <array>
#include <bit>

#include "anchorlog/crypto/sha256.h"

namespace anchorlog::merkle {

namespace {

constexpr std::array<std::uint8_t, 1> kLeafPrefix{0x00};
constexpr std::uint8_t kNodePrefix = 0x01;

// The largest power of two below `n`, which must be at least 2: where RFC 9162 splits a tree.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

// A range of leaves as the splits of RFC 9162 make them: `first` is a multiple of the smallest
// power of two not below `count`.
struct LeafRange {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};

Result<Hash> range_root(LeafRange range, const NodeSource& nodes) {
    if (std::has_single_bit(range.count)) {
        const auto level = static_cast<std::uint32_t>(std::countr_zero(range.count));
        return nodes(NodeId{level, range.first >> level});
    }
    const std::uint64_t k = split_of(range.count);
    const auto left = range_root({range.first, k}, nodes);
    if (!left) return left;
    const auto right = range_root({range.first + k, range.count - k}, nodes);
    if (!right) return right;
    return hash_node(*left, *right);
}

Result<void> append_root(Path& path, LeafRange range, const NodeSource& nodes) {
    const auto root = range_root(range, nodes);
    if (!root) return root.error();
    path.push_back(*root);
    return {};
}

// PATH(m, D[n]) over `range`; `leaf_index` counts from the start of the range.
Result<void> build_inclusion(Path& path, std::uint64_t leaf_index, LeafRange range,
                             const NodeSource& nodes) {
    if (range.count == 1) return {};
    const std::uint64_t k = split_of(range.count);
    const LeafRange left{range.first, k};
    const LeafRange right{range.first + k, range.count - k};
    const bool goes_left = leaf_index < k;
    auto below = goes_left ? build_inclusion(path, leaf_index, left, nodes)
                           : build_inclusion(path, leaf_index - k, right, nodes);
    if (!below) return below;
    return append_root(path, goes_left ? right : left, nodes);
}

// SUBPROOF(m, D[n], b) over `range`; `is_known` is b: the verifier has this subtree's root.
Result<void> build_consistency(Path& path, std::uint64_t old_count, LeafRange range, bool is_known,
                               const NodeSource& nodes) {
    if (old_count == range.count) {
        return is_known ? Result<void>() : append_root(path, range, nodes);
    }
    const std::uint64_t k = split_of(range.count);
    const LeafRange left{range.first, k};
    const LeafRange right{range.first + k, range.count - k};
    const bool goes_left = old_count <= k;
    auto below = goes_left ? build_consistency(path, old_count, left, is_known, nodes)
                           : build_consistency(path, old_count - k, right, false, nodes);
    if (!below) return below;
    return append_root(path, goes_left ? right : left, nodes);
}

Error bad_size(const std::string& why) { return {Errc::invalid_input, "Merkle tree: " + why}; }

}  // namespace

Hash hash_leaf(ByteView data) { return crypto::sha256({kLeafPrefix, data}); }

// In one piece: a call into OpenSSL for each of three costs as much as a sixth of the hash.
Hash hash_node(const Hash& left, const Hash& right) {
    std::array<std::uint8_t, 1 + 2 * Hash::kSize> node;
    node[0] = kNodePrefix;
    std::copy(left.bytes.begin(), left.bytes.end(), node.begin() + 1);
    std::copy(right.bytes.begin(), right.bytes.end(), node.begin() + 1 + Hash::kSize);
    return crypto::sha256(node);
}

Hash empty_root() { return crypto::sha256({}); }

Hash root_of(std::span<const Hash> leaves) {
    CompactRange range;
    for (const Hash& leaf : leaves) range.append(leaf);
    return range.root();
}

Result<CompactRange> CompactRange::restore(TreeSize size, const NodeSource& nodes) {
    CompactRange range;
    std::uint64_t first = 0;
    for (std::uint64_t rest = size.value; rest != 0;) {
        const std::uint64_t count = std::bit_floor(rest);
        const auto peak = range_root({first, count}, nodes);
        if (!peak) return peak.error();
        range.peaks_.push_back(*peak);
        first += count;
        rest -= count;
    }
    range.size_ = size;
    return range;
}

void CompactRange::append(const Hash& leaf, const std::function<void(NodeId, const Hash&)>& made) {
    Hash node = leaf;
    NodeId id{0, size_.value};
    if (made) made(id, node);
    // Every set low bit of the size is a peak as large as the node at hand: its left sibling.
    while ((size_.value >> id.level & 1U) != 0) {
        node = hash_node(peaks_.back(), node);
        peaks_.pop_back();
        id = {id.level + 1, id.index >> 1U};
        if (made) made(id, node);
    }
    peaks_.push_back(node);
    ++size_;
}

Hash CompactRange::root() const {
    if (peaks_.empty()) return empty_root();
    Hash root = peaks_.back();
    for (std::size_t i = peaks_.size() - 1; i > 0; --i) root = hash_node(peaks_[i - 1], root);
    return root;
}

Result<Path> inclusion_path(std::uint64_t leaf_index, TreeSize size, const NodeSource& nodes) {
    if (leaf_index >= size.value) {
        return bad_size("leaf " + std::to_string(leaf_index) + " is not below the size " +
                        std::to_string(size.value));
    }
    Path path;
    auto built = build_inclusion(path, leaf_index, {0, size.value}, nodes);
    if (!built) return std::move(built).error();
    return path;
}

Result<Path> consistency_path(TreeSize old_size, TreeSize new_size, const NodeSource& nodes) {
    if (old_size > new_size) {
        return bad_size("old size " + std::to_string(old_size.value) + " is above the new size " +
                        std::to_string(new_size.value));
    }
    if (old_size == new_size) return Path();
    if (old_size.value == 0) return bad_size("no path leads from the empty tree to another");
    Path path;
    auto built = build_consistency(path, old_size.value, {0, new_size.value}, true, nodes);
    if (!built) return std::move(built).error();
    return path;
}

Result<Path> inclusion_path(std::uint64_t leaf_index, std::span<const Hash> leaves) {
    return inclusion_path(leaf_index, TreeSize(leaves.size()), [&](NodeId id) -> Result<Hash> {
        return root_of(leaves.subspan(id.index << id.level, std::size_t{1} << id.level));
    });
}

}  // namespace anchorlog::merkle
