#include "anchorlog/wire/canonical_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>
#include <nlohmann/json.hpp>

#include "anchorlog/base/types.h"
#include "wire/canonical_scan.h"
#include "wire/canonicalizer.h"

namespace anchorlog::wire {

namespace {

using nlohmann::json;

// ES6 writes plain digits up to this many places before the point and zeros after it.
constexpr int kPlainPointMax = 21;
constexpr int kPlainZerosMax = 6;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kHexDigits = "0123456789abcdef";

// A finite non-zero double as 0.d1d2… × 10^point, with the fewest digits that read back.
struct Decimal {
    std::string digits;
    int point = 0;
};

Decimal shortest(double value) {
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific)
            .ptr;
    const char* exponent_at = std::find(text.data(), end, 'e');
    Decimal out;
    std::copy_if(static_cast<const char*>(text.data()), exponent_at, std::back_inserter(out.digits),
                 [](char c) { return c != '.'; });
    const char* from = exponent_at + (exponent_at[1] == '+' ? 2 : 1);
    std::from_chars(from, end, out.point);
    ++out.point;
    return out;
}

// Builds canonical text bottom up from nlohmann's events. Every callback returns false to refuse.
class Canonicalizer final : public nlohmann::json_sax<json> {
public:
    std::string text;
    std::vector<std::string> fraction_members;
    std::string problem;

    bool null() override { return scalar("null"); }
    bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
    bool number_integer(number_integer_t value) override {
        return number(value >= -static_cast<number_integer_t>(kIntegerMax), value);
    }
    bool number_unsigned(number_unsigned_t value) override {
        return number(value <= kIntegerMax, value);
    }
    bool number_float(number_float_t value, const string_t&) override {
        if (std::abs(value) > static_cast<double>(kIntegerMax)) return refuse_number();
        if (open_.size() == 1 && open_.back().is_object) {
            fraction_members.push_back(open_.back().name);
        }
        std::string out;
        append_json_number(out, value);
        return scalar(std::move(out));
    }
    bool string(string_t& value) override {
        std::string out;
        append_json_string(out, value);
        return scalar(std::move(out));
    }
    bool binary(binary_t&) override { return refuse("holds a binary value"); }
    bool start_object(std::size_t) override { return open(true); }
    bool start_array(std::size_t) override { return open(false); }
    bool key(string_t& name) override {
        open_.back().name = name;
        return true;
    }
    bool end_object() override {
        auto& members = open_.back().members;
        std::sort(members.begin(), members.end(),
                  [](const auto& a, const auto& b) { return utf16_less(a.first, b.first); });
        const auto twice =
            std::adjacent_find(members.begin(), members.end(),
                               [](const auto& a, const auto& b) { return a.first == b.first; });
        if (twice != members.end()) return refuse("an object has two members of one name");
        std::string out = "{";
        for (const auto& [name, value] : members) {
            if (out.size() > 1) out.push_back(',');
            append_json_string(out, name);
            out.push_back(':');
            out += value;
        }
        out.push_back('}');
        open_.pop_back();
        return scalar(std::move(out));
    }
    bool end_array() override {
        std::string out = std::move(open_.back().elements);
        out.push_back(']');
        open_.pop_back();
        return scalar(std::move(out));
    }
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception& error) override {
        // 406: a number no double can hold. The library's own words would quote the text.
        constexpr int kNumberOutOfRange = 406;
        if (error.id == kNumberOutOfRange) return refuse_number();
        return refuse("is not valid JSON at byte " + std::to_string(position));
    }

private:
    struct Open {
        bool is_object = false;
        std::string name;                                          // of the member being read
        std::vector<std::pair<std::string, std::string>> members;  // name, canonical value
        std::string elements = "[";                                // of an array, not yet closed
    };

    bool open(bool is_object) {
        if (open_.size() == kNestingMax) {
            return refuse("is nested deeper than " + std::to_string(kNestingMax));
        }
        open_.emplace_back().is_object = is_object;
        return true;
    }

    template <class Integer>
    bool number(bool is_exact, Integer value) {
        return is_exact ? scalar(std::to_string(value)) : refuse_number();
    }

    // Puts a finished value where it belongs.
    bool scalar(std::string value) {
        if (open_.empty()) {
            text = std::move(value);
        } else if (open_.back().is_object) {
            open_.back().members.emplace_back(open_.back().name, std::move(value));
        } else {
            auto& elements = open_.back().elements;
            if (elements.size() > 1) elements.push_back(',');
            elements += value;
        }
        return true;
    }

    bool refuse_number() { return refuse("holds a number beyond 2^53-1"); }
    bool refuse(std::string why) {
        if (problem.empty()) problem = std::move(why);
        return false;
    }

    std::vector<Open> open_;
};

Error not_json(const std::string& why) { return {Errc::invalid_input, "JSON: the text " + why}; }

}  // namespace

Result<CanonicalText> canonical_text(std::string_view json_text) {
    if (!is_utf8(json_text)) return not_json("is not valid UTF-8");
    // The library skips a byte order mark and takes a NUL byte for the end; RFC 8259 does neither.
    if (json_text.starts_with(kByteOrderMark)) return not_json("begins with a byte order mark");
    if (json_text.find('\0') != std::string_view::npos) return not_json("holds a NUL byte");
    Canonicalizer canonicalizer;
    if (!json::sax_parse(json_text, &canonicalizer)) return not_json(canonicalizer.problem);
    return CanonicalText{std::move(canonicalizer.text), std::move(canonicalizer.fraction_members)};
}

Result<std::string> canonicalize(std::string_view json_text) {
    auto out = canonical_text(json_text);
    if (!out) return std::move(out).error();
    return std::move(out->text);
}

bool is_canonical(std::string_view text) { return scan_canonical(text); }

void append_json_string(std::string& out, std::string_view utf8) {
    out.push_back('"');
    for (const char c : utf8) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default: {
                const auto byte = static_cast<unsigned char>(c);
                if (byte >= 0x20) {
                    out.push_back(c);
                } else {
                    out += "\\u00";
                    out.push_back(kHexDigits[byte >> 4U]);
                    out.push_back(kHexDigits[byte & 0x0FU]);
                }
            }
        }
    }
    out.push_back('"');
}

void append_json_number(std::string& out, double value) {
    ANCHORLOG_ASSERT(std::isfinite(value));
    if (value == 0) {
        out.push_back('0');
        return;
    }
    if (value < 0) out.push_back('-');
    const Decimal decimal = shortest(std::abs(value));
    const int size = static_cast<int>(decimal.digits.size());
    if (decimal.point > kPlainPointMax || decimal.point <= -kPlainZerosMax) {
        out.push_back(decimal.digits.front());
        if (size > 1) out.append(1, '.').append(decimal.digits, 1);
        out.append(decimal.point > 0 ? "e+" : "e").append(std::to_string(decimal.point - 1));
    } else if (decimal.point <= 0) {
        out.append("0.").append(static_cast<std::size_t>(-decimal.point), '0');
        out += decimal.digits;
    } else if (decimal.point >= size) {
        out += decimal.digits;
        out.append(static_cast<std::size_t>(decimal.point - size), '0');
    } else {
        const auto whole = static_cast<std::size_t>(decimal.point);
        out.append(decimal.digits, 0, whole).append(1, '.').append(decimal.digits, whole);
    }
}

}  // namespace anchorlog::wire
