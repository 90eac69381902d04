#pragma once

#include <cstdint>

#include "edits/subject.h"

namespace anchorlog::edits {

// What part of all edits to try, and with how much of the machine.
struct Effort {
    std::uint64_t stride = 1;   // every so many-th place, evenly over the store
    std::uint64_t seconds = 0;  // stop after so long; 0: never
    unsigned threads = 1;
    std::uint64_t values = 1;  // how many other bytes each byte becomes, up to 6
};

// Every byte of log/, batches/ and anchors/ made another.
[[nodiscard]] Tally edit_bytes(const Subject& subject, const Effort& effort);
// The newest file of each journal cut at every offset of its last `bytes`.
[[nodiscard]] Tally cut_files(const Subject& subject, std::uint64_t bytes, const Effort& effort);

}  // namespace anchorlog::edits
