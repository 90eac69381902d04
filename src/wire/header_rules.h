#pragma once

#include "anchorlog/wire/header.h"

namespace anchorlog::wire {

// The rules of formats §3 that one header of version 1 can break all by itself.
[[nodiscard]] Result<void> check_header(const Header& header);

}  // namespace anchorlog::wire
