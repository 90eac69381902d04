#include "anchor/chain_proof.h"

#include <algorithm>

#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/block_header.h"
#include "anchorlog/eth/receipt.h"
#include "anchorlog/eth/trie.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::anchor {

namespace {

Error bad(const std::string& why) { return {Errc::invalid_input, why}; }

struct FoundEvent {
    eth::AnchoredEvent event;
    std::uint64_t log_index = 0;
};

// Addresses and topics are checked here, whatever a node's filter claimed.
std::optional<FoundEvent> event_of(const std::vector<eth::Log>& logs, const eth::Address& contract,
                                   const Hash& log_id, BatchId batch) {
    for (std::size_t i = 0; i < logs.size(); ++i) {
        if (logs[i].address != contract) continue;
        const auto event = eth::decode_anchored(logs[i]);
        if (event && event->log_id == log_id && event->batch_id == batch) {
            return FoundEvent{*event, i};
        }
    }
    return std::nullopt;
}

}  // namespace

eth::AnchorRecord to_record(const SealedRecord& sealed) {
    return {sealed.log_id,
            sealed.batch_id,
            sealed.merkle_root,
            sealed.history_root,
            static_cast<std::uint64_t>(sealed.sealed_at.ms),
            sealed.signer_key,
            sealed.sig_r,
            sealed.sig_s};
}

Result<EventProof> prove_event(ChainClient& chain, const eth::Address& contract, const Hash& log_id,
                               BatchId batch, const Mined& mined) {
    const auto block = chain.block(mined.block_number);
    if (!block) return block.error();
    const std::string place = "block " + std::to_string(mined.block_number);
    if (!*block || (*block)->hash != mined.block_hash) return bad(place + " left the chain");
    const auto receipts = chain.receipts(mined.block_hash);
    if (!receipts) return receipts.error();
    std::vector<Bytes> encoded;
    std::optional<std::size_t> index;
    for (const ChainReceipt& receipt : *receipts) {
        if (receipt.encoded.empty()) return bad(place + ": an empty receipt");
        if (receipt.transaction_hash == mined.transaction) index = encoded.size();
        encoded.push_back(receipt.encoded);
    }
    if (!index) return bad(place + " does not hold the transaction");
    auto proof = eth::list_trie_proof(encoded, *index);
    if (!proof) return proof.error();
    if (proof->root != (*block)->receipts_root) {
        return bad(place + ": its receipts do not give its receipts root");
    }
    const auto receipt = eth::parse_receipt(encoded[*index]);
    if (!receipt) return receipt.error().in(place);
    const auto found = event_of(receipt->logs, contract, log_id, batch);
    if (!receipt->succeeded || !found) return bad(place + ": the receipt holds no such event");
    return EventProof{found->event, (*block)->header, *index, found->log_index,
                      std::move(proof->path)};
}

Result<std::optional<Mined>> find_event(ChainClient& chain, const eth::Address& contract,
                                        const Hash& log_id, BatchId batch) {
    const auto head = chain.head_number();
    if (!head) return head.error();
    std::uint64_t last = *head;
    for (std::uint64_t calls = 0; calls < kEventCallsMax; ++calls) {
        const std::uint64_t first = last - std::min(last, kEventBlocksPerCall - 1);
        const auto logs = chain.anchored_events(contract, log_id, first, last);
        if (!logs) return logs.error();
        for (auto log = logs->rbegin(); log != logs->rend(); ++log) {
            if (!event_of({*log}, contract, log_id, batch)) continue;
            return std::optional(Mined{log->transaction_hash, log->block_number, log->block_hash});
        }
        if (first == 0) break;
        last = first - 1;
    }
    return std::optional<Mined>();
}

Result<eth::AnchoredEvent> check_receipt(const wire::AnchorReceipt& receipt, const Hash& log_id) {
    if (crypto::keccak256(receipt.block_header) != receipt.block_hash) {
        return bad("the block header does not hash to the block's hash");
    }
    const auto header = eth::parse_block_header(receipt.block_header);
    if (!header) return header.error();
    if (header->number != receipt.block_number) return bad("the header has another number");
    const auto encoded = eth::verify_list_proof(header->receipts_root, receipt.transaction_index,
                                                receipt.receipt_path);
    if (!encoded) return encoded.error();
    const auto parsed = eth::parse_receipt(*encoded);
    if (!parsed) return parsed.error();
    if (!parsed->succeeded) return bad("the transaction failed");
    const auto found = event_of(parsed->logs, receipt.contract, log_id, receipt.batch_id);
    if (!found || found->log_index != receipt.log_index) {
        return bad("the receipt does not hold the event");
    }
    if (found->event.from_batch != receipt.from_batch) return bad("from_batch is not the event's");
    return found->event;
}

bool is_sealed_by(const eth::AnchorRecord& record, const Hash& key) {
    if (record.signer_key != key || record.sealed_at_ms > kIntegerMax) return false;
    const WallTime sealed_at{static_cast<std::int64_t>(record.sealed_at_ms)};
    const Bytes payload = wire::seal_payload(record.log_id, record.batch_id, record.merkle_root,
                                             record.history_root, sealed_at);
    Bytes signature;
    append(signature, record.sig_r.bytes);
    append(signature, record.sig_s.bytes);
    return crypto::verify(key.bytes, payload, signature);
}

}  // namespace anchorlog::anchor
