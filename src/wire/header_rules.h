#pragma once

#include "anchorlog/wire/header.h"

namespace anchorlog::wire {

class ObjectReader;

// The rules of formats §3 that one header of version 1 can break all by itself.
[[nodiscard]] Result<void> check_header(const Header& header);

// The members of a source, in a header or in what stands for a pruned one. The caller asks the
// reader whether they were right and all.
[[nodiscard]] Source read_source(ObjectReader& reader);

}  // namespace anchorlog::wire
