#pragma once

#include <cstdint>

#include "anchorlog/verify/trust.h"
#include "fuzz/target.h"
#include "support/log_builder.h"

namespace anchorlog::fuzz {

// A sealed log of which the first batches are anchored, and what its owner trusts: what targets
// forge. Its key exists nowhere else, so whatever passes was in it.
struct Original {
    static constexpr const char* kDir = "store";
    static constexpr std::uint64_t kBatches = 4;
    static constexpr std::uint64_t kEntriesPerBatch = 3;
    static constexpr std::uint64_t kSealed = kBatches * kEntriesPerBatch;
    static constexpr std::uint64_t kAnchoredBatch = 2;

    Original();

    testing::LogBuilder log;
    testing::FakeChain chain;
    verify::Trust trust;
    testing::MapFileSystem files;
};
[[nodiscard]] const Original& original();

// One change of `text`: bytes overwritten, inserted, erased, cut off or flipped. `what` chooses,
// place, size and bytes come from the reader.
inline constexpr std::uint8_t kTextEdits = 5;
void edit_text(std::string& text, std::uint8_t what, InputReader& reader);

}  // namespace anchorlog::fuzz
