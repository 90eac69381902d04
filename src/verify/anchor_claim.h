#pragma once

#include <cstdint>
#include <string>

#include "anchorlog/base/result.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::verify {

// A statement about one of our batches that came from outside batches/: what an attempt was made
// for, what a receipt proves, what the chain holds.
struct AnchorClaim {
    enum class From : std::uint8_t { attempt, receipt, chain } from = From::attempt;
    eth::AnchorRecord record;
    BatchId from_batch;
    std::uint64_t chain_id = 0;
    eth::Address contract{};
    std::uint64_t block_number = 0;
    Hash block_hash;
    std::uint64_t block_time_s = 0;  // of a receipt's block: the chain's time
    Hash transaction;
    std::string target;
    std::string segment;     // of anchors/; empty for the chain's
    std::uint64_t line = 0;  // in it, from 1
    bool superseded = false;
    bool counts = false;   // trusted contract and trusted block
    bool matched = false;  // our batch is what it says
    std::string basis;
};

// What a line of anchors/ claims, once its transaction or its receipt proof holds; where it stands
// and whether it counts are the caller's to say. An error says what does not hold.
[[nodiscard]] Result<AnchorClaim> claim_of(const wire::AnchorAttempt& attempt, const Hash& log_id);
[[nodiscard]] Result<AnchorClaim> claim_of(const wire::AnchorReceipt& receipt, const Hash& log_id);

// "batch 7", "batches 5-7": what it covers.
[[nodiscard]] std::string range_of(const AnchorClaim& claim);

}  // namespace anchorlog::verify
