#pragma once

#include <cstdint>
#include <string>

namespace anchorlog::testing {

// Canonical alerts for tests; `variant` changes the content without changing the number.
std::string make_alert(const std::string& device, std::uint64_t seq_no, std::int64_t wall_ms,
                       std::uint64_t epoch = 0, std::uint64_t variant = 0);

}  // namespace anchorlog::testing
