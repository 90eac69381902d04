#include "anchorlog/wire/alert_line.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/entry.h"
#include "unit/wire/alert_text.h"

namespace anchorlog::wire {
namespace {

using testing::alert_members;
using testing::alert_text;

std::string line_of(const std::string& body, const std::string& sent_at = "") {
    std::string line;
    append_alert_line(line, body, CertFingerprint{1, 2, 3}, EntryIndex(41),
                      WallTime{1'767'323'045'678}, "gw-01", sent_at);
    line.pop_back();
    return line;
}

// True when the quick way took it; then the general way has to say the same.
bool taken_as_generally(const std::string& line) {
    const auto quick = read_expected_line(line);
    if (!quick) return false;
    const auto parsed = parse_entry_line(line);
    EXPECT_TRUE(parsed) << line;
    if (!parsed) return true;
    EXPECT_TRUE(is_canonical(parsed->body)) << line;
    const auto key = alert_key(parsed->body);
    EXPECT_TRUE(key) << line;
    if (!key) return true;
    EXPECT_EQ(parsed->kind, EntryLine::Kind::alert);
    EXPECT_EQ(quick->index, parsed->index);
    EXPECT_EQ(quick->received_at, parsed->received_at);
    EXPECT_EQ(quick->device_id, key->device_id);
    EXPECT_EQ(quick->entry_id, key->entry_id);
    EXPECT_EQ(quick->epoch, key->epoch);
    EXPECT_EQ(quick->seq_no, key->seq_no);
    return true;
}

TEST(AlertLine, WhatTheDaemonWritesIsTaken) {
    auto members = alert_members();
    EXPECT_TRUE(taken_as_generally(line_of(alert_text(members))));
    EXPECT_TRUE(taken_as_generally(line_of(alert_text(members), "2026-01-02T03:04:05.6Z")));
    members["epoch"] = "3";
    EXPECT_TRUE(taken_as_generally(line_of(alert_text(members))));
}

TEST(AlertLine, OtherLinesAreLeftToTheGeneralWay) {
    const std::string line = line_of(alert_text(alert_members()));
    EXPECT_FALSE(read_expected_line(""));
    EXPECT_FALSE(read_expected_line(line + " "));
    EXPECT_FALSE(read_expected_line(line + line));
    EXPECT_FALSE(read_expected_line(line.substr(0, line.size() - 1)));
    std::string audit;
    append_audit_line(audit, {"start", "daemon", "", 1, WallTime{1}, WallTime{1}}, EntryIndex(0),
                      WallTime{1});
    audit.pop_back();
    EXPECT_FALSE(read_expected_line(audit));
}

TEST(AlertLine, NoChangedByteIsTakenThatTheGeneralWayRefuses) {
    const std::string whole = line_of(alert_text(alert_members()), "2026-01-02T03:04:05.6Z");
    std::size_t taken = 0;
    std::size_t left = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const char c :
             {static_cast<char>(whole[at] ^ 1), '0', '"', '}', '\\', '\n', '\0', ','}) {
            std::string line = whole;
            line[at] = c;
            (taken_as_generally(line) ? taken : left) += 1;
            line.erase(at, 1);
            (taken_as_generally(line) ? taken : left) += 1;
        }
    }
    EXPECT_GT(taken, 300u);
    EXPECT_GT(left, 1'000u);
}

}  // namespace
}  // namespace anchorlog::wire
