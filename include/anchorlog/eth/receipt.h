#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::eth {

inline constexpr std::size_t kBloomSize = 256;
inline constexpr std::uint8_t kDepositType = 0x7e;
// The EVM's LOG instructions take at most four.
inline constexpr std::size_t kTopicsMax = 4;

// A transaction receipt as the receipt trie holds it (EIP-658, EIP-2718).
struct Receipt {
    std::uint8_t type = 2;  // 0: legacy, without a type byte
    bool succeeded = false;
    std::uint64_t cumulative_gas = 0;
    std::array<std::uint8_t, kBloomSize> bloom{};
    std::vector<Log> logs;  // address, topics and data only
    // Of an OP-stack deposit alone: its nonce and the version of its receipt, as far as given.
    std::vector<std::uint64_t> deposit;
};

[[nodiscard]] Bytes encode_receipt(const Receipt& receipt);
// Strict; receipts from before Byzantium (a state root in place of the status) are refused.
[[nodiscard]] Result<Receipt> parse_receipt(ByteView bytes);

}  // namespace anchorlog::eth
