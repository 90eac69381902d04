#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "anchorlog/wire/header.h"
#include "verify/entry_reader.h"
#include "verify/fault_list.h"

namespace anchorlog::verify {

// Follows every device's numbering through the log and recomputes what headers say of it.
class DeviceAudit {
public:
    // Entries of one batch (or of the unsealed tail) in index order. Faults: a number that does
    // not grow, an epoch that goes back.
    void begin_batch();
    void entry(const EntryFact& fact, FaultList& faults, const Segment& segment);
    // Compares the header's counts and sources with the entries just seen.
    void end_batch(const wire::Header& header, FaultList& faults);
    // The batch's entries cannot be relied on: takes the numbers over from its header.
    void damaged_batch(const wire::Header* header);

    [[nodiscard]] std::size_t devices() const { return devices_.size(); }
    // "cam-1 (epoch 0): 3 numbers missing", the largest first.
    [[nodiscard]] std::vector<std::string> gap_notes(std::size_t rows_max) const;

private:
    struct Number {
        std::uint64_t epoch = 0;
        std::uint64_t highest = 0;
        std::uint64_t gaps = 0;
    };
    struct Row {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::uint64_t count = 0;
        std::uint64_t before = 0;
    };

    std::map<std::string, Number, std::less<>> devices_;
    std::map<std::pair<std::string, std::uint64_t>, Row> rows_;  // of the batch at hand
    std::uint64_t alerts_ = 0;
    std::uint64_t audits_ = 0;
    bool sequence_broken_ = false;  // in the batch at hand: its sources say nothing new
    bool uncertain_ = false;        // numbers were lost with a damaged batch
};

}  // namespace anchorlog::verify
