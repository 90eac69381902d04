#include "anchorlog/merkle/tree.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>

#include "unit/merkle/reference_tree.h"

namespace anchorlog::merkle {
namespace {

using testing::ct_leaves;
using testing::hashes;
using testing::kSizeMax;
using testing::Log;

TEST(Hashing, PrefixesKeepLeavesAndNodesApart) {
    EXPECT_EQ(to_hex(empty_root()),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(hash_leaf({})),
              "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    const Hash a = hash_leaf(as_bytes("a"));
    const Hash b = hash_leaf(as_bytes("b"));
    Bytes joined;
    append(joined, a.bytes);
    append(joined, b.bytes);
    EXPECT_NE(hash_node(a, b), hash_leaf(joined));
    EXPECT_NE(hash_node(a, b), hash_node(b, a));
}

TEST(Roots, PublishedTreeOfEightLeaves) {
    const std::vector<std::string> roots{
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    const std::vector<Hash> leaves = ct_leaves();
    for (std::size_t size = 0; size < roots.size(); ++size) {
        EXPECT_EQ(to_hex(root_of(std::span(leaves).first(size))), roots[size]) << size;
    }
}

TEST(Paths, PublishedTreeOfEightLeaves) {
    const std::string n01 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    const std::string n23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    const std::string n47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
    const std::string n4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
    const std::string n67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
    const std::string n03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
    const std::string n45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    const std::string n0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    const std::string n01_root = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
    const std::vector<Hash> leaves = ct_leaves();
    EXPECT_EQ(*inclusion_path(0, leaves), hashes({n01, n23, n47}));
    EXPECT_EQ(*inclusion_path(5, leaves), hashes({n4, n67, n03}));
    EXPECT_EQ(*inclusion_path(2, std::span(leaves).first(3)), hashes({n01_root}));
    EXPECT_EQ(*inclusion_path(1, std::span(leaves).first(5)), hashes({n0, n23, n4}));

    const Log log(leaves);
    EXPECT_EQ(*consistency_path(TreeSize(1), TreeSize(8), log.source()), hashes({n01, n23, n47}));
    EXPECT_EQ(*consistency_path(TreeSize(6), TreeSize(8), log.source()), hashes({n45, n67, n03}));
    EXPECT_EQ(*consistency_path(TreeSize(2), TreeSize(5), log.source()), hashes({n23, n4}));
    EXPECT_TRUE(consistency_path(TreeSize(8), TreeSize(8), log.source())->empty());
}

TEST(CompactRange, EveryPrefixHasItsRoot) {
    const Log log(testing::counted_leaves(kSizeMax));
    CompactRange range;
    EXPECT_EQ(range.root(), empty_root());
    for (std::size_t size = 1; size <= kSizeMax; ++size) {
        range.append(log.leaves()[size - 1]);
        EXPECT_EQ(range.size(), TreeSize(size));
        EXPECT_EQ(range.root(), log.root(size)) << size;
    }
}

TEST(CompactRange, TellsOfEachPerfectSubtreeOnceAndInOrder) {
    const std::vector<Hash> leaves = testing::counted_leaves(kSizeMax);
    std::map<NodeId, Hash> seen;
    CompactRange range;
    for (std::uint64_t i = 0; i < leaves.size(); ++i) {
        std::uint32_t level = 0;
        range.append(leaves[i], [&](NodeId id, const Hash& hash) {
            EXPECT_EQ(id.level, level);
            EXPECT_EQ(id.index, i >> level);
            ++level;
            const std::uint64_t width = std::uint64_t{1} << id.level;
            EXPECT_EQ(hash,
                      testing::reference_root(std::span(leaves).subspan(id.index * width, width)));
            EXPECT_TRUE(seen.emplace(id, hash).second);
        });
        // Appending leaf i completes as many subtrees as i + 1 has trailing zeros, and itself.
        EXPECT_EQ(level, static_cast<std::uint32_t>(std::countr_zero(i + 1)) + 1);
    }
}

TEST(CompactRange, RestoresFromItsNodesAndGoesOn) {
    const Log log(testing::counted_leaves(kSizeMax));
    for (std::size_t size = 0; size < kSizeMax; ++size) {
        auto range = CompactRange::restore(TreeSize(size), log.source());
        ASSERT_TRUE(range);
        EXPECT_EQ(range->size(), TreeSize(size));
        EXPECT_EQ(range->root(), log.root(size));
        for (std::size_t i = size; i < kSizeMax; ++i) range->append(log.leaves()[i]);
        EXPECT_EQ(range->root(), log.root(kSizeMax));
    }
}

TEST(NodeSource, OnlyNodesInsideTheTreeAreAskedFor) {
    const Log log(testing::counted_leaves(kSizeMax));
    for (std::uint64_t size = 1; size <= kSizeMax; ++size) {
        const NodeSource strict = [&](NodeId id) -> Result<Hash> {
            EXPECT_LE((id.index + 1) << id.level, size);
            return log.source()(id);
        };
        for (std::uint64_t i = 0; i < size; ++i) {
            EXPECT_TRUE(inclusion_path(i, TreeSize(size), strict));
            EXPECT_TRUE(consistency_path(TreeSize(i + 1), TreeSize(size), strict));
        }
        EXPECT_TRUE(CompactRange::restore(TreeSize(size), strict));
    }
}

TEST(NodeSource, AFailureIsPassedOn) {
    const NodeSource broken = [](NodeId) -> Result<Hash> {
        return Error{Errc::corruption, "node lost"};
    };
    EXPECT_EQ(inclusion_path(2, TreeSize(5), broken).error().message, "node lost");
    EXPECT_EQ(consistency_path(TreeSize(2), TreeSize(5), broken).error().code, Errc::corruption);
    EXPECT_EQ(CompactRange::restore(TreeSize(5), broken).error().code, Errc::corruption);
    EXPECT_TRUE(CompactRange::restore(TreeSize(0), broken));
}

TEST(Paths, WhatDoesNotExistIsRefused) {
    const Log log(testing::counted_leaves(8));
    for (const std::uint64_t index : {8ULL, 9ULL, ~0ULL}) {
        EXPECT_EQ(inclusion_path(index, TreeSize(8), log.source()).error().code,
                  Errc::invalid_input);
        EXPECT_FALSE(inclusion_path(index, log.leaves()));
    }
    EXPECT_FALSE(inclusion_path(0, TreeSize(0), log.source()));
    EXPECT_FALSE(inclusion_path(0, std::span<const Hash>()));
    EXPECT_EQ(consistency_path(TreeSize(8), TreeSize(7), log.source()).error().code,
              Errc::invalid_input);
    EXPECT_FALSE(consistency_path(TreeSize(0), TreeSize(7), log.source()));
    EXPECT_TRUE(consistency_path(TreeSize(0), TreeSize(0), log.source())->empty());
}

}  // namespace
}  // namespace anchorlog::merkle
