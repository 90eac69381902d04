#pragma once

#include <cstdint>

#include "edits/subject.h"

namespace anchorlog::edits {

// `rounds` times what a hand does to lines of log/ and batches/ and to whole batches: delete, swap,
// duplicate, insert, sign again with another key, roll everything back, rewrite history with the
// right key. What only somebody outside the store can know (a chain) is at hand where it says so.
[[nodiscard]] Tally do_deeds(const Subject& subject, std::uint64_t rounds, std::uint64_t seed);

}  // namespace anchorlog::edits
