#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/wire/pruned_lines.h"
#include "verify/fault_list.h"

namespace anchorlog::verify {

// Which entries a log may have lost: what its sealed `prune` headers name. It is asked about each
// line that is gone, and holds the files that stand for them against the headers.
class PruneAudit {
public:
    // `segments` of log/.
    PruneAudit(FileSystem& fs, const std::string& dir, const std::vector<Segment>& segments)
        : fs_(fs), dir_(dir), segments_(segments) {}

    // A header of kind prune, known to be what was sealed.
    void allow(const wire::Header& header);
    // The line of an entry is gone; its leaf gives the sealed root. In the log's order.
    void met(std::uint64_t index);
    // The sources of a sealed batch, as the file beside `segment` holds them. Nothing, and a fault,
    // if it does not.
    [[nodiscard]] std::optional<std::vector<wire::Source>> sources_of(const wire::Header& header,
                                                                      const Segment& segment,
                                                                      FaultList& faults);
    // Once everything was read.
    void finish(FaultList& faults, Report& report);

private:
    struct Range {
        EntryRange entries;
        std::uint64_t batch = 0;  // whose header names it
    };
    struct Record {
        std::uint64_t batch = 0;
        Hash devices_sha256;
        std::string why;
        std::vector<EntryRange> ranges;
    };

    void check_ranges(FaultList& faults);
    void check_met(FaultList& faults) const;
    void check_files(const Record& record, FaultList& faults) const;
    [[nodiscard]] std::uint64_t gone_of(const Record& record) const;
    [[nodiscard]] std::string devices_path(const Segment& segment) const;

    FileSystem& fs_;
    const std::string& dir_;
    const std::vector<Segment>& segments_;
    std::vector<Record> records_;
    std::vector<Range> ranges_;     // of all records, ascending
    std::vector<EntryRange> gone_;  // ascending
    const Segment* lines_of_ = nullptr;
    std::optional<wire::SourceLines> lines_;  // of that segment
};

}  // namespace anchorlog::verify
