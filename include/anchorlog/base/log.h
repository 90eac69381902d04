#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace anchorlog {

enum class LogLevel { debug, info, warn, error };
enum class LogFormat { text, json };

// One named value of a log line. Never pass alert bodies, keys or secrets.
struct LogField {
    std::string_view name;
    std::string value;
    bool is_bare = false;  // a number or a truth value: no quotes in JSON lines

    LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
    LogField(std::string_view n, const std::string& v) : name(n), value(v) {}
    LogField(std::string_view n, const char* v) : name(n), value(v) {}
    template <class Integer>
        requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>)
    LogField(std::string_view n, Integer v) : name(n), value(std::to_string(v)), is_bare(true) {}
    // A template, so that no pointer becomes a bool by itself.
    template <std::same_as<bool> Bool>
    LogField(std::string_view n, Bool v) : name(n), value(v ? "true" : "false"), is_bare(true) {}
};

// Writes one structured line to standard error: time, level, `event`, fields. Event names are
// stable (`snake_case`): operators and tests match on them. Any thread; never blocks on a peer.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// Called once at start-up, before the first thread.
void configure_log(LogLevel level, LogFormat format);

}  // namespace anchorlog
