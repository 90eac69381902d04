#pragma once

#include <cstdint>

namespace anchorlog::anchor {

inline constexpr std::int64_t kBackoffMinMs = 500;

// How long to wait after so many failures in a row (at least 1): 0.5 s, doubled with every one, up
// to `max_ms`; ±20 % so that several gateways do not knock at once. `random` is any number but 0,
// and is moved on.
[[nodiscard]] std::int64_t backoff_ms(unsigned failures, std::int64_t max_ms,
                                      std::uint64_t& random) noexcept;

}  // namespace anchorlog::anchor
