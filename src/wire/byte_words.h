#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace anchorlog::wire {

// Eight bytes of text at once, the first of them lowest: an audit reads half of a line so.
inline constexpr std::uint64_t kOnes = 0x0101010101010101;
inline constexpr std::uint64_t kHighBits = 0x8080808080808080;

inline std::uint64_t word_at(const char* text) {
    std::uint64_t word = 0;
    std::memcpy(&word, text, sizeof(word));
    if constexpr (std::endian::native == std::endian::big) {
        auto* bytes = reinterpret_cast<std::uint8_t*>(&word);
        std::reverse(bytes, bytes + sizeof(word));
    }
    return word;
}

// Reads 8 lower-case hex digits as 4 bytes. False, with any bytes, where one is no such digit.
inline bool read_hex8(const char* digits, std::uint8_t* bytes) {
    const std::uint64_t word = word_at(digits);
    // The high bit of each byte from `least` on, where none had it before.
    const auto from = [word](std::uint8_t least) {
        return word + kOnes * (0x80u - least);
    };
    const std::uint64_t is_digit = from('0') & ~from('9' + 1);
    const std::uint64_t is_letter = from('a') & ~from('f' + 1) & kHighBits;
    const std::uint64_t is_good = (is_digit | is_letter) & ~word & kHighBits;
    const std::uint64_t values = (word & kOnes * 0x0F) + (is_letter >> 7U) * 9;
    const std::uint64_t pairs = values << 4U | values >> 8U;
    bytes[0] = static_cast<std::uint8_t>(pairs);
    bytes[1] = static_cast<std::uint8_t>(pairs >> 16U);
    bytes[2] = static_cast<std::uint8_t>(pairs >> 32U);
    bytes[3] = static_cast<std::uint8_t>(pairs >> 48U);
    return is_good == kHighBits;
}

}  // namespace anchorlog::wire
