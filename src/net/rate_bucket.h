#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "anchorlog/base/types.h"

namespace anchorlog::net {

// A token bucket that can be overdrawn: what has been read has been read, and whoever read it
// waits until nothing is owed. Used by one thread, or under a lock.
class RateBucket {
public:
    RateBucket(std::uint32_t per_s, std::uint32_t burst)
        : per_ms_(per_s / 1'000.0), burst_(burst), tokens_(burst) {}

    // How long to wait before the next; 0: not at all.
    [[nodiscard]] std::int64_t take(std::uint64_t count, SteadyTime now) {
        tokens_ = tokens_at(now) - static_cast<double>(count);
        refilled_ = now;
        return tokens_ >= 0 ? 0 : static_cast<std::int64_t>(std::ceil(-tokens_ / per_ms_));
    }
    // False: there is none, and nothing was taken.
    [[nodiscard]] bool take_one_if_there(SteadyTime now) {
        return tokens_at(now) >= 1 && take(1, now) == 0;
    }
    // It could as well be a new one.
    [[nodiscard]] bool is_full(SteadyTime now) const { return tokens_at(now) >= burst_; }

private:
    [[nodiscard]] double tokens_at(SteadyTime now) const {
        if (now <= refilled_) return tokens_;
        const auto passed_ms = static_cast<double>(now.ms - refilled_.ms);
        return std::min(burst_, tokens_ + passed_ms * per_ms_);
    }

    double per_ms_;
    double burst_;
    double tokens_;
    SteadyTime refilled_;  // any will do at first: it is full
};

}  // namespace anchorlog::net
