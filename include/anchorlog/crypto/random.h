#pragma once

#include <cstdint>
#include <span>

namespace anchorlog::crypto {

// Fills from the operating system's CSPRNG; asserts that it answered.
void random_bytes(std::span<std::uint8_t> out);

}  // namespace anchorlog::crypto
