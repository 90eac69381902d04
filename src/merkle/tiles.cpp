#include "anchorlog/merkle/tiles.h"

#include <charconv>

namespace anchorlog::merkle {
namespace {

constexpr std::uint32_t kTileHeight = 8;
constexpr std::uint32_t kTreeLevelsMax = 64;
constexpr std::size_t kGroupDigits = 3;

// 1234067 is x001/x234/067.
std::string number_path(std::uint64_t number) {
    std::string path;
    for (bool is_last = true; is_last || number > 0; is_last = false, number /= 1'000) {
        const std::string digits = std::to_string(number % 1'000);
        const std::string group = std::string(kGroupDigits - digits.size(), '0') + digits;
        path = is_last ? group : "x" + group + "/" + path;
    }
    return path;
}

// How many hashes a level of tiles holds.
std::uint64_t hashes_at(TreeSize size, std::uint32_t level) {
    const std::uint32_t shift = level * kTileHeight;
    return shift >= kTreeLevelsMax ? 0 : size.value >> shift;
}

std::optional<std::uint64_t> number_of(std::string_view digits) {
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return value;
}

// What stands before the next slash; the rest stays in `path`.
std::string_view take_part(std::string_view& path) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    return part;
}

Result<void> for_each_of(TreeSize size, Tile tile,
                         const std::function<Result<void>(const Tile&)>& visit) {
    const std::uint64_t count = hashes_at(size, tile.level);
    for (tile.number = 0; tile.number < count / kTileWidthMax; ++tile.number) {
        if (auto done = visit(tile); !done) return done;
    }
    tile.width = static_cast<std::uint32_t>(count % kTileWidthMax);
    return tile.width == 0 ? Result<void>() : visit(tile);
}

}  // namespace

std::string format_tile_path(const Tile& tile) {
    std::string path = "tile/" + (tile.is_bundle ? "entries" : std::to_string(tile.level)) + "/" +
                       number_path(tile.number);
    if (tile.width < kTileWidthMax) path += ".p/" + std::to_string(tile.width);
    return path;
}

std::optional<Tile> parse_tile_path(std::string_view path) {
    const std::string_view whole = path;
    Tile tile;
    if (take_part(path) != "tile") return std::nullopt;
    const std::string_view level = take_part(path);
    tile.is_bundle = level == "entries";
    const auto level_number = tile.is_bundle ? 0 : number_of(level);
    if (!level_number || *level_number >= kTreeLevelsMax) return std::nullopt;
    tile.level = static_cast<std::uint32_t>(*level_number);
    if (const std::size_t partial = path.find(".p/"); partial != std::string_view::npos) {
        const auto width = number_of(path.substr(partial + 3));
        if (!width || *width == 0 || *width >= kTileWidthMax) return std::nullopt;
        tile.width = static_cast<std::uint32_t>(*width);
        path = path.substr(0, partial);
    }
    std::string digits;
    while (!path.empty()) {
        std::string_view group = take_part(path);
        if (group.starts_with('x')) group.remove_prefix(1);
        digits += group;
    }
    const auto number = number_of(digits);
    if (!number) return std::nullopt;
    tile.number = *number;
    if (format_tile_path(tile) != whole) return std::nullopt;
    return tile;
}

bool has_tile(TreeSize size, const Tile& tile) {
    const std::uint64_t count = hashes_at(size, tile.level);
    return tile.number <= count / kTileWidthMax &&
           tile.number * kTileWidthMax + tile.width <= count;
}

Result<void> for_each_tile(TreeSize size, const std::function<Result<void>(const Tile&)>& visit) {
    Tile tile;
    tile.is_bundle = true;
    auto done = for_each_of(size, tile, visit);
    tile.is_bundle = false;
    for (; done && hashes_at(size, tile.level) > 0; ++tile.level) {
        done = for_each_of(size, tile, visit);
    }
    return done;
}

Result<std::string> render_tile(const Tile& tile, const NodeSource& nodes,
                                const EntrySource& entries) {
    std::string bytes;
    const std::uint64_t first = tile.number * kTileWidthMax;
    for (std::uint64_t i = first; i < first + tile.width; ++i) {
        if (!tile.is_bundle) {
            const auto hash = nodes(NodeId{tile.level * kTileHeight, i});
            if (!hash) return hash.error();
            bytes.append(hash->bytes.begin(), hash->bytes.end());
            continue;
        }
        const auto entry = entries(i);
        if (!entry) return entry.error();
        if (entry->size() > kBundledEntrySizeMax) {
            return Error{Errc::invalid_input,
                         "entry " + std::to_string(i) + " does not fit a bundle"};
        }
        bytes += static_cast<char>(entry->size() >> 8);
        bytes += static_cast<char>(entry->size() & 0xff);
        bytes += *entry;
    }
    return bytes;
}

}  // namespace anchorlog::merkle
