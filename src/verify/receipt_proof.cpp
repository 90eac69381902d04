#include "verify/receipt_proof.h"

#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/block_header.h"
#include "anchorlog/eth/receipt.h"
#include "anchorlog/eth/transaction.h"
#include "anchorlog/eth/trie.h"

namespace anchorlog::verify {
namespace {

Error broken(std::string message) { return {Errc::corruption, std::move(message)}; }

}  // namespace

Result<ProvenEvent> check_receipt_proof(const wire::AnchorReceipt& receipt, const Hash& log_id) {
    if (crypto::keccak256(receipt.block_header) != receipt.block_hash) {
        return broken("the block header does not hash to block_hash");
    }
    auto header = eth::parse_block_header(receipt.block_header);
    if (!header) return std::move(header).error().in("block header");
    if (header->number != receipt.block_number) {
        return broken("the block header is of block " + std::to_string(header->number) +
                      ", block_number says " + std::to_string(receipt.block_number));
    }
    auto encoded = eth::verify_list_proof(header->receipts_root, receipt.transaction_index,
                                          receipt.receipt_path);
    if (!encoded) return std::move(encoded).error().in("receipt path");
    auto proven = eth::parse_receipt(*encoded);
    if (!proven) return std::move(proven).error().in("receipt");
    if (!proven->succeeded) return broken("the transaction failed");
    if (receipt.log_index >= proven->logs.size()) {
        return broken("the receipt has no event " + std::to_string(receipt.log_index));
    }
    const eth::Log& log = proven->logs[receipt.log_index];
    if (log.address != receipt.contract) {
        return broken("the event is of contract " + eth::format_address(log.address) + ", not " +
                      eth::format_address(receipt.contract));
    }
    auto event = eth::decode_anchored(log);
    if (!event) return std::move(event).error().in("event");
    if (event->log_id != log_id) return broken("the event is of another log");
    if (event->batch_id != receipt.batch_id || event->from_batch != receipt.from_batch) {
        return broken("the event is of batches " + std::to_string(event->from_batch.value) + "-" +
                      std::to_string(event->batch_id.value) + ", the line says " +
                      std::to_string(receipt.from_batch.value) + "-" +
                      std::to_string(receipt.batch_id.value));
    }
    if (event->from_batch > event->batch_id) return broken("the event covers no batch");
    return ProvenEvent{*event, header->timestamp_s};
}

Result<AttemptFacts> check_attempt(const wire::AnchorAttempt& attempt, const Hash& log_id) {
    if (crypto::keccak256(attempt.raw) != attempt.hash) {
        return broken("the raw transaction does not hash to hash");
    }
    auto parsed = eth::parse_transaction(attempt.raw);
    if (!parsed) return std::move(parsed).error().in("raw transaction");
    const eth::Transaction& fields = parsed->fields;
    if (fields.nonce != attempt.nonce || fields.gas != attempt.gas ||
        fields.max_fee != attempt.max_fee || fields.priority_fee != attempt.priority_fee) {
        return broken("nonce, gas or fees are not those of the raw transaction");
    }
    if (!fields.to) return broken("the raw transaction makes a contract");
    auto record = eth::parse_anchor_call(fields.data);
    if (!record) return std::move(record).error().in("raw transaction");
    if (record->log_id != log_id) return broken("the raw transaction is for another log");
    if (record->batch_id != attempt.batch_id) {
        return broken("the raw transaction anchors batch " +
                      std::to_string(record->batch_id.value));
    }
    return AttemptFacts{*record, fields.chain_id, *fields.to};
}

}  // namespace anchorlog::verify
