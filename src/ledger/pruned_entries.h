#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/ledger/sequencer.h"
#include "anchorlog/wire/pruned_lines.h"
#include "ledger/entry_feed.h"

namespace anchorlog::ledger {

// What recovery met without its line, and what a sealed header says may be gone. Only of batches
// that are fed again: at any other start closed segments are not read.
class PrunedEntries {
public:
    PrunedEntries(FileSystem& fs, std::string log_dir) : fs_(fs), log_dir_(std::move(log_dir)) {}

    // An erased entry that was fed, in their order.
    void met(const FedEntry& entry);
    [[nodiscard]] bool met_from(EntryIndex first) const {
        return !met_.empty() && met_.back().last >= first;
    }
    // Where lines of the newest batch are gone, the header says what each device sent, or the file
    // beside the log does whose digest the header has.
    [[nodiscard]] Result<std::vector<wire::Source>> sources_of(const wire::Header& header);
    void allow(const wire::PruneRecord& prune);
    // Once all batches are fed: a `prune` header comes behind its entries.
    [[nodiscard]] Result<void> check() const;

private:
    FileSystem& fs_;
    const std::string log_dir_;
    std::vector<wire::PruneRange> met_;
    std::vector<wire::PruneRange> allowed_;
    std::uint64_t segment_ = 0;  // of the newest of met_
    std::optional<wire::SourceLines> lines_;
    std::uint64_t lines_of_ = 0;  // the segment that lines_ is of
};

}  // namespace anchorlog::ledger
