#include "app/tile_page.h"

#include "anchorlog/base/log.h"
#include "anchorlog/merkle/tiles.h"

namespace anchorlog::app {
namespace {

constexpr const char* kText = "text/plain; charset=utf-8";

net::HttpReply render(const ledger::StateIndex& state, const SealedBook& book,
                      const merkle::Tile& tile) {
    std::vector<std::string> headers;
    const std::uint64_t first = tile.number * merkle::kTileWidthMax;
    if (tile.is_bundle) {
        auto read = book.headers(BatchId(first), tile.width);
        if (!read) return {500, kText, "batches/ cannot be read, see the log\n"};
        headers = std::move(*read);
    }
    const auto bytes = merkle::render_tile(
        tile, [&state](merkle::NodeId id) { return state.node(id); },
        [&](std::uint64_t batch) -> Result<std::string> { return headers[batch - first]; });
    if (!bytes) {
        log(LogLevel::error, "tile_unreadable", {{"error", bytes.error().message}});
        return {500, kText, "the state cannot be read, see the log\n"};
    }
    return {200, "application/octet-stream", *bytes, "public, max-age=31536000, immutable"};
}

}  // namespace

std::optional<net::HttpReply> tile_page(const ledger::StateIndex& state, const SealedBook& book,
                                        const Published& published, const std::string& path) {
    if (path == "/checkpoint") return net::HttpReply{200, kText, *published.checkpoint};
    if (!path.starts_with("/tile/")) return std::nullopt;
    const auto tile = merkle::parse_tile_path(path.substr(1));
    if (!tile || !merkle::has_tile(TreeSize(published.batches), *tile)) {
        return net::HttpReply{404, kText, "no such tile at this size\n"};
    }
    return render(state, book, *tile);
}

}  // namespace anchorlog::app
