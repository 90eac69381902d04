#include <string>

#include "anchorlog/base/clock.h"
#include "anchorlog/wire/alert.h"
#include "fuzz/target.h"
#include "wire/canonical_scan.h"

namespace anchorlog::fuzz {

// The small spellings that all formats share: one value has one text.
void encoding(ByteView input) {
    const std::string_view text = as_text(input);
    if (const auto bytes = from_hex(text)) require(to_hex(*bytes) == text, "hex round-trips");
    if (const auto hash = hash_from_hex(text)) require(to_hex(*hash) == text, "a hash round-trips");
    if (const auto bytes = from_base64(text)) {
        require(to_base64(*bytes) == text, "base64 round-trips");
    }
    const auto bytes = from_base64(to_base64(input));
    require(bytes && as_text(*bytes) == text, "every byte string has a base64 form");
    if (const auto id = wire::parse_entry_id(text)) {
        require(wire::format_entry_id(*id) == text, "a UUID round-trips");
    }
    if (const auto number = wire::parse_integer(text)) {
        require(std::to_string(*number) == text && *number <= kIntegerMax,
                "an integer round-trips");
    }
    const auto server = parse_server_time(text);
    const auto sender = parse_sender_time(text);
    if (server) {
        require(format_server_time(*server) == text, "a server time round-trips");
        require(sender && *sender == *server, "a server time is a sender time");
    }
    if (sender) {
        const auto again = parse_server_time(format_server_time(*sender));
        require(again && *again == *sender, "a sender time has a server form");
    }
}

}  // namespace anchorlog::fuzz
