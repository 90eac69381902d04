#include "anchorlog/merkle/tiles.h"

#include <gtest/gtest.h>

#include <map>

#include "unit/merkle/reference_tree.h"

namespace anchorlog::merkle {
namespace {

using testing::counted_leaves;
using testing::reference_root;

std::map<std::string, Tile> tiles_of(std::uint64_t size) {
    std::map<std::string, Tile> all;
    const auto done = for_each_tile(TreeSize(size), [&](const Tile& tile) -> Result<void> {
        EXPECT_TRUE(has_tile(TreeSize(size), tile)) << format_tile_path(tile);
        EXPECT_EQ(parse_tile_path(format_tile_path(tile)), tile);
        EXPECT_TRUE(all.emplace(format_tile_path(tile), tile).second);
        return {};
    });
    EXPECT_TRUE(done);
    return all;
}

std::vector<std::string> paths_of(std::uint64_t size) {
    std::vector<std::string> paths;
    for (const auto& [path, tile] : tiles_of(size)) paths.push_back(path);
    return paths;
}

TEST(Tiles, PathsAreThoseOfTheSpecification) {
    EXPECT_EQ(format_tile_path({false, 0, 1'234'067, 256}), "tile/0/x001/x234/067");
    EXPECT_EQ(format_tile_path({false, 3, 67, 17}), "tile/3/067.p/17");
    EXPECT_EQ(format_tile_path({true, 0, 1'000, 1}), "tile/entries/x001/000.p/1");
    for (const char* path : {"",
                             "tile",
                             "tile/0",
                             "tile/0/",
                             "tile/0/67",
                             "tile/0/0067",
                             "tile/00/067",
                             "tile/64/000",
                             "tile/-1/000",
                             "tile/0/x000/067",
                             "tile/0/001/067",
                             "tile/0/x001/x067",
                             "tile/0/067/",
                             "/tile/0/067",
                             "tile/0/067.p/0",
                             "tile/0/067.p/256",
                             "tile/0/067.p/01",
                             "tile/0/067.p/",
                             "tile/0/067.p",
                             "tile/0/067.p/1/",
                             "tile/0/067.p/1.p/1",
                             "tile/entry/000",
                             "tile/0/x018/x446/x744/x073/x709/x551/616",
                             "tile/0/../067"}) {
        EXPECT_FALSE(parse_tile_path(path)) << path;
    }
}

TEST(Tiles, ATreeHasTheTilesThatItsSizeSays) {
    EXPECT_TRUE(paths_of(0).empty());
    EXPECT_EQ(paths_of(1), (std::vector<std::string>{"tile/0/000.p/1", "tile/entries/000.p/1"}));
    EXPECT_EQ(paths_of(256),
              (std::vector<std::string>{"tile/0/000", "tile/1/000.p/1", "tile/entries/000"}));
    const auto large = tiles_of(70'000);  // the specification's own example
    EXPECT_EQ(large.size(), 2u * 274 + 1 + 1 + 1);
    for (const char* path : {"tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17",
                             "tile/2/000.p/1", "tile/entries/273.p/112"}) {
        EXPECT_TRUE(large.contains(path)) << path;
    }
}

TEST(Tiles, WhatIsNotThereYetIsNotHad) {
    const TreeSize size(300);
    EXPECT_TRUE(has_tile(size, {false, 0, 0, 256}));
    EXPECT_TRUE(has_tile(size, {false, 0, 0, 17})) << "an older tree's";
    EXPECT_TRUE(has_tile(size, {true, 0, 1, 44}));
    EXPECT_FALSE(has_tile(size, {false, 0, 1, 45}));
    EXPECT_FALSE(has_tile(size, {false, 0, 1, 256}));
    EXPECT_FALSE(has_tile(size, {false, 0, 2, 1}));
    EXPECT_TRUE(has_tile(size, {false, 1, 0, 1}));
    EXPECT_FALSE(has_tile(size, {false, 1, 0, 2}));
    EXPECT_FALSE(has_tile(size, {false, 2, 0, 1}));
    EXPECT_FALSE(has_tile(size, {false, 8, 0, 1}));
    EXPECT_FALSE(has_tile(size, {false, 0, ~std::uint64_t{0} / 256 + 1, 1}));
}

TEST(Tiles, HashesOfALevelAreRootsOfTheTilesBelow) {
    const auto leaves = counted_leaves(600);
    std::map<NodeId, Hash> kept;
    CompactRange range;
    for (const Hash& leaf : leaves) {
        range.append(leaf, [&kept](NodeId id, const Hash& hash) { kept[id] = hash; });
    }
    const NodeSource nodes = [&kept](NodeId id) -> Result<Hash> {
        return kept.at(id);
    };
    const auto hashes = [&](const Tile& tile) {
        auto bytes = render_tile(tile, nodes, nullptr);
        EXPECT_TRUE(bytes);
        EXPECT_EQ(bytes->size(), tile.width * Hash::kSize);
        return *bytes;
    };
    const auto text = [](const Hash& hash) {
        return std::string(hash.bytes.begin(), hash.bytes.end());
    };
    const std::span<const Hash> all = leaves;
    EXPECT_EQ(hashes({false, 0, 2, 88}).substr(87 * Hash::kSize), text(leaves[599]));
    EXPECT_EQ(hashes({false, 1, 0, 2}),
              text(reference_root(all.first(256))) + text(reference_root(all.subspan(256, 256))));
}

TEST(Tiles, ABundleIsEntriesWithTheirLengths) {
    const auto entries = [](std::uint64_t index) -> Result<std::string> {
        if (index == 2) return std::string(kBundledEntrySizeMax, 'x');
        if (index > 2) return std::string(kBundledEntrySizeMax + 1, 'x');
        return std::string(index, 'e');
    };
    const auto bytes = render_tile({true, 0, 0, 3}, nullptr, entries);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(bytes->substr(0, 7), std::string("\0\0\0\1e\xff\xff", 7));
    EXPECT_EQ(bytes->size(), 7 + kBundledEntrySizeMax);
    EXPECT_FALSE(render_tile({true, 0, 0, 4}, nullptr, entries));
}

}  // namespace
}  // namespace anchorlog::merkle
