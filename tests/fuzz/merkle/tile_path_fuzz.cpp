#include <limits>
#include <string>

#include "anchorlog/merkle/tiles.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

// Three levels of tiles.
constexpr std::uint64_t kListedSizeMax = 70'000;

void check_tiles_of(TreeSize size) {
    std::uint64_t entries = 0;
    std::uint64_t leaves = 0;
    const auto listed = merkle::for_each_tile(size, [&](const merkle::Tile& tile) {
        require(merkle::has_tile(size, tile), "a tree has the tiles that are listed for it");
        require(merkle::parse_tile_path(merkle::format_tile_path(tile)) == tile,
                "a tile's path leads to it");
        if (tile.is_bundle) entries += tile.width;
        if (!tile.is_bundle && tile.level == 0) leaves += tile.width;
        return Result<void>();
    });
    require(listed && entries == size.value && leaves == size.value,
            "the tiles hold every entry once");
}

// The entries of a bundle, after their lengths.
void check_bundle(merkle::Tile tile, std::string_view entry) {
    tile.number = 0;
    const auto bundle = merkle::render_tile(
        tile, [](merkle::NodeId) { return Hash(); },
        [&](std::uint64_t i) { return std::string(entry.substr(i % (entry.size() + 1))); });
    require(bundle.has_value() == (entry.size() <= merkle::kBundledEntrySizeMax),
            "entries fit a bundle up to its limit");
    if (!bundle) return;
    std::string_view rest(*bundle);
    for (std::uint64_t i = 0; i < tile.width; ++i) {
        const std::string_view wanted = entry.substr(i % (entry.size() + 1));
        require(rest.size() >= 2, "an entry has its length");
        const std::size_t size = std::size_t{static_cast<std::uint8_t>(rest[0])} << 8 |
                                 static_cast<std::uint8_t>(rest[1]);
        require(rest.substr(2, size) == wanted, "an entry of a bundle is as it was");
        rest.remove_prefix(2 + wanted.size());
    }
    require(rest.empty(), "a bundle ends with its last entry");
}

}  // namespace

// The size of a tree in 8 bytes, then a path as a client asks for it.
void tile_path(ByteView input) {
    InputReader reader(input);
    const TreeSize size(reader.number());
    const std::string_view path = as_text(reader.rest());
    check_tiles_of(TreeSize(size.value % kListedSizeMax));
    const auto tile = merkle::parse_tile_path(path);
    if (!tile) return;
    require(merkle::format_tile_path(*tile) == path, "a tile has one path");
    require(tile->width > 0 && tile->width <= merkle::kTileWidthMax, "a tile has up to 256 hashes");
    require(!tile->is_bundle || tile->level == 0, "bundles stand under level 0");
    if (tile->is_bundle) check_bundle(*tile, path);
    const TreeSize largest(std::numeric_limits<std::uint64_t>::max());
    require(!merkle::has_tile(size, *tile) || merkle::has_tile(largest, *tile),
            "a tree that grows keeps its tiles");
}

}  // namespace anchorlog::fuzz
