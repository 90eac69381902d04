#pragma once

#include <cstdint>
#include <string>

namespace anchorlog::store {

// `<first line, 20 digits>.ndjson`, a segment.
[[nodiscard]] std::string segment_name(std::uint64_t first_line);
// `<first line>.leaves` and `<first line>.devices.ndjson`, which stand for a pruned one.
[[nodiscard]] std::string leaves_name(std::uint64_t first_line);
[[nodiscard]] std::string devices_name(std::uint64_t first_line);

}  // namespace anchorlog::store
