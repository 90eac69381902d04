#include "base/log_line.h"

#include <array>
#include <cstdio>

#include "anchorlog/base/clock.h"

namespace anchorlog {

namespace {

constexpr std::uint32_t kInvalid = 0xFFFFFFFF;

struct CodePoint {
    std::uint32_t value = kInvalid;  // kInvalid: one byte that is not UTF-8
    std::size_t size = 1;
};

// Reads one code point of UTF-8 (RFC 3629: no overlong forms, no surrogates).
CodePoint read_code_point(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return static_cast<std::uint8_t>(text[i]);
    };
    const std::uint32_t first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t size = first >= 0xF0 ? 4U : first >= 0xE0 ? 3U : 2U;
    if (first < 0xC2 || first > 0xF4 || text.size() < size) return {};
    std::uint32_t value = first & (0x7FU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) return {};
        value = (value << 6U) | (byte(i) & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
    if (value < kSmallest[size] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return {};
    }
    return {value, size};
}

// Control characters, and what some viewers take for a line end.
bool must_escape(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == kInvalid;
}

std::string escape_number(const char* format, unsigned value) {
    std::array<char, 16> out{};
    std::snprintf(out.data(), out.size(), format, value);
    return out.data();
}

void append_text_escaped(std::string& out, std::string_view bytes) {
    for (const char c : bytes) {
        if (c == '\n') {
            out += "\\n";
        } else {
            out += escape_number("\\x%02x", static_cast<std::uint8_t>(c));
        }
    }
}

void append_text_value(std::string& out, std::string_view value) {
    std::string body;
    bool is_quoted = value.empty();
    for (std::size_t i = 0; i < value.size();) {
        const CodePoint point = read_code_point(value.substr(i));
        const std::string_view bytes = value.substr(i, point.size);
        i += point.size;
        if (must_escape(point.value)) {
            is_quoted = true;
            append_text_escaped(body, bytes);
            continue;
        }
        if (bytes == "\"" || bytes == "\\") body += '\\';
        is_quoted = is_quoted || bytes == "\"" || bytes == "\\" || bytes == " " || bytes == "=";
        body += bytes;
    }
    out += is_quoted ? '"' + body + '"' : body;
}

void append_json_string(std::string& out, std::string_view value) {
    out += '"';
    for (std::size_t i = 0; i < value.size();) {
        const CodePoint point = read_code_point(value.substr(i));
        if (point.value == kInvalid) {
            out += "\\ufffd";
        } else if (must_escape(point.value)) {
            out += escape_number("\\u%04x", point.value);
        } else {
            if (point.value == '"' || point.value == '\\') out += '\\';
            out += value.substr(i, point.size);
        }
        i += point.size;
    }
    out += '"';
}

std::string_view level_name(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warn:
            return "warn";
        case LogLevel::error:
            return "error";
    }
    return "error";
}

}  // namespace

std::string format_log_line(LogFormat format, WallTime time, LogLevel level, std::string_view event,
                            std::initializer_list<LogField> fields) {
    std::string line;
    if (format == LogFormat::json) {
        line = "{\"time\":\"" + format_server_time(time) + "\",\"level\":\"";
        line += level_name(level);
        line += "\",\"event\":";
        append_json_string(line, event);
        for (const LogField& field : fields) {
            line += ',';
            append_json_string(line, field.name);
            line += ':';
            if (field.is_bare) {
                line += field.value;
            } else {
                append_json_string(line, field.value);
            }
        }
        line += '}';
        return line;
    }
    line = format_server_time(time) + ' ';
    line += level_name(level);
    line += ' ';
    append_text_value(line, event);
    for (const LogField& field : fields) {
        line += ' ';
        line += field.name;
        line += '=';
        append_text_value(line, field.value);
    }
    return line;
}

}  // namespace anchorlog
