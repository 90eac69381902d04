#pragma once

#include <string_view>

#include "anchorlog/base/result.h"

namespace anchorlog::verify {

// One RFC 9162 proof as JSON, in the shape of the published transparency-dev/merkle vectors;
// hashes are base64, `proof` is an array or null, other members are ignored:
//   {"leafIdx","treeSize","root","leafHash","proof"}
//   {"size1","size2","root1","root2","proof"}
// An error of code refused says why the proof does not hold, invalid_input what cannot be read.
[[nodiscard]] Result<void> check_raw_inclusion(std::string_view json);
[[nodiscard]] Result<void> check_raw_consistency(std::string_view json);

}  // namespace anchorlog::verify
