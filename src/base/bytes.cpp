#include "anchorlog/base/bytes.h"

#include <algorithm>

namespace anchorlog {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr int kNotADigit = -1;

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return kNotADigit;
}

int base64_value(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return kNotADigit;
}

Error bad_base64(std::string_view why) {
    return {Errc::invalid_input, "base64: " + std::string(why)};
}

}  // namespace

ByteView as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(ByteView bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteView bytes) {
    std::string out;
    append_hex(out, bytes);
    return out;
}

void append_hex(std::string& out, ByteView bytes) {
    const std::size_t before = out.size();
    out.resize(before + bytes.size() * 2);
    char* at = out.data() + before;
    for (const std::uint8_t byte : bytes) {
        *at++ = kHexDigits[byte >> 4U];
        *at++ = kHexDigits[byte & 0x0FU];
    }
}

Result<Bytes> from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) {
        return Error{Errc::invalid_input,
                     "hex: odd number of digits (" + std::to_string(hex.size()) + ")"};
    }
    Bytes out;
    out.reserve(hex.size() / 2);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const int high = hex_value(hex[i]);
        const int low = hex_value(hex[i + 1]);
        if (high == kNotADigit || low == kNotADigit) {
            return Error{Errc::invalid_input,
                         "hex: only 0-9 and lower-case a-f are allowed (at digit " +
                             std::to_string(high == kNotADigit ? i : i + 1) + ")"};
        }
        out.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return out;
}

Result<Hash> hash_from_hex(std::string_view hex) {
    if (hex.size() != Hash::kSize * 2) {
        return Error{Errc::invalid_input,
                     "hex: 64 digits expected, " + std::to_string(hex.size()) + " found"};
    }
    auto bytes = from_hex(hex);
    if (!bytes) return std::move(bytes).error();
    return hash_from_bytes(*bytes);
}

std::string to_base64(ByteView bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t taken = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = std::uint32_t{bytes[i]} << 16U;
        if (taken > 1) group |= std::uint32_t{bytes[i + 1]} << 8U;
        if (taken > 2) group |= bytes[i + 2];
        out.push_back(kBase64Digits[group >> 18U]);
        out.push_back(kBase64Digits[(group >> 12U) & 0x3FU]);
        out.push_back(taken > 1 ? kBase64Digits[(group >> 6U) & 0x3FU] : '=');
        out.push_back(taken > 2 ? kBase64Digits[group & 0x3FU] : '=');
    }
    return out;
}

Result<Bytes> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return bad_base64("length is not a multiple of 4");
    Bytes out;
    out.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool is_last = i + 4 == text.size();
        std::size_t padding = 0;
        if (is_last && text[i + 3] == '=') padding = text[i + 2] == '=' ? 2 : 1;
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const int value = k < 4 - padding ? base64_value(text[i + k]) : 0;
            if (value == kNotADigit) {
                return bad_base64("character " + std::to_string(i + k) +
                                  " is not of the standard alphabet");
            }
            group = (group << 6U) | static_cast<std::uint32_t>(value);
        }
        // Bits below the last byte must be zero, or two spellings would decode to one value.
        if ((padding == 1 && (group & 0xFFU) != 0) || (padding == 2 && (group & 0xFFFFU) != 0)) {
            return bad_base64("unused bits are not zero");
        }
        out.push_back(static_cast<std::uint8_t>(group >> 16U));
        if (padding < 2) out.push_back(static_cast<std::uint8_t>((group >> 8U) & 0xFFU));
        if (padding < 1) out.push_back(static_cast<std::uint8_t>(group & 0xFFU));
    }
    return out;
}

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void append_u64be(Bytes& out, std::uint64_t value) {
    for (unsigned shift = 64; shift > 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>((value >> (shift - 8)) & 0xFFU));
    }
}

void append_u32be(Bytes& out, std::uint32_t value) {
    for (unsigned shift = 32; shift > 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>((value >> (shift - 8)) & 0xFFU));
    }
}

std::uint64_t read_u64be(const std::uint8_t* at) noexcept {
    return (std::uint64_t{read_u32be(at)} << 32U) | read_u32be(at + 4);
}

std::uint32_t read_u32be(const std::uint8_t* at) noexcept {
    return (std::uint32_t{at[0]} << 24U) | (std::uint32_t{at[1]} << 16U) |
           (std::uint32_t{at[2]} << 8U) | std::uint32_t{at[3]};
}

Result<Hash> hash_from_bytes(ByteView bytes) {
    if (bytes.size() != Hash::kSize) {
        return Error{Errc::invalid_input,
                     "hash: 32 bytes expected, " + std::to_string(bytes.size()) + " found"};
    }
    Hash out;
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
    return out;
}

}  // namespace anchorlog
