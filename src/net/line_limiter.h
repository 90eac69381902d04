#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "anchorlog/base/types.h"
#include "net/rate_bucket.h"

namespace anchorlog::net {

// Lines of the daemon's log that peers cause: so many may come at once, and so many a second.
inline constexpr std::uint32_t kLinesBurst = 500;
inline constexpr std::uint32_t kLinesPerS = 20;

// Keeps those who connect again and again from filling the disk with log lines. Any thread.
class LineLimiter {
public:
    // Nothing: the line is not to be written. Else how many were not since the last one.
    [[nodiscard]] std::optional<std::uint64_t> allow(SteadyTime now) {
        const std::lock_guard lock(mutex_);
        if (lines_.take_one_if_there(now)) return std::exchange(left_out_, 0);
        ++left_out_;
        return std::nullopt;
    }

private:
    std::mutex mutex_;
    RateBucket lines_{kLinesPerS, kLinesBurst};
    std::uint64_t left_out_ = 0;
};

}  // namespace anchorlog::net
