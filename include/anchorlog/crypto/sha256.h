#pragma once

#include <initializer_list>

#include "anchorlog/base/bytes.h"

namespace anchorlog::crypto {

// SHA-256 (FIPS 180-4) of the concatenated parts. Any thread. Cannot fail: a libcrypto
// without SHA-256 is found by an assertion.
[[nodiscard]] Hash sha256(std::initializer_list<ByteView> parts);
[[nodiscard]] inline Hash sha256(ByteView bytes) { return sha256({bytes}); }

}  // namespace anchorlog::crypto
