#pragma once

#include <string>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "anchorlog/verify/trust.h"

namespace anchorlog::verify {

// The keys the log itself names at its beginning: good for finding damage, not for trust.
[[nodiscard]] Result<Trust> own_keys(FileSystem& fs, const std::string& dir);

}  // namespace anchorlog::verify
