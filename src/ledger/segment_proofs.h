#pragma once

#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/ledger/retention.h"
#include "anchorlog/store/journal.h"

namespace anchorlog::ledger {

// What stands for a segment whose file is gone: the contents of `.leaves` and `.devices.ndjson`.
// They follow from what is sealed alone, so that they are the same whenever they are made, also
// where lines of the segment are erased by then.
struct SegmentProofs {
    std::string leaves;
    std::string devices;
};

// For each of these closed, sealed segments, ascending. Corruption: lines do not give a sealed
// root, or not the sources that a header digests.
[[nodiscard]] Result<std::vector<SegmentProofs>> read_proofs(
    FileSystem& fs, const std::string& dir, const store::Journal& log,
    const store::Journal& batches, const std::vector<KeptSegment>& segments);

[[nodiscard]] Result<wire::Header> header_of_line(std::uint64_t number, std::string_view text);

}  // namespace anchorlog::ledger
