#pragma once

#include <atomic>
#include <cstdint>

#include "anchorlog/base/clock.h"

namespace anchorlog::testing {

// A clock that stands still until the test moves it. Any thread.
class SimClock final : public Clock {
public:
    // 2026-01-01T00:00:00.000Z
    static constexpr WallTime kStart{1'767'225'600'000};

    explicit SimClock(WallTime wall = kStart) : wall_ms_(wall.ms) {}

    [[nodiscard]] Now now() const override {
        return {WallTime{wall_ms_.load()}, SteadyTime{steady_ms_.load()}};
    }
    // Time passes: both clocks move together.
    void advance_ms(std::int64_t ms) {
        ANCHORLOG_ASSERT(ms >= 0);
        wall_ms_ += ms;
        steady_ms_ += ms;
    }
    // Somebody sets the wall clock, forwards or backwards; steady time does not notice.
    void set_wall(WallTime wall) { wall_ms_ = wall.ms; }

private:
    std::atomic<std::int64_t> wall_ms_;
    std::atomic<std::int64_t> steady_ms_{1'000'000};  // not zero: nobody may rely on it
};

}  // namespace anchorlog::testing
