#pragma once

#include <optional>
#include <string>

#include "anchorlog/ledger/state_index.h"
#include "anchorlog/net/local_http.h"
#include "app/commit_core.h"
#include "app/read_side.h"

namespace anchorlog::app {

// /checkpoint and /tile/… of C2SP tlog-tiles over the history tree, rendered from the state and
// batches/ as they are asked for; nothing for other paths. Read thread.
[[nodiscard]] std::optional<net::HttpReply> tile_page(const ledger::StateIndex& state,
                                                      const SealedBook& book,
                                                      const Published& published,
                                                      const std::string& path);

}  // namespace anchorlog::app
