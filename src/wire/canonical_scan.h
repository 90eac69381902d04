#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace anchorlog::wire {

// One member of an object in canonical text: both views are of the raw text.
struct Member {
    std::string_view name;   // between the quotes, still escaped
    std::string_view value;  // the whole value, a string with its quotes
};

// The one judge of canonical form (RFC 8785 and the refusals of formats §1), in one pass without
// allocation: true exactly when `text` is the canonical form of some JSON value. It shares no code
// with canonicalize() but the number form, so that each can test the other. Any thread.
[[nodiscard]] bool scan_canonical(std::string_view text);

// The same for a text that must be one object; `members` gets its members, in order.
[[nodiscard]] bool scan_object(std::string_view text, std::vector<Member>& members);
// The same for an array and its elements.
[[nodiscard]] bool scan_array(std::string_view text, std::vector<std::string_view>& elements);

// The size of the value at the front of `text`, which lies inside `depth` arrays and objects;
// npos if none there is canonical. UTF-8 is not checked.
[[nodiscard]] std::size_t canonical_prefix(std::string_view text, int depth);

// The text between the quotes of a canonical string, with its escapes resolved.
[[nodiscard]] std::string unescape(std::string_view raw);
// The content of a string value that holds no escape (every string of a fixed form does not);
// nothing for another type or a string with one.
[[nodiscard]] std::optional<std::string_view> plain_string(std::string_view value);

// RFC 8785 §3.2.3: UTF-16 code unit order of two UTF-8 strings.
[[nodiscard]] bool utf16_less(std::string_view a, std::string_view b);

[[nodiscard]] bool is_utf8(std::string_view text);

// A counting integer's token (formats §1): `0|[1-9][0-9]{0,15}`, at most 2^53−1.
[[nodiscard]] std::optional<std::uint64_t> parse_integer(std::string_view token);

}  // namespace anchorlog::wire
