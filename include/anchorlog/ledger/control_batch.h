#pragma once

#include <string>
#include <vector>

#include "anchorlog/ledger/recovery.h"
#include "anchorlog/ledger/sequencer.h"

namespace anchorlog::ledger {

// Where the next batch goes; the first batch's is the default.
struct HistoryEnd {
    BatchId next_batch;
    EntryIndex next_index;
    merkle::CompactRange history;  // of next_batch headers
};

// Forms and signs a batch without entries (formats §3, control kinds). `header` brings `log`,
// `kind` and the member of that kind; everything else is filled in here. The first of `signers`
// is the log's key and seals, all of them sign the checkpoint. Pure: equal input, equal bytes.
[[nodiscard]] Result<SealedBatch> make_control_batch(
    wire::Header header, const HistoryEnd& end, const std::vector<const crypto::Signer*>& signers,
    WallTime now);

// The genesis batch of a new log; its line is batches/ line 0. With a hardware key both sign every
// checkpoint of the log.
[[nodiscard]] Result<SealedBatch> make_genesis(const std::string& origin,
                                               const crypto::Signer& signer,
                                               const wire::BatchPolicyRecord& policy,
                                               const Hash& nonce, WallTime now,
                                               const crypto::HardwareSigner* hardware = nullptr);

// The batch after which `after` is the log's key, and `before` no more. `why`: planned|compromise.
[[nodiscard]] Result<SealedBatch> make_key_change(const std::string& origin,
                                                  const crypto::Signer& before,
                                                  const crypto::Signer& after,
                                                  const std::string& why, const HistoryEnd& end,
                                                  WallTime now);

// Where a recovered store's next batch goes. Refused while entries are not sealed: the daemon's
// first batch after the control batch would hold them, and whoever reads the log could not tell
// that they came before it.
[[nodiscard]] Result<HistoryEnd> sealed_end(const Recovered& store);

// Appends the batch's line to batches/ and syncs it. A crash before the sync leaves no line or a
// torn one, which recovery cuts, or a whole one, which it adopts: as with every batch. After an
// error other than storage_full the line may be there or not; only the next recovery knows.
[[nodiscard]] Result<void> append_batch(Recovered& store, const SealedBatch& batch);

}  // namespace anchorlog::ledger
