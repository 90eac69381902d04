#include "wire/canonical_scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "anchorlog/base/types.h"
#include "anchorlog/wire/canonical_json.h"
#include "wire/byte_words.h"

namespace anchorlog::wire {

namespace {

constexpr std::size_t kIntegerDigitsMax = 16;
// Integers of so many digits are below 2^53 without looking.
constexpr std::size_t kSafeDigits = 15;
// So many zeros behind the point and ES6 writes an exponent.
constexpr std::size_t kPlainZeros = 6;
// UTF-8 lead bytes from here on start a code point from U+E000 (BMP) or U+10000 (four bytes).
constexpr unsigned char kLeadAfterSurrogates = 0xEE;
constexpr unsigned char kLeadSupplementary = 0xF0;

// Bytes a canonical string holds as they are; '"', '\\' and controls end the quick loop.
constexpr std::array<bool, 256> kPlain = [] {
    std::array<bool, 256> plain{};
    for (std::size_t i = 0x20; i < plain.size(); ++i) plain[i] = i != '"' && i != '\\';
    return plain;
}();

// How many of the next 8 bytes are plain before one is not.
std::size_t plain_prefix(const char* at) {
    const std::uint64_t word = word_at(at);
    // The high bit of the lowest byte that is 0, and of no byte below it.
    const auto zeros = [](std::uint64_t bytes) {
        return (bytes - kOnes) & ~bytes;
    };
    const std::uint64_t found = zeros(word ^ (kOnes * '"')) | zeros(word ^ (kOnes * '\\')) |
                                ((word - kOnes * 0x20) & ~word);
    return static_cast<std::size_t>(std::countr_zero(found & kHighBits)) / 8;
}

constexpr std::array<bool, 256> kNumberByte = [] {
    std::array<bool, 256> number{};
    for (const char c : std::string_view("0123456789+-.eE")) {
        number[static_cast<unsigned char>(c)] = true;
    }
    return number;
}();

// An object, so that algorithms that take it are compiled for it.
constexpr auto is_digit = [](char c) {
    return c >= '0' && c <= '9';
};

// `12.5` and `0.125`, without a sign. Decimals of up to 15 digits that end in none too many come
// back as they are from the double nearest to them; ES6 writes them so from 0.000001 on.
bool is_short_decimal(std::string_view token) {
    const std::size_t point = token.find('.');
    if (point == std::string_view::npos || token.size() > kSafeDigits + 1) return false;
    const std::string_view whole = token.substr(0, point);
    const std::string_view fraction = token.substr(point + 1);
    if (whole.empty() || !std::all_of(whole.begin(), whole.end(), is_digit)) return false;
    if (fraction.empty() || !std::all_of(fraction.begin(), fraction.end(), is_digit)) return false;
    if (fraction.back() == '0') return false;
    return whole == "0" ? fraction.find_first_not_of('0') < kPlainZeros : whole.front() != '0';
}

// A token is canonical when it is what its own value is written as; that is its grammar, too.
bool is_canonical_number(std::string_view token) {
    const std::string_view digits = token.substr(token.starts_with('-') ? 1 : 0);
    if (!digits.empty() && digits.size() <= kSafeDigits && digits.front() != '0' &&
        std::all_of(digits.begin(), digits.end(), is_digit)) {
        return true;
    }
    if (is_short_decimal(digits)) return true;
    double value = 0;
    const char* begin = token.data();
    const char* end = begin + token.size();
    const auto read = std::from_chars(begin, end, value);
    if (read.ec != std::errc() || read.ptr != end) return false;
    if (std::abs(value) > static_cast<double>(kIntegerMax)) return false;
    std::string written;
    append_json_number(written, value);
    return written == token;
}

// Walks canonical text. `members` and `elements` get what is directly inside the top level.
class Scanner {
public:
    explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    std::vector<Member>* members = nullptr;
    std::vector<std::string_view>* elements = nullptr;

    bool whole() { return value(0) && at_ == end_; }
    // Where the value that begins at the front ends; null without one.
    const char* prefix(int depth) { return value(depth) ? at_ : nullptr; }

private:
    struct Name {
        std::string_view raw;
        bool is_escaped = false;
    };

    bool take(char c) {
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }

    bool take(std::string_view word) {
        if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) {
            return false;
        }
        at_ += word.size();
        return true;
    }

    bool value(int depth) {
        if (at_ == end_) return false;
        switch (*at_) {
            case '{':
                return object(depth + 1);
            case '[':
                return array(depth + 1);
            case '"':
                return string();
            case 't':
                return take("true");
            case 'f':
                return take("false");
            case 'n':
                return take("null");
            default:
                return number();
        }
    }

    bool object(int depth) {
        if (depth > kNestingMax) return false;
        ++at_;
        if (take('}')) return true;
        std::optional<Name> before;
        do {
            const char* name_at = at_ + 1;
            if (!string()) return false;
            const Name name{between(name_at, at_ - 1), is_escaped_};
            if (before && !in_order(*before, name)) return false;
            before = name;
            if (!take(':')) return false;
            const char* value_at = at_;
            if (!value(depth)) return false;
            if (depth == 1 && members != nullptr) {
                members->push_back({name.raw, between(value_at, at_)});
            }
        } while (take(','));
        return take('}');
    }

    bool array(int depth) {
        if (depth > kNestingMax) return false;
        ++at_;
        if (take(']')) return true;
        do {
            const char* value_at = at_;
            if (!value(depth)) return false;
            if (depth == 1 && elements != nullptr) elements->push_back(between(value_at, at_));
        } while (take(','));
        return take(']');
    }

