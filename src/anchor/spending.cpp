#include "anchor/spending.h"

#include <algorithm>
#include <limits>

namespace anchorlog::anchor {

namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::uint64_t kWeiMax = std::numeric_limits<std::uint64_t>::max();

}  // namespace

std::uint64_t cost_max(std::uint64_t gas, std::uint64_t max_fee) {
    return gas != 0 && max_fee > kWeiMax / gas ? kWeiMax : gas * max_fee;
}

void Spending::add(const wire::AnchorAttempt& attempt) {
    const std::uint64_t wei = cost_max(attempt.gas, attempt.max_fee);
    if (!spent_.empty() && spent_.back().nonce == attempt.nonce) {
        spent_.back() = {attempt.at, attempt.nonce, std::max(spent_.back().wei, wei)};
    } else {
        spent_.push_back({attempt.at, attempt.nonce, wei});
    }
}

std::uint64_t Spending::of_last_day(WallTime now, std::uint64_t except_nonce) {
    while (!spent_.empty() && spent_.front().at.ms <= now.ms - kDayMs) spent_.pop_front();
    std::uint64_t sum = 0;
    for (const Spent& one : spent_) {
        if (one.nonce == except_nonce) continue;
        sum = one.wei > kWeiMax - sum ? kWeiMax : sum + one.wei;
    }
    return sum;
}

}  // namespace anchorlog::anchor
