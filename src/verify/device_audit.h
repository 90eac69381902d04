#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anchorlog/verify/report.h"
#include "anchorlog/wire/header.h"
#include "verify/entry_reader.h"
#include "verify/fault_list.h"

namespace anchorlog::verify {

// Follows every device's numbering through the log and recomputes what headers say of it.
class DeviceAudit {
public:
    // `names` gives the numbers that facts carry. Reading that starts amid a log does not know
    // the numbers before (`from_start` false).
    DeviceAudit(DeviceNames& names, bool from_start) : names_(names), from_start_(from_start) {}

    // Entries of one batch (or of the unsealed tail) in index order. Faults: a number that does
    // not grow, an epoch that goes back.
    void begin_batch();
    void entry(const EntryFact& fact, FaultList& faults, const Segment& segment);
    // Compares the header's counts and sources with the entries just seen.
    void end_batch(const wire::Header& header, FaultList& faults);
    // In the place of end_batch() where lines are gone: what all of them were say the batch's
    // sources, which are the header's. Of a device's first and last entry only the batch is known.
    void pruned_batch(const wire::Header& header, const std::vector<wire::Source>& sources);
    // The batch's entries cannot be relied on: takes the numbers over from its header.
    void damaged_batch(const wire::Header* header);

    [[nodiscard]] std::size_t devices() const { return seen_; }
    // "cam-1 (epoch 0): 3 numbers missing", the largest first.
    [[nodiscard]] std::vector<std::string> gap_notes(std::size_t rows_max) const;
    // One row a device, those with the largest gaps first; at most kDevicesListedMax.
    [[nodiscard]] std::vector<DeviceSummary> summaries() const;

private:
    struct Number {
        std::uint64_t epoch = 0;
        std::uint64_t highest = 0;
        std::uint64_t gaps = 0;
        std::uint64_t alerts = 0;
        std::uint64_t first_index = 0;
        std::uint64_t last_index = 0;
        std::uint32_t epochs = 0;
        bool known = false;     // its number before the next alert is
        bool in_batch = false;  // has a row in the batch at hand
        std::uint32_t row = 0;  // the newest of them
    };
    // What one (device, epoch) has in the batch at hand.
    struct Row {
        std::uint32_t device = 0;
        bool before_known = true;
        std::uint64_t epoch = 0;
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::uint64_t count = 0;
        std::uint64_t before = 0;
    };

    Number& number_of(std::uint32_t device);
    void take_row(const EntryFact& fact, Number& number, std::uint64_t before, bool before_known);
    [[nodiscard]] std::vector<wire::Source> sources_seen() const;
    void compare_sources(const wire::Header& header, FaultList& faults);
    static void differ(const wire::Header& header, FaultList& faults, const char* member,
                       std::string expected, std::string found);

    DeviceNames& names_;
    bool from_start_;
    std::vector<Number> devices_;  // by the device's number
    std::vector<Row> rows_;        // of the batch at hand
    std::size_t seen_ = 0;
    std::uint64_t audits_ = 0;
    bool sequence_broken_ = false;  // in the batch at hand: its sources say nothing new
    bool uncertain_ = false;        // numbers were lost with a damaged batch
};

}  // namespace anchorlog::verify
