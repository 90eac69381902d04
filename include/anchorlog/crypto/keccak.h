#pragma once

#include "anchorlog/base/bytes.h"

namespace anchorlog::crypto {

// Keccak-256 as Ethereum uses it (the padding before FIPS 202). From OpenSSL ≥ 3.2, else Crypto++.
[[nodiscard]] Hash keccak256(ByteView bytes);

}  // namespace anchorlog::crypto
