#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "anchorlog/base/types.h"

namespace anchorlog::app {

// How long a thread has been at its current step: a thread that hangs, in a system call or in a
// loop, cannot say so itself. One thread calls begin() and end(), any thread the rest.
class StepWatch {
public:
    void begin(SteadyTime now) { began_ms_.store(now.ms, std::memory_order_relaxed); }
    void end() { began_ms_.store(kIdle, std::memory_order_relaxed); }

    // 0 between two steps: waiting for work is no step.
    [[nodiscard]] std::int64_t held_ms(SteadyTime now) const {
        const std::int64_t began_ms = began_ms_.load(std::memory_order_relaxed);
        return began_ms == kIdle ? 0 : std::max<std::int64_t>(now.ms - began_ms, 0);
    }

private:
    static constexpr std::int64_t kIdle = -1;
    std::atomic<std::int64_t> began_ms_ = kIdle;
};

}  // namespace anchorlog::app
