#include <algorithm>
#include <string>

#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::eth {

namespace {

constexpr std::size_t kAddressTextSize = 42;

bool is_upper(char c) { return c >= 'A' && c <= 'F'; }
bool is_lower(char c) { return c >= 'a' && c <= 'f'; }

}  // namespace

std::string format_address(const Address& address) {
    std::string hex = to_hex(ByteView(address));
    const Hash hash = crypto::keccak256(as_bytes(hex));
    for (std::size_t i = 0; i < hex.size(); ++i) {
        const std::uint8_t byte = hash.bytes[i / 2];
        const int nibble = i % 2 == 0 ? byte >> 4 : byte & 0x0f;
        if (is_lower(hex[i]) && nibble >= 8) hex[i] = static_cast<char>(hex[i] - 'a' + 'A');
    }
    return "0x" + hex;
}

Result<Address> parse_address(std::string_view text) {
    const std::string place = "address \"" + std::string(text.substr(0, kAddressTextSize)) + "\"";
    if (text.size() != kAddressTextSize || !text.starts_with("0x")) {
        return Error{Errc::invalid_input, place + ": expected 0x and 40 hex digits"};
    }
    std::string lower(text.substr(2));
    for (char& c : lower) {
        if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
    }
    const auto bytes = from_hex(lower);
    if (!bytes) return Error{Errc::invalid_input, place + ": expected 0x and 40 hex digits"};
    Address address{};
    std::copy(bytes->begin(), bytes->end(), address.begin());
    const bool is_mixed = std::any_of(text.begin() + 2, text.end(), is_upper) &&
                          std::any_of(text.begin() + 2, text.end(), is_lower);
    if (is_mixed && format_address(address) != text) {
        return Error{Errc::invalid_input,
                     place + ": the EIP-55 checksum does not hold; is a digit mistyped?"};
    }
    return address;
}

}  // namespace anchorlog::eth
