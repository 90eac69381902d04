#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/ledger/replay_window.h"
#include "anchorlog/ledger/sequencer.h"
#include "anchorlog/merkle/tree.h"
#include "anchorlog/store/state_db.h"

namespace anchorlog::ledger {

// Where a sealed batch stands in the journals.
struct BatchPlace {
    BatchId batch_id;
    EntryIndex first_index;
    std::uint64_t count = 0;
    store::LinePosition log_at;
    store::LinePosition batches_at;
};

// Everything that can be looked up about sealed batches: the state database and, in front of it,
// the newest run still in memory, so that no query says "absent" for what is merely not yet
// ingested. add() on the commit thread, ingest() on one other, look-ups on any.
//
// Keys: 'b' batch_id → BatchPlace · 'i' first_index → batch_id · 'n' level index → history node ·
// 'd' device → epoch, highest · 's' device 0x00 epoch first_seq → last_seq, batch_id ·
// 'e' entry_id index → nothing. Integers are big-endian, so that bytes sort as numbers.
class StateIndex {
public:
    StateIndex(std::unique_ptr<store::StateDb> db, std::uint64_t run_entries);

    // Takes up a batch whose line is durable at `batches_at`.
    void add(const SealedBatch& batch, store::LinePosition batches_at);
    // True when the memory run is large enough to be ingested, or one that failed to be is to be
    // tried again.
    [[nodiscard]] bool run_due() const;
    // Moves the memory run into the database; what add() brings meanwhile forms the next run.
    [[nodiscard]] Result<void> ingest();

    [[nodiscard]] Result<store::Through> through() const { return db_->through(); }
    // Batches and entries not yet in the database.
    [[nodiscard]] std::uint64_t entries_in_memory() const;

    [[nodiscard]] Result<std::optional<BatchPlace>> batch(BatchId id) const;
    [[nodiscard]] Result<std::optional<BatchPlace>> batch_of(EntryIndex index) const;
    [[nodiscard]] Result<Hash> node(merkle::NodeId id) const;
    // The sealed batch that may hold this number.
    [[nodiscard]] Result<std::optional<BatchPlace>> batch_of(std::string_view device_id,
                                                             Epoch epoch, SeqNo seq_no) const;
    [[nodiscard]] Result<std::vector<EntryIndex>> find_entry_id(const wire::EntryId& id) const;
    [[nodiscard]] Result<void> for_each_device(
        const std::function<void(std::string_view, DeviceNumber)>& visit) const;

private:
    // What add() brought since the last run. Entry ids, by far the most of it, are kept as they
    // come and sorted once, when the run is ingested; a look-up goes through all.
    struct MemoryRun final : store::Run {
        std::map<std::string, std::string, std::less<>> pairs;  // all but entry ids
        std::vector<std::pair<wire::EntryId, EntryIndex>> entry_ids;
        store::Through through;
        std::uint64_t entries = 0;

        void sort();
        [[nodiscard]] std::uint64_t bytes_max() const override;
        void for_each(const Take& take) const override;
    };

    [[nodiscard]] std::shared_ptr<const MemoryRun> next_run();
    [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key) const;
    [[nodiscard]] Result<std::optional<std::pair<std::string, std::string>>> last_in(
        std::string_view from, std::string_view to) const;

    std::unique_ptr<store::StateDb> db_;
    std::uint64_t run_entries_;
    // Guards the order of ingesting_->entry_ids: a look-up may wait while they are sorted, add()
    // may not. Taken before mutex_.
    mutable std::mutex sorting_;
    mutable std::mutex mutex_;  // guards what follows, not the database
    MemoryRun newest_;
    std::shared_ptr<MemoryRun> ingesting_;           // searchable until the database has it
    std::optional<std::uint64_t> retry_at_entries_;  // of newest_; set: ingesting_ failed
};

}  // namespace anchorlog::ledger
