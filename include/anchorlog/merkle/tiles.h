#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/merkle/tree.h"

namespace anchorlog::merkle {

// A tree as static files (C2SP tlog-tiles): tiles of up to 256 hashes, each level eight levels of
// the tree above the one below, and bundles of the up to 256 entries under a tile of level 0.
// All functions are pure. Any thread.
inline constexpr std::uint32_t kTileWidthMax = 256;
inline constexpr std::size_t kBundledEntrySizeMax = 65'535;  // its length has 16 bits

struct Tile {
    bool is_bundle = false;  // of entries; `level` is 0 then
    std::uint32_t level = 0;
    std::uint64_t number = 0;             // within the level
    std::uint32_t width = kTileWidthMax;  // less: a partial one

    friend bool operator==(const Tile&, const Tile&) = default;
};
// Below the log's prefix: tile/0/x001/067.p/17, tile/entries/000.
[[nodiscard]] std::string format_tile_path(const Tile& tile);
// Nothing for anything but what format_tile_path writes.
[[nodiscard]] std::optional<Tile> parse_tile_path(std::string_view path);

// Whether a tree of that size holds all of it. That is so of any partial tile it has outgrown.
[[nodiscard]] bool has_tile(TreeSize size, const Tile& tile);
// What a client of a tree of that size needs: bundles first, then tiles by level, each in order,
// the last of a level partial where the size says so. Ends with the first error of `visit`.
[[nodiscard]] Result<void> for_each_tile(TreeSize size,
                                         const std::function<Result<void>(const Tile&)>& visit);

// Gives the entry whose hash is leaf `index`; asked for in order.
using EntrySource = std::function<Result<std::string>(std::uint64_t index)>;
// The file of a tile that the tree has; errors are those of the sources, and an entry that is
// too long for a bundle.
[[nodiscard]] Result<std::string> render_tile(const Tile& tile, const NodeSource& nodes,
                                              const EntrySource& entries);

}  // namespace anchorlog::merkle
