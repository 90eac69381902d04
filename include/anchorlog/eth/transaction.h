#pragma once

#include <cstdint>
#include <optional>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::eth {

// A type-2 transaction (EIP-1559) with an empty access list. Only this type is ever made: nodes
// were seen to accept legacy transactions that were signed for another chain.
struct Transaction {
    std::uint64_t chain_id = 0;
    std::uint64_t nonce = 0;
    std::uint64_t priority_fee = 0;  // wei per gas
    std::uint64_t max_fee = 0;       // wei per gas
    std::uint64_t gas = 0;
    std::optional<Address> to;  // nothing: makes a contract
    std::uint64_t value = 0;    // wei
    Bytes data;

    friend bool operator==(const Transaction&, const Transaction&) = default;
};

struct SignedTransaction {
    Bytes raw;
    Hash hash;  // keccak256(raw)
};

struct ParsedTransaction {
    Transaction fields;
    crypto::RecoverableSignature signature;
    Hash hash;
};

// 0x02 ‖ rlp(the nine fields), and its Keccak-256, which is what is signed.
[[nodiscard]] Bytes encode_unsigned(const Transaction& transaction);
[[nodiscard]] Hash signing_hash(const Transaction& transaction);
// The same fields and key always give the same bytes.
[[nodiscard]] Result<SignedTransaction> sign_transaction(const Transaction& transaction,
                                                         const crypto::AccountKey& key);
// Strict. Says nothing about whose signature it is.
[[nodiscard]] Result<ParsedTransaction> parse_transaction(ByteView raw);

}  // namespace anchorlog::eth
