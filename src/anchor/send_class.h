#pragma once

#include <cstdint>
#include <string_view>

#include "anchorlog/anchor/chain_client.h"

namespace anchorlog::anchor {

// What a node meant by refusing a transaction. Nodes agree on no codes, so their texts are the
// interface: geth, Erigon, Nethermind, Besu, OP, Arbitrum, anvil, Ganache. A text nobody knows is
// `unknown`, which is retried, never taken for success. `http_status` 200 unless the node said
// otherwise; `code` 0 when the answer held no JSON-RPC error.
[[nodiscard]] SendClass classify_send(long http_status, std::int64_t code,
                                      std::string_view message);

[[nodiscard]] std::string_view to_string(SendClass kind) noexcept;

}  // namespace anchorlog::anchor
