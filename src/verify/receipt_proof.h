#pragma once

#include <cstdint>

#include "anchorlog/base/result.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::verify {

// What a receipt's proof establishes, given that its block hash is one of the chain's.
struct ProvenEvent {
    eth::AnchoredEvent event;
    std::uint64_t block_time_s = 0;
};
// From the block hash down: header, receipt trie, receipt, our event. Pure. An error says which
// link does not hold.
[[nodiscard]] Result<ProvenEvent> check_receipt_proof(const wire::AnchorReceipt& receipt,
                                                      const Hash& log_id);

// The record an attempt's raw transaction carries; an error where the transaction is not what
// the attempt's other members say.
struct AttemptFacts {
    eth::AnchorRecord record;
    std::uint64_t chain_id = 0;
    eth::Address contract{};
};
[[nodiscard]] Result<AttemptFacts> check_attempt(const wire::AnchorAttempt& attempt,
                                                 const Hash& log_id);

}  // namespace anchorlog::verify
