#include <algorithm>

#include "anchorlog/base/assert.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/block_header.h"
#include "anchorlog/eth/receipt.h"
#include "anchorlog/eth/transaction.h"
#include "anchorlog/eth/trie.h"
#include "support/log_builder.h"

namespace anchorlog::testing {
namespace {

std::string hex_text(ByteView bytes) { return "0x" + to_hex(bytes); }

// A header of the London form around one receipt root.
Bytes block_header(std::uint64_t number, const Hash& receipts_root) {
    const auto member = [&](std::string_view name) -> std::optional<std::string> {
        if (name == "receiptsRoot") return hex_text(receipts_root.bytes);
        if (name == "logsBloom") return hex_text(Bytes(256, 0));
        if (name == "miner") return hex_text(Bytes(20, 2));
        if (name == "nonce") return hex_text(Bytes(8, 0));
        if (name == "extraData") return "0x";
        if (name == "difficulty" || name == "gasUsed") return "0x0";
        if (name == "gasLimit" || name == "baseFeePerGas") return "0xffff";
        if (name == "timestamp") return "0x6553f100";
        if (name == "number") {
            Bytes bytes;
            append_u64be(bytes, number);
            return hex_text(bytes);
        }
        const auto later = {"withdrawalsRoot", "blobGasUsed", "excessBlobGas",
                            "parentBeaconBlockRoot", "requestsHash"};
        if (std::find(later.begin(), later.end(), name) != later.end()) return std::nullopt;
        return hex_text(Bytes(32, 3));
    };
    auto header = eth::encode_block_header(member);
    ANCHORLOG_ASSERT(header.has_value());
    return *header;
}

}  // namespace

eth::Address FakeChain::contract() {
    eth::Address address{};
    address.fill(0x42);
    return address;
}

Hash FakeChain::code_hash() { return crypto::keccak256(as_bytes("runtime code")); }

const FakeChain::Anchored& FakeChain::anchor(const eth::AnchorRecord& record) {
    ANCHORLOG_ASSERT(record.batch_id.value >= next_batch_);
    Anchored one;
    one.event = {record.log_id,        record.batch_id,    record.history_root,
                 BatchId(next_batch_), record.merkle_root, record.sealed_at_ms,
                 record.signer_key,    record.sig_r,       record.sig_s};
    next_batch_ = record.batch_id.value + 1;
    Hash secret;
    secret.bytes.fill(7);
    auto key = crypto::account_key_from_secret(secret);
    eth::Transaction transaction;
    transaction.chain_id = kChainId;
    transaction.nonce = anchored_.size();
    transaction.priority_fee = 1'000;
    transaction.max_fee = 2'000'000;
    transaction.gas = 90'000;
    transaction.to = contract();
    transaction.data = eth::anchor_call(record);
    auto sent = eth::sign_transaction(transaction, **key);
    one.raw = sent->raw;
    one.transaction = sent->hash;

    eth::Receipt other;
    other.succeeded = true;
    other.cumulative_gas = 21'000;
    eth::Receipt ours = other;
    ours.cumulative_gas = 79'000;
    ours.logs.push_back(eth::encode_anchored(contract(), one.event));
    auto proof = eth::list_trie_proof({eth::encode_receipt(other), eth::encode_receipt(ours)}, 1);
    one.receipt_path = proof->path;
    one.nonce = transaction.nonce;
    one.block_number = kFirstBlock + anchored_.size();
    one.receipts_root = proof->root;
    one.block_header = header_of(one, one.block_number);
    one.block_hash = crypto::keccak256(one.block_header);
    anchored_.push_back(std::move(one));
    return anchored_.back();
}

Bytes FakeChain::header_of(const Anchored& one, std::uint64_t number) {
    return block_header(number, one.receipts_root);
}

}  // namespace anchorlog::testing
