#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog::eth {

using Address = std::array<std::uint8_t, 20>;

// An event as a receipt holds it.
struct Log {
    Address address{};
    std::vector<Hash> topics;
    Bytes data;
    // Set when the log came from a node's answer; not part of what a receipt proves.
    std::uint64_t block_number = 0;
    Hash block_hash;
    Hash transaction_hash;
    std::uint64_t log_index = 0;
};

// EIP-55 mixed case with 0x.
[[nodiscard]] std::string format_address(const Address& address);
// Requires 0x and, unless all letters have one case, a right EIP-55 checksum.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

}  // namespace anchorlog::eth
