#include <bit>

#include "anchorlog/merkle/tree.h"

// Names as in RFC 9162 §2.1.3.2 and §2.1.4.2: fn and sn are the positions, in the level at hand,
// of the node proved and of the last node.
namespace anchorlog::merkle {

namespace {

struct Position {
    std::uint64_t fn = 0;
    std::uint64_t sn = 0;

    void up() {
        fn >>= 1U;
        sn >>= 1U;
    }
    // The node is a right child, or the last one, whose next sibling lies some levels up.
    [[nodiscard]] bool has_left_sibling() const { return (fn & 1U) != 0 || fn == sn; }
    void skip_levels_without_sibling() {
        while ((fn & 1U) == 0 && fn != 0) up();
    }
};

}  // namespace

std::optional<Hash> inclusion_root(std::uint64_t leaf_index, TreeSize size, const Hash& leaf,
                                   std::span<const Hash> path) {
    if (leaf_index >= size.value) return std::nullopt;
    Position at{leaf_index, size.value - 1};
    Hash r = leaf;
    for (const Hash& p : path) {
        if (at.sn == 0) return std::nullopt;
        if (at.has_left_sibling()) {
            r = hash_node(p, r);
            at.skip_levels_without_sibling();
        } else {
            r = hash_node(r, p);
        }
        at.up();
    }
    if (at.sn != 0) return std::nullopt;
    return r;
}

bool verify_inclusion(std::uint64_t leaf_index, TreeSize size, const Hash& leaf,
                      std::span<const Hash> path, const Hash& root) {
    return inclusion_root(leaf_index, size, leaf, path) == root;
}

bool verify_consistency(TreeSize old_size, TreeSize new_size, const Hash& old_root,
                        const Hash& new_root, std::span<const Hash> path) {
    if (old_size > new_size) return false;
    if (old_size == new_size) {
        // A head of size 0 that carries anything but the empty root is a lie, also to itself.
        const bool is_root_possible = old_size.value != 0 || old_root == empty_root();
        return path.empty() && old_root == new_root && is_root_possible;
    }
    // Every tree extends the empty one, so such a path would prove nothing.
    if (old_size.value == 0 || path.empty()) return false;

    Position at{old_size.value - 1, new_size.value - 1};
    while ((at.fn & 1U) != 0) at.up();
    // An old tree that is a perfect subtree is its own first hash; the path leaves it out.
    const bool starts_at_old_root = std::has_single_bit(old_size.value);
    Hash fr = starts_at_old_root ? old_root : path.front();
    Hash sr = fr;
    for (const Hash& c : path.subspan(starts_at_old_root ? 0 : 1)) {
        if (at.sn == 0) return false;
        if (at.has_left_sibling()) {
            fr = hash_node(c, fr);
            sr = hash_node(c, sr);
            at.skip_levels_without_sibling();
        } else {
            sr = hash_node(sr, c);
        }
        at.up();
    }
    return at.sn == 0 && fr == old_root && sr == new_root;
}

std::optional<PrefixRoots> prefix_roots(std::uint64_t leaf_index, TreeSize size, const Hash& leaf,
                                        std::span<const Hash> path, const Hash& root) {
    if (!verify_inclusion(leaf_index, size, leaf, path, root)) return std::nullopt;
    PrefixRoots roots{empty_root(), leaf};
    bool is_first = true;
    Position at{leaf_index, size.value - 1};
    for (const Hash& p : path) {
        if (at.has_left_sibling()) {
            roots.before = is_first ? p : hash_node(p, roots.before);
            roots.through = hash_node(p, roots.through);
            is_first = false;
            at.skip_levels_without_sibling();
        }
        at.up();
    }
    return roots;
}

}  // namespace anchorlog::merkle
