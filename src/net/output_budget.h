#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace anchorlog::net {

// Answers that peers have not taken yet, of all sessions. Any thread.
class OutputBudget {
public:
    OutputBudget(std::uint64_t session_bytes_max, std::uint64_t bytes_max)
        : session_bytes_max_(session_bytes_max), bytes_max_(bytes_max) {}

    // A session that held `before` now holds `held`.
    void change(std::uint64_t before, std::uint64_t held) {
        if (before != held) bytes_.fetch_add(held - before);
    }
    // May a session hold so much? When all hold too much, those go that hold more than a share:
    // so all together hold at most twice the limit, however many they are.
    [[nodiscard]] bool allows(std::uint64_t held, std::uint64_t sessions) const {
        if (held > session_bytes_max_) return false;
        if (bytes_.load() <= bytes_max_) return true;
        return held <= bytes_max_ / std::max<std::uint64_t>(1, sessions);
    }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(); }

private:
    const std::uint64_t session_bytes_max_;
    const std::uint64_t bytes_max_;
    std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace anchorlog::net
