#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog::eth {

// What we use of a header; the block's hash is the Keccak-256 of the whole RLP.
struct BlockHeader {
    Hash parent_hash;
    Hash transactions_root;
    Hash receipts_root;
    std::uint64_t number = 0;
    std::uint64_t timestamp_s = 0;  // the chain's time, seconds since 1970
};

// Accepts every fork from Frontier on: 15 fields and whatever later forks put behind them.
[[nodiscard]] Result<BlockHeader> parse_block_header(ByteView rlp);

// Gives the text of a member of eth_getBlockByNumber's answer, nothing when it is absent or null.
using BlockMember = std::function<std::optional<std::string>(std::string_view name)>;
// The header's RLP made from those members ("0x…" hex). Fields that later forks added are taken
// in order as far as the node gives them. The caller must compare the hash: a fork with fields
// that are unknown here gives another one.
[[nodiscard]] Result<Bytes> encode_block_header(const BlockMember& member);

}  // namespace anchorlog::eth
