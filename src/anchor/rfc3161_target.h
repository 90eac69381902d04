#pragma once

#include <memory>

#include "anchor/http_post.h"
#include "anchor/stamp_target.h"

namespace anchorlog::anchor {

// make_timestamp_target with the connection as an argument.
[[nodiscard]] Result<std::unique_ptr<AnchorTarget>> make_timestamp_target(
    TimestampTarget target, std::unique_ptr<HttpPost> http, const TargetBase& base,
    std::uint64_t seed);

}  // namespace anchorlog::anchor
