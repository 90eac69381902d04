#pragma once

#include <cstdint>
#include <deque>

#include "anchorlog/base/clock.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::anchor {

// gas times fee, saturating: the most a transaction can cost, in wei.
[[nodiscard]] std::uint64_t cost_max(std::uint64_t gas, std::uint64_t max_fee);

// The most that this target's attempts of the last 24 hours may have cost. Attempts of one nonce
// count once, as the dearest of them, because one of them at most is mined. Rebuilt from anchors/
// at start, so that a restart does not open the purse again. The day is the wall clock's: whoever
// sets the clock forward can spend the next day's limit today.
class Spending {
public:
    void add(const wire::AnchorAttempt& attempt);
    // In wei, saturating; without what the attempts of `nonce` may cost.
    [[nodiscard]] std::uint64_t of_last_day(WallTime now, std::uint64_t except_nonce);

private:
    struct Spent {
        WallTime at;
        std::uint64_t nonce = 0;
        std::uint64_t wei = 0;
    };
    std::deque<Spent> spent_;  // by time of the attempt
};

}  // namespace anchorlog::anchor
