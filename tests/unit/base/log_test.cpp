#include "anchorlog/base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log_line.h"

namespace anchorlog {
namespace {

constexpr WallTime kTime{1'767'225'600'000};

std::string text_line(std::initializer_list<LogField> fields) {
    return format_log_line(LogFormat::text, kTime, LogLevel::info, "ready", fields);
}

TEST(LogLine, Text) {
    EXPECT_EQ(text_line({}), "2026-01-01T00:00:00.000Z info ready");
    EXPECT_EQ(text_line({{"ingest_port", 7400}, {"path", "a b"}, {"ok", true}, {"none", ""}}),
              "2026-01-01T00:00:00.000Z info ready ingest_port=7400 path=\"a b\" ok=true "
              "none=\"\"");
    EXPECT_EQ(text_line({{"q", "say \"x\"\\"}, {"eq", "a=b"}, {"name", "Zoë"}}),
              "2026-01-01T00:00:00.000Z info ready q=\"say \\\"x\\\"\\\\\" eq=\"a=b\" name=Zoë");
}

TEST(LogLine, NoValueMakesASecondLineOrMovesTheCursor) {
    const std::string evil = std::string("a\nb\r\x1b[2J\x7f\x85\xc2\x85\xe2\x80\xa8\xff") + '\0';
    for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
        const std::string line =
            format_log_line(format, kTime, LogLevel::warn, "refused", {{"why", evil}});
        for (const char c : line) {
            EXPECT_GE(static_cast<unsigned char>(c), 0x20U);
            EXPECT_LT(static_cast<unsigned char>(c), 0x7FU);
        }
    }
    EXPECT_EQ(text_line({{"v", "a\nb"}}), "2026-01-01T00:00:00.000Z info ready v=\"a\\nb\"");
}

TEST(LogLine, JsonIsValidForEveryPairOfBytes) {
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; b += 5) {
            const std::string value{static_cast<char>(a), static_cast<char>(b), 'x'};
            const auto parsed = nlohmann::json::parse(format_log_line(
                LogFormat::json, kTime, LogLevel::error, "e", {{"v", value}, {"n", -5}}));
            EXPECT_TRUE(a >= 0x80 || b >= 0x80 || parsed.at("v") == value) << a << " " << b;
            EXPECT_EQ(parsed.at("n"), -5);
        }
    }
}

TEST(LogLine, JsonMembers) {
    EXPECT_EQ(format_log_line(LogFormat::json, kTime, LogLevel::debug, "listening",
                              {{"ingest_port", 7400}, {"state", "ready"}, {"tls", true}}),
              "{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"debug\",\"event\":\"listening\","
              "\"ingest_port\":7400,\"state\":\"ready\",\"tls\":true}");
}

TEST(Log, WritesOneLineToStandardErrorAboveTheLevel) {
    configure_log(LogLevel::warn, LogFormat::text);
    ::testing::internal::CaptureStderr();
    log(LogLevel::info, "hidden");
    log(LogLevel::error, "shown", {{"braces", "{} %s"}});
    const std::string out = ::testing::internal::GetCapturedStderr();
    configure_log(LogLevel::info, LogFormat::text);
    EXPECT_EQ(out.find("hidden"), std::string::npos);
    EXPECT_TRUE(out.ends_with(" error shown braces=\"{} %s\"\n")) << out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
}

}  // namespace
}  // namespace anchorlog
