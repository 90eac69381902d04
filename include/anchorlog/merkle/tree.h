#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"

namespace anchorlog::merkle {

// RFC 9162 §2.1.1 with SHA-256: leaf = H(0x00 ‖ data), node = H(0x01 ‖ left ‖ right),
// empty tree = H(""). All functions are pure. Any thread.
[[nodiscard]] Hash hash_leaf(ByteView data);
[[nodiscard]] Hash hash_node(const Hash& left, const Hash& right);
[[nodiscard]] Hash empty_root();
[[nodiscard]] Hash root_of(std::span<const Hash> leaves);

// The node at (level, index) covers leaves [index·2^level, (index+1)·2^level): a perfect subtree.
struct NodeId {
    std::uint32_t level = 0;
    std::uint64_t index = 0;
    friend auto operator<=>(const NodeId&, const NodeId&) = default;
};
// Gives the hash of a perfect subtree that lies wholly inside the tree.
using NodeSource = std::function<Result<Hash>(NodeId)>;

// The right edge of a growing tree: O(log n) memory, O(1) amortised append.
class CompactRange {
public:
    CompactRange() = default;
    // Takes up a tree of `size` leaves from its stored nodes.
    [[nodiscard]] static Result<CompactRange> restore(TreeSize size, const NodeSource& nodes);

    // Appends one leaf hash; calls `made` (if set) for every perfect subtree this completes,
    // level 0 (the leaf itself) first, so that a store can keep them.
    void append(const Hash& leaf, const std::function<void(NodeId, const Hash&)>& made = nullptr);
    [[nodiscard]] TreeSize size() const { return size_; }
    [[nodiscard]] Hash root() const;

private:
    TreeSize size_;
    std::vector<Hash> peaks_;  // one per set bit of size_, largest subtree first
};

using Path = std::vector<Hash>;  // leaf to root

// RFC 9162 §2.1.3.1 and §2.1.4.1, from stored perfect subtrees.
[[nodiscard]] Result<Path> inclusion_path(std::uint64_t leaf_index, TreeSize size,
                                          const NodeSource& nodes);
[[nodiscard]] Result<Path> consistency_path(TreeSize old_size, TreeSize new_size,
                                            const NodeSource& nodes);
// The same over leaves in memory (a batch is at most 65,536 of them).
[[nodiscard]] Result<Path> inclusion_path(std::uint64_t leaf_index, std::span<const Hash> leaves);

// RFC 9162 §2.1.3.2 and §2.1.4.2. The root an inclusion path leads to; nothing when it cannot be a
// path of that leaf in a tree of that size.
[[nodiscard]] std::optional<Hash> inclusion_root(std::uint64_t leaf_index, TreeSize size,
                                                 const Hash& leaf, std::span<const Hash> path);
[[nodiscard]] bool verify_inclusion(std::uint64_t leaf_index, TreeSize size, const Hash& leaf,
                                    std::span<const Hash> path, const Hash& root);
[[nodiscard]] bool verify_consistency(TreeSize old_size, TreeSize new_size, const Hash& old_root,
                                      const Hash& new_root, std::span<const Hash> path);

// The roots of a leaf's own past, which its path holds: the left siblings are the peaks of the
// tree before it.
struct PrefixRoots {
    Hash before;   // of the leaves before it
    Hash through;  // of those and the leaf
};
// Nothing where the path does not verify: then it holds nothing.
[[nodiscard]] std::optional<PrefixRoots> prefix_roots(std::uint64_t leaf_index, TreeSize size,
                                                      const Hash& leaf, std::span<const Hash> path,
                                                      const Hash& root);

}  // namespace anchorlog::merkle
