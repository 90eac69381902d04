#include "anchorlog/base/clock.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <sys/timex.h>

namespace anchorlog {

namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr std::int64_t kWallMsMin = -62'135'596'800'000;  // 0001-01-01T00:00:00.000Z
constexpr std::int64_t kWallMsMax = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z
constexpr std::size_t kServerTimeSize = 24;
constexpr std::size_t kSecondsSize = 19;  // YYYY-MM-DDThh:mm:ss
constexpr std::size_t kFractionDigitsMax = 9;

std::int64_t read_clock_ms(clockid_t id) {
    timespec at{};
    ANCHORLOG_ASSERT(::clock_gettime(id, &at) == 0);
    return std::int64_t{at.tv_sec} * 1000 + at.tv_nsec / 1'000'000;
}

// Reads digits at known places; after the first byte that is none it stays failed.
class Digits {
public:
    explicit Digits(std::string_view text) : text_(text) {}
    unsigned at(std::size_t begin, std::size_t count) {
        unsigned value = 0;
        for (std::size_t i = begin; i < begin + count; ++i) {
            const auto digit = static_cast<unsigned>(static_cast<unsigned char>(text_[i])) - '0';
            is_failed_ = is_failed_ || digit > 9;
            value = value * 10 + digit;
        }
        return value;
    }
    [[nodiscard]] bool is_failed() const { return is_failed_; }

private:
    std::string_view text_;
    bool is_failed_ = false;
};

void put_digits(char* at, std::size_t count, unsigned value) {
    for (; count > 0; value /= 10) at[--count] = static_cast<char>('0' + value % 10);
}

Error bad_time(std::string_view why) { return {Errc::invalid_input, "time: " + std::string(why)}; }

// Reads `YYYY-MM-DDThh:mm:ss` at the front of `text`, checking the calendar.
Result<WallTime> parse_seconds(std::string_view text) {
    if (text.size() < kSecondsSize || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':') {
        return bad_time("YYYY-MM-DDThh:mm:ss…Z expected");
    }
    Digits digits(text);
    const unsigned year = digits.at(0, 4);
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(digits.at(5, 2)),
                                           std::chrono::day(digits.at(8, 2)));
    const unsigned hour = digits.at(11, 2);
    const unsigned minute = digits.at(14, 2);
    const unsigned second = digits.at(17, 2);
    if (digits.is_failed()) return bad_time("YYYY-MM-DDThh:mm:ss…Z expected");
    if (year == 0 || !date.ok()) return bad_time("no such day in the calendar");
    if (hour > 23 || minute > 59 || second > 59) return bad_time("no such time of day");
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return WallTime{days * kMsPerDay +
                    (std::int64_t{hour} * 3600 + std::int64_t{minute} * 60 + second) * 1000};
}

}  // namespace

Now SystemClock::now() const {
    return {WallTime{read_clock_ms(CLOCK_REALTIME)}, SteadyTime{read_clock_ms(CLOCK_MONOTONIC)}};
}

std::optional<bool> is_clock_synchronised() {
    timex asked{};
    const int state = ::adjtimex(&asked);
    if (state < 0) return std::nullopt;
    return state != TIME_ERROR && (asked.status & STA_UNSYNC) == 0;
}

std::string format_server_time(WallTime time) {
    std::string out;
    append_server_time(out, time);
    return out;
}

void append_server_time(std::string& out, WallTime time) {
    const milliseconds since(std::clamp(time.ms, kWallMsMin, kWallMsMax));
    const auto day = std::chrono::floor<std::chrono::days>(since);
    const std::chrono::year_month_day date{std::chrono::sys_days(day)};
    const auto in_day = static_cast<unsigned>((since - day).count());
    std::array<char, kServerTimeSize + 1> text{"0000-00-00T00:00:00.000Z"};
    put_digits(&text[0], 4, static_cast<unsigned>(static_cast<int>(date.year())));
    put_digits(&text[5], 2, static_cast<unsigned>(date.month()));
    put_digits(&text[8], 2, static_cast<unsigned>(date.day()));
    put_digits(&text[11], 2, in_day / 3'600'000);
    put_digits(&text[14], 2, in_day / 60'000 % 60);
    put_digits(&text[17], 2, in_day / 1'000 % 60);
    put_digits(&text[20], 3, in_day % 1'000);
    out.append(text.data(), kServerTimeSize);
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
    const std::size_t count = rest.size() - 1;
    Digits digits(rest);
    unsigned ms = digits.at(1, std::min<std::size_t>(count, 3));
    for (std::size_t i = count; i < 3; ++i) ms *= 10;
    if (count > 3) static_cast<void>(digits.at(4, std::min(count, kFractionDigitsMax) - 3));
    if (rest.front() != '.' || count == 0 || count > kFractionDigitsMax || digits.is_failed()) {
        return bad_time("`.` and 1 to 9 digits expected before `Z`");
    }
    return WallTime{time->ms + ms};
}

}  // namespace anchorlog
