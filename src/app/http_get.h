#pragma once

#include <string>

#include "anchorlog/base/result.h"

namespace anchorlog::app {

// The body of a local page, by libcurl: http only, 5 s in all, at most 1 MiB, no redirects.
[[nodiscard]] Result<std::string> http_get(const std::string& url);

}  // namespace anchorlog::app
