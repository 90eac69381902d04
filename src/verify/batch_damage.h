#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/types.h"
#include "verify/entry_reader.h"
#include "verify/fault_list.h"

namespace anchorlog::verify {

// A batch whose lines are not what its header says, and what is known about it.
struct DamagedBatch {
    std::uint64_t batch_id = 0;
    std::uint64_t first_index = 0;
    std::uint64_t count = 0;
    Hash merkle_root;
    std::vector<EntryFact> lines;             // in file order
    std::optional<std::vector<Hash>> leaves;  // proven by merkle_root
};

// Names what happened to the batch as exactly as its redundancy allows: altered, missing,
// inserted, repeated and re-ordered lines. With proven leaf hashes every line is told apart;
// without them a line that still reads well can only be narrowed down to the batch. Returns the
// lines that fill the batch, in index order, when all of them are there and give the root.
[[nodiscard]] std::optional<std::vector<EntryFact>> name_damage(
    DamagedBatch batch, const std::vector<Segment>& segments, FaultList& faults);

// The fault of one line, placed.
[[nodiscard]] Fault line_fault(const EntryFact& line, const std::vector<Segment>& segments,
                               std::string kind, std::string phrase);

}  // namespace anchorlog::verify
