#pragma once

#include <cstdint>

#include "anchorlog/anchor/anchor_target.h"
#include "anchorlog/base/result.h"

namespace anchorlog::anchor {

// What makes an anchor CONFIRMED.
enum class ConfirmRule {
    depth,      // this many blocks, its own included
    safe,       // the chain's `safe` tag reached it
    finalized,  // the chain's `finalized` tag reached it
};

// How a kind of chain is watched. Periods in milliseconds.
struct Profile {
    ConfirmRule confirm = ConfirmRule::depth;
    std::uint64_t depth = 1;
    bool is_final_later = false;          // FINAL only when `finalized` reaches the block
    std::int64_t poll_ms = 250;           // of a transaction that is not confirmed
    std::int64_t watch_ms = 2'000;        // of the newest confirmed anchor, for reorgs
    std::int64_t lost_ms = 3'000;         // not mined for so long: the same bytes are sent again
    std::int64_t bump_ms = 10'000;        // not mined for so long: higher fees, same nonce
    std::int64_t backoff_max_ms = 5'000;  // between two looks at a gate that is closed
    // Between two calls to a node that does not answer. Short, because an outage is over for us
    // only when we ask: one call in two seconds is less than what a chain that works is polled
    // with.
    std::int64_t probe_max_ms = 2'000;
};

// invalid_input for a profile nobody knows.
[[nodiscard]] Result<Profile> profile_of(const EthereumTarget& target);

}  // namespace anchorlog::anchor
