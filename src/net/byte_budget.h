#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace anchorlog::net {

// Un-answered bytes of all sessions: what decides who may read on. Any thread. Everything is
// sequentially consistent, because "release, then look for somebody who waits" on one thread and
// "say that I wait, then look again" on another must not miss each other.
class ByteBudget {
public:
    ByteBudget(std::uint64_t session_bytes_max, std::uint64_t queue_bytes_max,
               std::uint64_t shared_bytes_max)
        : session_bytes_max_(session_bytes_max), queue_bytes_max_(queue_bytes_max),
          shared_bytes_max_(shared_bytes_max) {}

    // May a session that holds `held` un-answered bytes read more? One read may overshoot.
    [[nodiscard]] bool allows(std::uint64_t held) const {
        const std::uint64_t queued = queued_.load();
        if (held >= session_bytes_max_ || queued >= queue_bytes_max_) return false;
        const std::uint64_t crowd = crowd_.load();
        if (crowd > 0 && held > 0 && held >= shared_bytes_max_ / crowd) return false;
        if (queued <= queue_bytes_max_ / 2) return true;
        return held < queue_bytes_max_ / std::max<std::uint64_t>(1, sessions_.load());
    }
    void take(std::uint64_t bytes) { queued_.fetch_add(bytes); }
    void release(std::uint64_t bytes) { queued_.fetch_sub(bytes); }
    // Sessions that are active while several senders are; 0: one sender is alone. What is queued
    // is what the next alert of anybody waits behind.
    void set_crowd(std::uint64_t sessions) { crowd_.store(sessions); }
    void add_session() { sessions_.fetch_add(1); }
    void remove_session() { sessions_.fetch_sub(1); }
    [[nodiscard]] std::uint64_t queued() const { return queued_.load(); }
    [[nodiscard]] std::uint64_t sessions() const { return sessions_.load(); }

private:
    const std::uint64_t session_bytes_max_;
    const std::uint64_t queue_bytes_max_;
    const std::uint64_t shared_bytes_max_;
    std::atomic<std::uint64_t> crowd_{0};
    std::atomic<std::uint64_t> queued_{0};
    std::atomic<std::uint64_t> sessions_{0};
};

}  // namespace anchorlog::net
