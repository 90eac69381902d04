#include "anchorlog/base/clock.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace anchorlog {

namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr std::int64_t kWallMsMin = -62'135'596'800'000;  // 0001-01-01T00:00:00.000Z
constexpr std::int64_t kWallMsMax = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z
constexpr std::size_t kServerTimeSize = 24;
constexpr std::size_t kSecondsSize = 19;  // YYYY-MM-DDThh:mm:ss
constexpr std::size_t kFractionDigitsMax = 9;
// `d` stands for a digit; everything else stands for itself.
constexpr std::string_view kSecondsShape = "dddd-dd-ddTdd:dd:dd";

std::int64_t read_clock_ms(clockid_t id) {
    timespec at{};
    ANCHORLOG_ASSERT(::clock_gettime(id, &at) == 0);
    return std::int64_t{at.tv_sec} * 1000 + at.tv_nsec / 1'000'000;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

unsigned number(std::string_view digits) {
    unsigned value = 0;
    for (const char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
    return value;
}

Error bad_time(std::string_view why) { return {Errc::invalid_input, "time: " + std::string(why)}; }

// Reads `YYYY-MM-DDThh:mm:ss` at the front of `text`, checking the calendar.
Result<WallTime> parse_seconds(std::string_view text) {
    if (text.size() < kSecondsSize) return bad_time("YYYY-MM-DDThh:mm:ss…Z expected");
    for (std::size_t i = 0; i < kSecondsSize; ++i) {
        const bool fits = kSecondsShape[i] == 'd' ? is_digit(text[i]) : text[i] == kSecondsShape[i];
        if (!fits) return bad_time("YYYY-MM-DDThh:mm:ss…Z expected");
    }
    const unsigned year = number(text.substr(0, 4));
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(number(text.substr(5, 2))),
                                           std::chrono::day(number(text.substr(8, 2))));
    if (year == 0 || !date.ok()) return bad_time("no such day in the calendar");
    const unsigned hour = number(text.substr(11, 2));
    const unsigned minute = number(text.substr(14, 2));
    const unsigned second = number(text.substr(17, 2));
    if (hour > 23 || minute > 59 || second > 59) return bad_time("no such time of day");
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return WallTime{days * kMsPerDay +
                    (std::int64_t{hour} * 3600 + std::int64_t{minute} * 60 + second) * 1000};
}

}  // namespace

Now SystemClock::now() const {
    return {WallTime{read_clock_ms(CLOCK_REALTIME)}, SteadyTime{read_clock_ms(CLOCK_MONOTONIC)}};
}

std::string format_server_time(WallTime time) {
    const milliseconds since(std::clamp(time.ms, kWallMsMin, kWallMsMax));
    const auto day = std::chrono::floor<std::chrono::days>(since);
    const std::chrono::year_month_day date{std::chrono::sys_days(day)};
    const std::chrono::hh_mm_ss<milliseconds> clock(since - day);
    std::array<char, 64> out{};
    const int size = std::snprintf(
        out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
        static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
        static_cast<int>(clock.subseconds().count()));
    ANCHORLOG_ASSERT(size == static_cast<int>(kServerTimeSize));
    return {out.data(), kServerTimeSize};
}

Result<WallTime> parse_server_time(std::string_view text) {
    if (text.size() != kServerTimeSize) return bad_time("YYYY-MM-DDThh:mm:ss.mmmZ expected");
    return parse_sender_time(text);
}

Result<WallTime> parse_sender_time(std::string_view text) {
    auto time = parse_seconds(text);
    if (!time) return time;
    std::string_view rest = text.substr(kSecondsSize);
    if (rest.empty() || rest.back() != 'Z') return bad_time("`Z` expected at the end");
    rest.remove_suffix(1);
    if (rest.empty()) return time;
    const std::string_view digits = rest.substr(1);
    if (rest.front() != '.' || digits.empty() || digits.size() > kFractionDigitsMax ||
        !std::all_of(digits.begin(), digits.end(), is_digit)) {
        return bad_time("`.` and 1 to 9 digits expected before `Z`");
    }
    std::string padded(digits.substr(0, 3));
    padded.resize(3, '0');
    return WallTime{time->ms + number(padded)};
}

}  // namespace anchorlog
