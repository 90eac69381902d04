#include "anchor/backoff.h"

#include <algorithm>

namespace anchorlog::anchor {

namespace {

constexpr unsigned kDoublingsMax = 20;

}  // namespace

std::int64_t backoff_ms(unsigned failures, std::int64_t max_ms, std::uint64_t& random) noexcept {
    const unsigned doublings = std::min(failures - 1, kDoublingsMax);
    const std::int64_t base = std::min<std::int64_t>(kBackoffMinMs << doublings, max_ms);
    random ^= random << 13;  // xorshift64 (Marsaglia)
    random ^= random >> 7;
    random ^= random << 17;
    const auto permille = static_cast<std::int64_t>(800 + random % 401);
    return std::min(base * permille / 1'000, max_ms);
}

}  // namespace anchorlog::anchor
