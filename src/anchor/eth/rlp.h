#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::eth {

// Deeper lists are refused; nothing Ethereum hashes comes near.
inline constexpr int kRlpDepthMax = 32;
// An item in memory is much larger than the byte it may stand for.
inline constexpr std::size_t kRlpItemsMax = std::size_t{1} << 18;

// One value of the Recursive Length Prefix encoding (Ethereum yellow paper, appendix B). The views
// point into the decoded bytes, which must outlive the item.
struct RlpItem {
    bool is_list = false;
    ByteView payload;            // without the length prefix
    ByteView encoded;            // with it
    std::vector<RlpItem> items;  // of a list
};

// Strict: one value, shortest form only, no bytes behind it. Errors are invalid_input.
[[nodiscard]] Result<RlpItem> decode_rlp(ByteView bytes);

// What a string item means; refuse lists, wrong sizes and leading zeros.
[[nodiscard]] Result<std::uint64_t> rlp_uint(const RlpItem& item);
[[nodiscard]] Result<Hash> rlp_hash(const RlpItem& item);
[[nodiscard]] Result<Address> rlp_address(const RlpItem& item);

void append_rlp(Bytes& out, ByteView string);
// Big-endian without leading zeros; 0 is the empty string.
void append_rlp_uint(Bytes& out, std::uint64_t value);
// A big-endian integer of any width; its leading zeros are dropped.
void append_rlp_integer(Bytes& out, ByteView big_endian);
// Puts the list prefix in front of items that are encoded already.
void append_rlp_list(Bytes& out, ByteView encoded_items);
[[nodiscard]] Bytes rlp_list(ByteView encoded_items);

}  // namespace anchorlog::eth
