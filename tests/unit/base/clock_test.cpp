#include "anchorlog/base/clock.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/sim_clock.h"

namespace anchorlog {
namespace {

TEST(ServerTime, KnownInstants) {
    EXPECT_EQ(format_server_time(WallTime{0}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(format_server_time(WallTime{-1}), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(format_server_time(WallTime{951'782'400'007}), "2000-02-29T00:00:00.007Z");
    EXPECT_EQ(format_server_time(WallTime{1'767'225'600'000}), "2026-01-01T00:00:00.000Z");
    EXPECT_EQ(format_server_time(testing::SimClock().now().wall), "2026-01-01T00:00:00.000Z");
}

TEST(ServerTime, ImpossibleTimesAreHeldInRange) {
    EXPECT_EQ(format_server_time(WallTime{std::numeric_limits<std::int64_t>::max()}),
              "9999-12-31T23:59:59.999Z");
    EXPECT_EQ(format_server_time(WallTime{std::numeric_limits<std::int64_t>::min()}),
              "0001-01-01T00:00:00.000Z");
}

TEST(ServerTime, RoundTrips) {
    // A step prime to the day passes through all months, leap days and times of day.
    for (std::int64_t ms = -62'135'596'800'000; ms < 253'402'300'800'000; ms += 7'654'321'987'654) {
        const auto back = parse_server_time(format_server_time(WallTime{ms}));
        ASSERT_TRUE(back) << ms;
        EXPECT_EQ(back->ms, ms);
    }
}

TEST(ServerTime, OneSpellingOnly) {
    for (const std::string_view bad :
         {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.00Z", "2026-01-01T00:00:00.0000Z",
          "2026-01-01T00:00:00,000Z", "2026-01-01 00:00:00.000Z", "2026-01-01t00:00:00.000z",
          "2026-01-01T00:00:00.000+", "+026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.0 0Z", ""}) {
        EXPECT_FALSE(parse_server_time(bad)) << bad;
    }
}

TEST(SenderTime, Fractions) {
    const std::int64_t base = 1'767'225'600'000;
    const std::vector<std::pair<std::string, std::int64_t>> good{
        {"2026-01-01T00:00:00Z", 0},
        {"2026-01-01T00:00:00.5Z", 500},
        {"2026-01-01T00:00:00.05Z", 50},
        {"2026-01-01T00:00:00.123Z", 123},
        {"2026-01-01T00:00:00.1239Z", 123},
        {"2026-01-01T00:00:00.999999999Z", 999},
        {"2026-01-01T23:59:59.000001Z", 86'399'000}};
    for (const auto& [text, offset_ms] : good) {
        const auto time = parse_sender_time(text);
        ASSERT_TRUE(time) << text;
        EXPECT_EQ(time->ms, base + offset_ms) << text;
    }
}

TEST(SenderTime, Calendar) {
    for (const std::string_view good :
         {"2024-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "0001-01-01T00:00:00Z",
          "9999-12-31T23:59:59Z", "2026-04-30T00:00:00Z"}) {
        EXPECT_TRUE(parse_sender_time(good)) << good;
    }
    for (const std::string_view bad :
         {"2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
          "2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z",
          "2026-01-32T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T24:00:00Z",
          "2026-01-01T23:60:00Z", "2026-06-30T23:59:60Z"}) {
        const auto time = parse_sender_time(bad);
        ASSERT_FALSE(time) << bad;
        EXPECT_EQ(time.error().code, Errc::invalid_input);
    }
}

TEST(SenderTime, Shape) {
    for (const std::string_view bad :
         {"", "Z", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
          "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00.12a4Z",
          "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00z", "2026-01-01t00:00:00Z",
          " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z ", "20260101T000000Z",
          "2026-1-01T00:00:00Z", "2026-01-01T00:00Z", "-026-01-01T00:00:00Z",
          "12026-01-01T00:00:00Z", "2026-01-01T00:00:00.5ZZ", "2026-01-01T00:00:00-Z"}) {
        EXPECT_FALSE(parse_sender_time(bad)) << bad;
    }
    EXPECT_FALSE(parse_sender_time(std::string_view("2026-01-01T00:00:00Z\0", 21)));
}

TEST(SystemClock, SteadyTimeDoesNotGoBack) {
    const SystemClock clock;
    const Now first = clock.now();
    const Now second = clock.now();
    EXPECT_LE(first.steady, second.steady);
    EXPECT_GT(first.wall.ms, 1'700'000'000'000);
}

TEST(SimClock, WallAndSteadyAreApart) {
    testing::SimClock clock;
    const Now before = clock.now();
    clock.advance_ms(250);
    EXPECT_EQ(clock.now().wall.ms, before.wall.ms + 250);
    EXPECT_EQ(clock.now().steady.ms, before.steady.ms + 250);
    clock.set_wall(WallTime{7});
    EXPECT_EQ(clock.now().wall.ms, 7);
    EXPECT_EQ(clock.now().steady.ms, before.steady.ms + 250);
}

}  // namespace
}  // namespace anchorlog
