#pragma once

#include <optional>

#include "anchor/anchor_fsm.h"
#include "anchorlog/anchor/anchor_worker.h"
#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::anchor {

// Events are searched from the head backwards, in steps public nodes allow, and not for ever.
inline constexpr std::uint64_t kEventBlocksPerCall = 2'000;
inline constexpr std::uint64_t kEventCallsMax = 100;

[[nodiscard]] eth::AnchorRecord to_record(const SealedRecord& sealed);

// The event's place in the receipt trie of its block, as anyone can check it against the block's
// hash alone. `log_index` counts inside the receipt.
struct EventProof {
    eth::AnchoredEvent event;
    Bytes block_header;
    std::uint64_t transaction_index = 0;
    std::uint64_t log_index = 0;
    std::vector<Bytes> receipt_path;
};

// Fetches the block's receipts and builds the proof for the Anchored event of this batch.
// invalid_input: the node's answers do not fit together, or the block left the chain meanwhile.
[[nodiscard]] Result<EventProof> prove_event(ChainClient& chain, const eth::Address& contract,
                                             const Hash& log_id, BatchId batch, const Mined& mined);

// Where the newest Anchored event of this batch stands; nothing when none is found within
// kEventCallsMax calls.
[[nodiscard]] Result<std::optional<Mined>> find_event(ChainClient& chain,
                                                      const eth::Address& contract,
                                                      const Hash& log_id, BatchId batch);

// The event a receipt line proves; checks everything that needs no chain (header hash, path,
// receipt, emitter, batch). invalid_input says what does not hold.
[[nodiscard]] Result<eth::AnchoredEvent> check_receipt(const wire::AnchorReceipt& receipt,
                                                       const Hash& log_id);

// True when the record carries a valid seal under `key`.
[[nodiscard]] bool is_sealed_by(const eth::AnchorRecord& record, const Hash& key);

}  // namespace anchorlog::anchor
