#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "anchorlog/base/file_system.h"
#include "anchorlog/ledger/sequencer.h"
#include "anchorlog/ledger/state_index.h"
#include "anchorlog/store/journal.h"

namespace anchorlog::ledger {

struct RecoveryOptions {
    std::string dir;  // the store: log/ batches/ anchors/ torn/ state/
    store::JournalOptions journal;
    SequencerOptions sequencer;
    std::uint64_t run_entries = 100'000;
    std::optional<wire::HardwareKey> hardware_key;  // MUST be the one the genesis names, or none
};

// What was cut off the end of log/ (audited as `tail_cut`).
struct TailCut {
    EntryIndex first;
    std::uint64_t bytes = 0;
    Hash digest;
    bool complete_lines = false;
    std::string kept_at;
};

struct Recovered {
    std::unique_ptr<store::Journal> log;
    std::unique_ptr<store::Journal> batches;
    std::unique_ptr<store::Journal> anchors;
    std::unique_ptr<StateIndex> state;
    std::unique_ptr<Sequencer> sequencer;
    std::string checkpoint;  // of the newest sealed batch
    std::optional<TailCut> tail_cut;
    std::optional<wire::KeyChange> key_change;  // of the log's key, and no entry follows it yet
    std::uint64_t batches_replayed = 0;  // fed to the state again
    std::uint64_t entries_replayed = 0;  // sealed and unsealed ones read again
};

// Brings a store back after any end: finds the longest valid prefix, feeds what the state lacks
// and the unsealed tail through the hot path's own code, cuts at most an unsealed, torn end of
// group_bytes_max, and rewrites and syncs the last bytes of all journals before anything is
// acknowledged. Everything else is damage: refused, saying where. `db` may be empty (deleted):
// then all is rebuilt; `progress` hears (batches done, batches in all). `signer` must be the log's
// key behind the newest batch; invalid_input says which key that is.
[[nodiscard]] Result<Recovered> recover(
    FileSystem& fs, const RecoveryOptions& options, std::unique_ptr<store::StateDb> db,
    std::shared_ptr<const crypto::Signer> signer,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress);

// Makes the directories of a new log and writes genesis; refuses a directory that holds a
// journal already. Only `anchorlogctl log init` calls it. Returns the genesis checkpoint.
[[nodiscard]] Result<std::string> init_log(FileSystem& fs, const std::string& dir,
                                           const store::JournalOptions& journal,
                                           const std::string& origin, const crypto::Signer& signer,
                                           const wire::BatchPolicyRecord& policy, const Hash& nonce,
                                           WallTime now,
                                           const crypto::HardwareSigner* hardware = nullptr);

// Checks, cuts and takes in one unsealed line at a time while recovering; the same checks the
// daemon trusts its own lines with.
[[nodiscard]] Result<void> check_entry_line(std::uint64_t line, std::string_view text);
[[nodiscard]] Result<void> check_batch_line(std::uint64_t line, std::string_view text);

// The first change of the log's key in `from` or later batches; nothing when there is none. Reads
// batches/ on from there.
[[nodiscard]] Result<std::optional<wire::Header>> next_key_change(const store::Journal& batches,
                                                                  BatchId from);

// The leaf hashes of a segment's entries, `log/<first line>.leaves`, 32 bytes each (formats §5).
// Only a hint for naming the exact entry that was altered: written after each seal, not synced,
// checked against the sealed root by whoever reads it.
class LeafHints {
public:
    LeafHints(FileSystem& fs, std::string log_dir) : fs_(fs), log_dir_(std::move(log_dir)) {}
    // Best effort: a failure is only logged, because nothing depends on the file.
    void add(const SealedBatch& batch);

private:
    void write(std::uint64_t segment, EntryIndex from, std::span<const Hash> leaves);

    FileSystem& fs_;
    std::string log_dir_;
    std::unique_ptr<File> file_;
    std::uint64_t segment_ = 0;
};

}  // namespace anchorlog::ledger
