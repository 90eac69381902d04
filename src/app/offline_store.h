#pragma once

#include <memory>

#include "anchorlog/base/file_system.h"
#include "anchorlog/ledger/control_batch.h"
#include "app/config.h"

namespace anchorlog::app {

// The store of a stopped daemon, for control batches that an operator seals.
struct OfflineStore {
    std::unique_ptr<FileLock> lock;
    std::unique_ptr<crypto::HardwareSigner> hardware;  // null: the log has none
    ledger::Recovered store;
    ledger::HistoryEnd end;  // where the next batch goes
};

// Takes the store's lock and recovers it as the daemon does. Refused, saying what to do first: a
// daemon uses it, it is held after a restore, or its end is torn or not sealed; a torn end is the
// daemon's to cut, because it puts the cut on record.
[[nodiscard]] Result<OfflineStore> open_offline(FileSystem& fs, const Config& config,
                                                std::shared_ptr<const crypto::Signer> signer);

// Has the hardware key sign too, appends the batch's line to batches/ and syncs it; see
// ledger::append_batch. `end` moves on.
[[nodiscard]] Result<void> append_control(OfflineStore& store, ledger::SealedBatch& batch);

}  // namespace anchorlog::app
