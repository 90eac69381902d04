#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"

namespace anchorlog {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

[[nodiscard]] ByteView as_bytes(std::string_view text) noexcept;
[[nodiscard]] std::string_view as_text(ByteView bytes) noexcept;

// Lower-case hexadecimal, as every hash and key in our JSON is written (formats §1).
[[nodiscard]] std::string to_hex(ByteView bytes);
void append_hex(std::string& out, ByteView bytes);
[[nodiscard]] inline std::string to_hex(const Hash& hash) { return to_hex(ByteView(hash.bytes)); }
// Refuses upper case and odd lengths, so that one value has one spelling.
[[nodiscard]] Result<Bytes> from_hex(std::string_view hex);
[[nodiscard]] Result<Hash> hash_from_hex(std::string_view hex);

// RFC 4648 §4 base64 with padding; decoding refuses what does not re-encode to itself.
[[nodiscard]] std::string to_base64(ByteView bytes);
[[nodiscard]] Result<Bytes> from_base64(std::string_view text);

void append(Bytes& out, ByteView bytes);
void append_u64be(Bytes& out, std::uint64_t value);
void append_u32be(Bytes& out, std::uint32_t value);
[[nodiscard]] std::uint64_t read_u64be(const std::uint8_t* at) noexcept;
[[nodiscard]] std::uint32_t read_u32be(const std::uint8_t* at) noexcept;

// Copies exactly 32 bytes; anything else is invalid_input.
[[nodiscard]] Result<Hash> hash_from_bytes(ByteView bytes);

}  // namespace anchorlog
