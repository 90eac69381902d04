#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"

namespace anchorlog::store {

// Keeps what recovery is about to cut: writes `bytes` durably to
// `<store_dir>/torn/<journal_name>-<first_line>-<first 8 hex digits of SHA-256>.bin` and returns
// that path. MUST succeed before the journal is cut. The same bytes again are fine: a crash
// between keeping and cutting repeats both.
[[nodiscard]] Result<std::string> keep_torn(FileSystem& fs, const std::string& store_dir,
                                            const std::string& journal_name,
                                            std::uint64_t first_line, std::string_view bytes);

}  // namespace anchorlog::store
