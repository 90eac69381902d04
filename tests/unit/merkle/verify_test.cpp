#include <gtest/gtest.h>

#include "anchorlog/merkle/tree.h"
#include "unit/merkle/reference_tree.h"

namespace anchorlog::merkle {
namespace {

using testing::kSizeMax;
using testing::Log;

Hash flipped(Hash hash) {
    hash.bytes[31] ^= 1U;
    return hash;
}

// Every change of a good path that a liar would try first.
std::vector<Path> forgeries(const Path& good) {
    std::vector<Path> bad;
    for (std::size_t i = 0; i < good.size(); ++i) {
        bad.push_back(good);
        bad.back()[i] = flipped(good[i]);
        bad.push_back(good);
        bad.back().erase(bad.back().begin() + static_cast<std::ptrdiff_t>(i));
        bad.push_back(good);
        bad.back().insert(bad.back().begin() + static_cast<std::ptrdiff_t>(i), good[i]);
        if (i > 0) {
            bad.push_back(good);
            std::swap(bad.back()[i - 1], bad.back()[i]);
        }
    }
    bad.push_back(good);
    bad.back().push_back(empty_root());
    bad.push_back(good);
    bad.back().push_back(Hash{});
    return bad;
}

class Verify : public ::testing::Test {
protected:
    const Log log_{testing::counted_leaves(kSizeMax)};
};

TEST_F(Verify, EveryInclusionPathAndNoOtherLeafOrIndex) {
    for (std::uint64_t size = 1; size <= kSizeMax; ++size) {
        const Hash& root = log_.root(size);
        const std::span<const Hash> leaves = std::span(log_.leaves()).first(size);
        for (std::uint64_t i = 0; i < size; ++i) {
            const auto path = inclusion_path(i, TreeSize(size), log_.source());
            ASSERT_TRUE(path);
            EXPECT_EQ(*path, *inclusion_path(i, leaves));
            EXPECT_TRUE(verify_inclusion(i, TreeSize(size), leaves[i], *path, root));
            EXPECT_FALSE(verify_inclusion(i, TreeSize(size), flipped(leaves[i]), *path, root));
            EXPECT_FALSE(verify_inclusion(i, TreeSize(size), leaves[i], *path, flipped(root)));
            EXPECT_FALSE(verify_inclusion(i + 1, TreeSize(size), leaves[i], *path, root));
            EXPECT_FALSE(verify_inclusion(i ^ 1U, TreeSize(size), leaves[i], *path, root));
            EXPECT_FALSE(verify_inclusion(size, TreeSize(size), leaves[i], *path, root));
        }
    }
}

TEST_F(Verify, ForgedInclusionPaths) {
    for (const std::uint64_t size : {1U, 2U, 3U, 7U, 8U, 9U, 33U, 64U, 100U, 129U, 130U}) {
        for (std::uint64_t i = 0; i < size; ++i) {
            const auto path = inclusion_path(i, TreeSize(size), log_.source());
            ASSERT_TRUE(path);
            for (const Path& bad : forgeries(*path)) {
                EXPECT_FALSE(
                    verify_inclusion(i, TreeSize(size), log_.leaves()[i], bad, log_.root(size)))
                    << i << " of " << size;
            }
        }
    }
}

TEST_F(Verify, NothingIsInAnEmptyTree) {
    EXPECT_FALSE(verify_inclusion(0, TreeSize(0), empty_root(), {}, empty_root()));
    EXPECT_FALSE(verify_inclusion(0, TreeSize(0), Hash{}, {}, Hash{}));
    EXPECT_FALSE(verify_inclusion(~0ULL, TreeSize(0), Hash{}, {}, Hash{}));
    // The only leaf is the root, and needs no path.
    EXPECT_TRUE(verify_inclusion(0, TreeSize(1), log_.leaves()[0], {}, log_.leaves()[0]));
}

TEST_F(Verify, HugeSizesEnd) {
    const Path path(64, Hash{});
    EXPECT_FALSE(verify_inclusion(~0ULL - 1, TreeSize(~0ULL), Hash{}, path, Hash{}));
    EXPECT_FALSE(verify_inclusion(0, TreeSize(~0ULL), Hash{}, Path(1000), Hash{}));
    EXPECT_FALSE(
        verify_consistency(TreeSize(~0ULL - 1), TreeSize(~0ULL), Hash{}, Hash{}, Path(1000)));
}

TEST_F(Verify, EveryConsistencyPathAndNoOtherRootOrSize) {
    for (std::uint64_t size = 1; size <= kSizeMax; ++size) {
        for (std::uint64_t old = 1; old <= size; ++old) {
            const auto path = consistency_path(TreeSize(old), TreeSize(size), log_.source());
            ASSERT_TRUE(path);
            const auto holds = [&](std::uint64_t m, std::uint64_t n, const Hash& a, const Hash& b) {
                return verify_consistency(TreeSize(m), TreeSize(n), a, b, *path);
            };
            const Hash& a = log_.root(old);
            const Hash& b = log_.root(size);
            EXPECT_TRUE(holds(old, size, a, b)) << old << " to " << size;
            EXPECT_FALSE(holds(old, size, flipped(a), b));
            EXPECT_FALSE(holds(old, size, a, flipped(b)));
            EXPECT_FALSE(holds(old - 1, size, a, b));
            EXPECT_TRUE(old == size || !holds(size, old, b, a));
            EXPECT_TRUE(old == size || !holds(old, size, b, a));
        }
    }
}

TEST_F(Verify, ForgedConsistencyPaths) {
    for (const std::uint64_t size : {1U, 2U, 3U, 7U, 8U, 9U, 33U, 64U, 100U, 129U, 130U}) {
        for (std::uint64_t old = 1; old <= size; ++old) {
            const auto path = consistency_path(TreeSize(old), TreeSize(size), log_.source());
            ASSERT_TRUE(path);
            for (const Path& bad : forgeries(*path)) {
                EXPECT_FALSE(verify_consistency(TreeSize(old), TreeSize(size), log_.root(old),
                                                log_.root(size), bad))
                    << old << " to " << size;
            }
        }
    }
}

TEST_F(Verify, APathHoldsTheRootsOfItsLeafsPast) {
    for (std::uint64_t size = 1; size <= kSizeMax; ++size) {
        for (std::uint64_t index = 0; index < size; ++index) {
            const auto path = inclusion_path(index, TreeSize(size), log_.source());
            ASSERT_TRUE(path);
            const Hash& leaf = log_.leaves()[index];
            const auto roots = prefix_roots(index, TreeSize(size), leaf, *path, log_.root(size));
            ASSERT_TRUE(roots);
            EXPECT_EQ(roots->before, log_.root(index)) << index << " of " << size;
            EXPECT_EQ(roots->through, log_.root(index + 1)) << index << " of " << size;
            EXPECT_FALSE(
                prefix_roots(index, TreeSize(size), leaf, *path, flipped(log_.root(size))));
        }
    }
}

TEST_F(Verify, ARewrittenLogIsNotConsistent) {
    std::vector<Hash> other = log_.leaves();
    other[3] = flipped(other[3]);
    const Log rewritten(other);
    for (std::uint64_t size = 5; size <= kSizeMax; ++size) {
        const auto path = consistency_path(TreeSize(4), TreeSize(size), rewritten.source());
        ASSERT_TRUE(path);
        EXPECT_FALSE(verify_consistency(TreeSize(4), TreeSize(size), log_.root(4),
                                        rewritten.root(size), *path));
    }
}

TEST_F(Verify, AnEmptyHeadCarriesOnlyTheEmptyRootAndProvesNothing) {
    EXPECT_TRUE(verify_consistency(TreeSize(0), TreeSize(0), empty_root(), empty_root(), {}));
    EXPECT_FALSE(verify_consistency(TreeSize(0), TreeSize(0), Hash{}, Hash{}, {}));
    EXPECT_FALSE(verify_consistency(TreeSize(0), TreeSize(0), log_.root(3), log_.root(3), {}));
    EXPECT_FALSE(verify_consistency(TreeSize(0), TreeSize(3), empty_root(), log_.root(3), {}));
    EXPECT_FALSE(verify_consistency(TreeSize(0), TreeSize(3), empty_root(), log_.root(3),
                                    Path{log_.root(3)}));
    EXPECT_FALSE(verify_consistency(TreeSize(3), TreeSize(0), log_.root(3), empty_root(), {}));
}

TEST_F(Verify, EqualSizesNeedEqualRootsAndNoPath) {
    const Hash& root = log_.root(5);
    EXPECT_TRUE(verify_consistency(TreeSize(5), TreeSize(5), root, root, {}));
    EXPECT_FALSE(verify_consistency(TreeSize(5), TreeSize(5), root, flipped(root), {}));
    EXPECT_FALSE(verify_consistency(TreeSize(5), TreeSize(5), root, root, Path{root}));
}

}  // namespace
}  // namespace anchorlog::merkle
