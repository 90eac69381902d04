#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::eth {

// The arguments of LogAnchor.anchor, in the contract's order (formats §4).
struct AnchorRecord {
    Hash log_id;
    BatchId batch_id;
    Hash merkle_root;
    Hash history_root;
    std::uint64_t sealed_at_ms = 0;
    Hash signer_key;  // raw Ed25519
    Hash sig_r;       // first half of the seal
    Hash sig_s;       // second half

    friend bool operator==(const AnchorRecord&, const AnchorRecord&) = default;
};

// Event Anchored: the record and the first batch it covers.
struct AnchoredEvent {
    Hash log_id;
    BatchId batch_id;
    Hash history_root;
    BatchId from_batch;
    Hash merkle_root;
    std::uint64_t sealed_at_ms = 0;
    Hash signer_key;
    Hash sig_r;
    Hash sig_s;

    friend bool operator==(const AnchoredEvent&, const AnchoredEvent&) = default;
};
[[nodiscard]] AnchorRecord record_of_event(const AnchoredEvent& event);

// keccak256(abi.encode(the 8 arguments)): what LogAnchor.recordOf gives.
[[nodiscard]] Hash record_hash(const AnchorRecord& record);

// Call data.
[[nodiscard]] Bytes anchor_call(const AnchorRecord& record);
[[nodiscard]] Bytes record_of_call(const Hash& log_id, BatchId batch);
[[nodiscard]] Bytes head_call(const Hash& log_id);
[[nodiscard]] Bytes create_log_call(const Hash& log_id, const Address& submitter);
[[nodiscard]] Bytes set_submitter_call(const Hash& log_id, const Address& submitter);
[[nodiscard]] Bytes accept_submitter_call(const Hash& log_id);
// Creation code of the compiled contract and Keccak-256 of its runtime code.
[[nodiscard]] Bytes log_anchor_creation_code();
[[nodiscard]] Hash log_anchor_code_hash();

// Answers. Strict: exact size, no dirty bits above a value.
struct HeadAnswer {
    Address submitter{};  // all zero: the log was never created
    BatchId next_batch;
    bool frozen = false;
};
[[nodiscard]] Result<HeadAnswer> parse_head_answer(ByteView data);
[[nodiscard]] Result<Hash> parse_record_of_answer(ByteView data);
// The arguments back out of anchor's call data.
[[nodiscard]] Result<AnchorRecord> parse_anchor_call(ByteView data);

// First topic of Anchored.
[[nodiscard]] const Hash& anchored_topic();
// The caller checks who emitted it. Any other event, and any other shape, is invalid_input.
[[nodiscard]] Result<AnchoredEvent> decode_anchored(const Log& log);
[[nodiscard]] Log encode_anchored(const Address& contract, const AnchoredEvent& event);

// Why a call reverted, in words for an operator: "Conflict(0x…)", "Covered(42)", Error(string)'s
// text; nothing when the data is of no known shape.
[[nodiscard]] std::optional<std::string> describe_revert(ByteView data);

}  // namespace anchorlog::eth