    bool string() {
        if (!take('"')) return false;
        is_escaped_ = false;
        for (;;) {
            skip_plain();
            if (at_ == end_) return false;
            const char c = *at_++;
            if (c == '"') return true;
            if (c != '\\' || !escape()) return false;
            is_escaped_ = true;
        }
    }

    void skip_plain() {
        while (end_ - at_ >= static_cast<std::ptrdiff_t>(sizeof(std::uint64_t))) {
            const std::size_t plain = plain_prefix(at_);
            at_ += plain;
            if (plain < sizeof(std::uint64_t)) return;
        }
        while (at_ != end_ && kPlain[static_cast<unsigned char>(*at_)]) ++at_;
    }

    // RFC 8785 §3.2.2.2: two-letter forms where there is one, else \u00xx in lower case.
    bool escape() {
        if (at_ == end_) return false;
        const char c = *at_++;
        if (c != 'u') return std::string_view("\"\\bfnrt").find(c) != std::string_view::npos;
        if (end_ - at_ < 4 || at_[0] != '0' || at_[1] != '0') return false;
        const char high = at_[2];
        const char low = at_[3];
        at_ += 4;
        if (high != '0' && high != '1') return false;
        if (high == '0' && std::string_view("89acd").find(low) != std::string_view::npos) {
            return false;
        }
        return is_digit(low) || (low >= 'a' && low <= 'f');
    }

    bool number() {
        const char* begin = at_;
        while (at_ != end_ && is_digit(*at_)) ++at_;
        const auto digits = static_cast<std::size_t>(at_ - begin);
        // A whole number, by far the most frequent kind, needs no second look.
        const bool is_whole = at_ == end_ || !kNumberByte[static_cast<unsigned char>(*at_)];
        if (is_whole && digits > 0 && digits <= kSafeDigits && *begin != '0') return true;
        while (at_ != end_ && kNumberByte[static_cast<unsigned char>(*at_)]) ++at_;
        return at_ != begin && is_canonical_number(between(begin, at_));
    }

    // Strictly ascending, so that a name twice is refused as well.
    static bool in_order(const Name& before, const Name& name) {
        if (!before.is_escaped && !name.is_escaped) return utf16_less(before.raw, name.raw);
        return utf16_less(unescape(before.raw), unescape(name.raw));
    }

    static std::string_view between(const char* begin, const char* end) {
        return {begin, static_cast<std::size_t>(end - begin)};
    }

    const char* at_;
    const char* end_;
    bool is_escaped_ = false;  // the last string holds an escape
};

char hex_digit_value(char c) { return static_cast<char>(is_digit(c) ? c - '0' : c - 'a' + 10); }

}  // namespace

bool scan_canonical(std::string_view text) { return is_utf8(text) && Scanner(text).whole(); }

bool scan_object(std::string_view text, std::vector<Member>& members) {
    members.clear();
    if (!text.starts_with('{') || !is_utf8(text)) return false;
    Scanner scanner(text);
    scanner.members = &members;
    return scanner.whole();
}

bool scan_array(std::string_view text, std::vector<std::string_view>& elements) {
    elements.clear();
    if (!text.starts_with('[') || !is_utf8(text)) return false;
    Scanner scanner(text);
    scanner.elements = &elements;
    return scanner.whole();
}

std::size_t canonical_prefix(std::string_view text, int depth) {
    const char* const end = Scanner(text).prefix(depth);
    return end == nullptr ? std::string_view::npos : static_cast<std::size_t>(end - text.data());
}

std::string unescape(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\' || i + 1 == raw.size()) {
            out.push_back(raw[i]);
            continue;
        }
        const char c = raw[++i];
        switch (c) {
            case 'b':
                out.push_back('\b');
                break;
            case 'f':
                out.push_back('\f');
                break;
            case 'n':
                out.push_back('\n');
                break;
            case 'r':
                out.push_back('\r');
                break;
            case 't':
                out.push_back('\t');
                break;
            case 'u':
                if (raw.size() - i <= 4) return out;
                out.push_back(static_cast<char>(hex_digit_value(raw[i + 3]) * 16 +
                                                hex_digit_value(raw[i + 4])));
                i += 4;
                break;
            default:
                out.push_back(c);
        }
    }
    return out;
}

std::optional<std::string_view> plain_string(std::string_view value) {
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::nullopt;
    const std::string_view content = value.substr(1, value.size() - 2);
    if (content.find('\\') != std::string_view::npos) return std::nullopt;
    return content;
}

bool utf16_less(std::string_view a, std::string_view b) {
    const std::size_t shared = std::min(a.size(), b.size());
    const auto differ = static_cast<std::size_t>(
        std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shared), b.begin()).first -
        a.begin());
    if (differ == shared) return a.size() < b.size();
    const auto x = static_cast<unsigned char>(a[differ]);
    const auto y = static_cast<unsigned char>(b[differ]);
    // Code points from U+10000 are surrogates in UTF-16, below U+E000; only there do byte order
    // and UTF-16 order part. Continuation bytes are below 0xC0 and never get here.
    if (x >= kLeadAfterSurrogates && y >= kLeadAfterSurrogates &&
        (x >= kLeadSupplementary) != (y >= kLeadSupplementary)) {
        return x >= kLeadSupplementary;
    }
    return x < y;
}

std::optional<std::uint64_t> parse_integer(std::string_view token) {
    if (token.empty() || token.size() > kIntegerDigitsMax ||
        (token.front() == '0' && token.size() > 1)) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    bool all_digits = true;
    for (const char c : token) {
        all_digits &= is_digit(c);
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (!all_digits || value > kIntegerMax) return std::nullopt;
    return value;
}

}  // namespace anchorlog::wire
