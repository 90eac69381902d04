#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/verify/verify.h"
#include "anchorlog/wire/evidence.h"
#include "verify/batch_reader.h"
#include "verify/entry_reader.h"
#include "verify/evidence_check.h"
#include "verify/fault_list.h"
#include "verify/line_stream.h"

namespace anchorlog::verify {

// A line of the store that was asked for, and the batch whose header says it holds it.
struct FoundEntry {
    std::string text;
    EntryPlace place;
    bool in_place = true;  // its line number is its index
    bool cut_short = false;
    std::optional<BatchFact> batch;
};

// Puts evidence together from a store's files. Reads headers and receipts as a whole and, for an
// entry, the lines of its batch.
class EvidenceSource {
public:
    EvidenceSource(FileSystem& fs, const std::string& dir, const Trust& trust)
        : fs_(fs), dir_(dir), trust_(trust) {}

    // Opens the journals; an error says what is missing.
    [[nodiscard]] Result<void> open();
    // Finds the lines, then reads batches/ and anchors/.
    [[nodiscard]] Result<void> read(const WhichEntry& which);

    [[nodiscard]] const std::vector<FoundEntry>& found() const { return found_; }
    struct Put {
        std::optional<wire::Evidence> evidence;
        Denial missing;            // when there is none
        std::optional<Hash> leaf;  // known to stand in the entry's place
    };
    // Errors are those of reading.
    [[nodiscard]] Result<Put> put_together(const FoundEntry& found);
    // The path of a batch's header in any size of this history.
    [[nodiscard]] HistoryPaths paths_of(std::uint64_t batch) const;

    // The entry's line is gone, and a sealed header says that it may be.
    [[nodiscard]] bool is_pruned(const FoundEntry& found) const;
    // Ids that were asked for may have been of entries whose lines are gone.
    [[nodiscard]] bool has_pruned_segments() const;

    [[nodiscard]] const std::string& origin() const { return origin_; }
    // What the headers' own audit found, and told.
    [[nodiscard]] const std::vector<Fault>& faults() const { return audit_faults_; }
    [[nodiscard]] const std::vector<std::string>& undecided() const { return undecided_; }
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
    // Of headers that a key that counts has sealed: the one that covers the index asked for, and
    // the newest.
    [[nodiscard]] const std::optional<BatchFact>& batch_of_asked() const { return asked_; }
    [[nodiscard]] const std::optional<BatchFact>& newest() const { return newest_; }
    // The changes of the log's key, in order, each followed by the audit.
    [[nodiscard]] const std::vector<wire::Header>& key_changes() const { return key_changes_; }
    // The leaves that give the batch's root.
    [[nodiscard]] Result<std::vector<Hash>> leaves_of(const wire::Header& header) {
        return batch_leaves(header);
    }
    [[nodiscard]] std::uint64_t sealed_end() const { return sealed_end_; }
    [[nodiscard]] const std::vector<wire::AnchorReceipt>& receipts() const { return receipts_; }

private:
    [[nodiscard]] Result<void> find_index(std::uint64_t index);
    [[nodiscard]] Result<void> find_id(const wire::EntryId& id);
    void add(const RawLine& raw, std::uint64_t index);
    [[nodiscard]] Result<void> read_batches();
    void keep_header(const BatchFact& fact);
    void keep_sealed(const BatchFact& fact);
    [[nodiscard]] Result<void> read_anchors();
    [[nodiscard]] bool is_wanted(const wire::AnchorReceipt& receipt) const;
    [[nodiscard]] bool is_wanted(const wire::AnchorToken& token) const;
    void add_stamps(std::uint64_t batch, wire::Evidence& evidence);
    [[nodiscard]] Result<std::vector<Hash>> read_leaves(std::uint64_t first, std::uint64_t count);
    [[nodiscard]] Result<std::vector<Hash>> batch_leaves(const wire::Header& header);
    [[nodiscard]] Result<wire::BatchLine> batch_line(std::uint64_t batch);
    [[nodiscard]] Result<void> add_history(const FoundEntry& found, wire::Evidence& evidence);

    FileSystem& fs_;
    const std::string& dir_;
    const Trust& trust_;
    SegmentList batches_;
    SegmentList log_;
    std::vector<FoundEntry> found_;
    std::optional<std::uint64_t> asked_index_;
    std::optional<BatchFact> asked_;
    std::optional<BatchFact> newest_;
    std::vector<wire::Header> key_changes_;
    std::vector<Hash> header_leaves_;  // as far as the history could be recomputed
    std::vector<std::uint64_t> key_batches_;
    std::vector<wire::PruneRange> pruned_;
    std::uint64_t batches_end_ = 0;  // of all lines, readable or not
    std::uint64_t sealed_end_ = 0;
    std::vector<wire::AnchorReceipt> receipts_;  // that cover a found entry
    std::vector<wire::AnchorToken> tokens_;      // of each target the first over each entry
    FaultList faults_;
    std::vector<Fault> audit_faults_;
    std::vector<std::string> undecided_;
    std::vector<std::string> notes_;
    std::string origin_;
};

}  // namespace anchorlog::verify
