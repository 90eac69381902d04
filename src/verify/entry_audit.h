#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/wire/header.h"
#include "verify/device_audit.h"
#include "verify/entry_reader.h"
#include "verify/fault_list.h"
#include "verify/leaf_hints.h"
#include "verify/prune_audit.h"
#include "verify/time_audit.h"

namespace anchorlog::verify {

// Holds the log's lines against the headers, batch after batch, and finds its way back after
// damage by the lines' own `index`.
class EntryAudit {
public:
    EntryAudit(FileSystem& fs, const std::vector<Segment>& segments, WorkPool& pool,
               std::uint64_t block_bytes, FaultList& faults, Checked& checked, PruneAudit& prune,
               std::uint64_t first_index = 0);
    // Drops the lines of the first segment that stand before `first_index`, unjudged.
    [[nodiscard]] Result<void> seek();

    // The batches come in order. `header` is known to be what was sealed.
    [[nodiscard]] Result<void> batch(const wire::Header& header);
    // Entries before `index` belong to batches whose headers are lost: read, but not judged.
    [[nodiscard]] Result<void> skip_to(std::uint64_t index);
    // The same for batches of another version, whose entries are not for us to read.
    [[nodiscard]] Result<void> pass_over(std::uint64_t index);
    // What is behind the last sealed batch. Returns how many entries that is.
    [[nodiscard]] Result<std::uint64_t> tail(std::uint64_t first_index);

    // `whole`: the log was read to its end.
    [[nodiscard]] std::vector<std::string> notes(bool whole);
    [[nodiscard]] const std::vector<std::string>& undecided() const { return undecided_; }
    [[nodiscard]] std::uint64_t bytes() const { return reader_.bytes(); }
    [[nodiscard]] std::size_t files() const { return reader_.files(); }
    [[nodiscard]] const DeviceAudit& devices() const { return devices_; }

private:
    [[nodiscard]] bool matches(const wire::Header& header);
    void accept(const EntryFact& fact);
    template <class Facts>
    void accept_batch(const wire::Header& header, const Facts& facts);
    void drop(const EntryFact& fact);
    [[nodiscard]] Result<void> damaged(const wire::Header& header);
    [[nodiscard]] Result<void> look_ahead(std::uint64_t first, std::uint64_t count);
    [[nodiscard]] std::vector<EntryFact> take_lines(std::uint64_t first, std::uint64_t count);
    [[nodiscard]] std::vector<bool> choose_lines(std::uint64_t first, std::uint64_t count);
    void blame_order(const std::vector<EntryFact>& taken, std::vector<EntryFact>& passed);
    void add_reordered(std::vector<const EntryFact*> facts);
    void tail_line(EntryFact fact, std::uint64_t& expected);
    void tail_gap(std::uint64_t from, std::uint64_t to);
    [[nodiscard]] Result<bool> take_crash_tail(const EntryFact& fact);
    [[nodiscard]] Result<void> check_ends();

    FileSystem& fs_;
    const std::vector<Segment>& segments_;
    FaultList& faults_;
    Checked& checked_;
    PruneAudit& prune_;
    EntryReader reader_;
    LeafHints hints_;
    DeviceAudit devices_;
    std::multimap<std::uint64_t, EntryFact> strays_;  // by index: lines that stand too early
    std::vector<Hash> leaves_;                        // of the batch at hand
    std::vector<std::string> notes_;
    std::vector<std::string> undecided_;
    std::optional<std::uint64_t> last_index_;  // accepted
    TimeAudit times_;
    std::uint64_t first_index_;
    bool crash_tail_taken_ = false;
    std::uint64_t sealed_end_ = 0;
};

}  // namespace anchorlog::verify
