#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <nlohmann/json_fwd.hpp>

#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog::anchor {

// Values of Ethereum's JSON-RPC, strictly: a quantity has no leading zeros, data has whole bytes,
// both begin with 0x and are lower case. Errors are invalid_input. Pure.
[[nodiscard]] Result<std::uint64_t> parse_quantity(const nlohmann::json& value);
[[nodiscard]] Result<Bytes> parse_data(const nlohmann::json& value);
[[nodiscard]] Result<Hash> parse_hash(const nlohmann::json& value);
// A quantity of up to 256 bits in decimal.
[[nodiscard]] Result<std::string> parse_wei(const nlohmann::json& value);
[[nodiscard]] std::string to_quantity(std::uint64_t value);
[[nodiscard]] std::string to_data(ByteView bytes);

// The deepest answer asked for nests five levels. Values of the JSON library are copied
// recursively, so a node could use up the thread's stack with a deeper one.
inline constexpr int kAnswerNestingMax = 32;
// Nothing when the text is not JSON or is nested too deeply.
[[nodiscard]] std::optional<nlohmann::json> parse_answer(std::string_view text);

// Refuses a block whose header, built from its members, does not hash to its hash.
[[nodiscard]] Result<ChainBlock> parse_block(const nlohmann::json& value);
// Refuses a receipt that contradicts itself; makes `encoded` from its members.
[[nodiscard]] Result<ChainReceipt> parse_chain_receipt(const nlohmann::json& value);
[[nodiscard]] Result<eth::Log> parse_chain_log(const nlohmann::json& value);

struct RpcError {
    std::int64_t code = 0;
    std::string message;
    Bytes revert_data;  // wherever this node puts it; empty when there is none
};
[[nodiscard]] RpcError parse_rpc_error(const nlohmann::json& value);
// No node agrees on the code of this one.
[[nodiscard]] bool is_unknown_method(const RpcError& error);

}  // namespace anchorlog::anchor
