#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/eth/transaction.h"
#include "anchorlog/wire/anchor_step.h"
#include "fuzz/target.h"
#include "verify/receipt_proof.h"

namespace anchorlog::fuzz {

namespace {

// The log of tests/vectors/eth.json, which the receipts in the corpus are of.
const Hash& receipt_log() {
    static const Hash id =
        *hash_from_hex("0a4c9d75aa94b30ece4230ed4ee3cca13b0a9310de5dc000b08ed2781a700b34");
    return id;
}

// The log an attempt's call names; the attempts in the corpus are of many.
Hash attempt_log(const wire::AnchorAttempt& attempt) {
    const auto sent = eth::parse_transaction(attempt.raw);
    if (!sent) return {};
    const auto record = eth::parse_anchor_call(sent->fields.data);
    return record ? record->log_id : Hash();
}

}  // namespace

// A line of anchors/ whose hashes are put right first, so that what stands behind them is reached.
void anchor_proof(ByteView input) {
    auto step = wire::parse_anchor_step(as_text(input));
    if (!step) return;
    if (auto* attempt = std::get_if<wire::AnchorAttempt>(&*step)) {
        attempt->hash = crypto::keccak256(attempt->raw);
        const Hash log_id = attempt_log(*attempt);
        const auto facts = verify::check_attempt(*attempt, log_id);
        if (!facts) return;
        require(facts->record.log_id == log_id && facts->record.batch_id == attempt->batch_id,
                "an attempt is for this log and batch");
    } else if (auto* receipt = std::get_if<wire::AnchorReceipt>(&*step)) {
        receipt->block_hash = crypto::keccak256(receipt->block_header);
        const Hash& log_id = receipt_log();
        const auto proven = verify::check_receipt_proof(*receipt, log_id);
        if (!proven) return;
        require(proven->event.log_id == log_id && proven->event.batch_id == receipt->batch_id &&
                    proven->event.from_batch == receipt->from_batch &&
                    proven->event.from_batch <= proven->event.batch_id,
                "a proof is of this log and these batches");
        receipt->receipt_path.push_back({});
        require(!verify::check_receipt_proof(*receipt, log_id), "every node of a proof is used");
    }
}

}  // namespace anchorlog::fuzz
