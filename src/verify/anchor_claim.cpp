#include "verify/anchor_claim.h"

#include "verify/receipt_proof.h"

namespace anchorlog::verify {

Result<AnchorClaim> claim_of(const wire::AnchorAttempt& attempt, const Hash& log_id) {
    auto facts = check_attempt(attempt, log_id);
    if (!facts) return std::move(facts).error();
    AnchorClaim claim;
    claim.from = AnchorClaim::From::attempt;
    claim.record = facts->record;
    claim.from_batch = attempt.batch_id;
    claim.chain_id = facts->chain_id;
    claim.contract = facts->contract;
    claim.transaction = attempt.hash;
    claim.target = attempt.target;
    return claim;
}

Result<AnchorClaim> claim_of(const wire::AnchorReceipt& receipt, const Hash& log_id) {
    auto proven = check_receipt_proof(receipt, log_id);
    if (!proven) return std::move(proven).error();
    AnchorClaim claim;
    claim.from = AnchorClaim::From::receipt;
    claim.record = eth::record_of_event(proven->event);
    claim.from_batch = proven->event.from_batch;
    claim.chain_id = receipt.chain_id;
    claim.contract = receipt.contract;
    claim.block_number = receipt.block_number;
    claim.block_hash = receipt.block_hash;
    claim.block_time_s = proven->block_time_s;
    claim.transaction = receipt.hash;
    claim.target = receipt.target;
    return claim;
}

std::string range_of(const AnchorClaim& claim) {
    return claim.from_batch == claim.record.batch_id
               ? "batch " + std::to_string(claim.record.batch_id.value)
               : "batches " + std::to_string(claim.from_batch.value) + "-" +
                     std::to_string(claim.record.batch_id.value);
}

}  // namespace anchorlog::verify
