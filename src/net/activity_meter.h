#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "anchorlog/base/types.h"

namespace anchorlog::net {

// Active is who brought something in this window or the one before.
inline constexpr std::int64_t kActivityWindowMs = 1'000;

// Counts who is active, so that one sender alone may use all there is, and leaves room when it is
// not alone. Any thread.
class ActivityMeter {
public:
    // When one session, or one sender, was last counted.
    struct Mark {
        std::int64_t window = -1;
    };
    struct Active {
        std::uint64_t senders = 0;
        std::uint64_t sessions = 0;
    };

    // True when a session that brings something now has to be counted. Cheap.
    [[nodiscard]] static bool is_due(const Mark& session, SteadyTime now) {
        return session.window != window_of(now);
    }
    // Counts it. `session` is the caller's own; `sender` only this meter's to touch.
    [[nodiscard]] Active count(Mark& session, Mark& sender, SteadyTime now) {
        const std::lock_guard lock(mutex_);
        const std::int64_t window = window_of(now);
        if (window > window_) {
            before_ = window == window_ + 1 ? current_ : Active{};
            current_ = {};
            window_ = window;
        }
        session.window = window;
        ++current_.sessions;
        if (sender.window < window) {
            sender.window = window;
            ++current_.senders;
        }
        return {std::max(before_.senders, current_.senders),
                std::max(before_.sessions, current_.sessions)};
    }

private:
    [[nodiscard]] static std::int64_t window_of(SteadyTime now) {
        return now.ms / kActivityWindowMs;
    }

    std::mutex mutex_;
    std::int64_t window_ = -1;
    Active before_;
    Active current_;
};

}  // namespace anchorlog::net
