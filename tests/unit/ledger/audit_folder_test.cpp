#include "anchorlog/ledger/audit_folder.h"

#include <gtest/gtest.h>

namespace anchorlog::ledger {
namespace {

Now at(std::int64_t ms) { return {WallTime{1'700'000'000'000 + ms}, SteadyTime{ms}}; }

TEST(AuditFolder, EqualEventsWithinASecondAreOneLine) {
    AuditFolder folder;
    for (int i = 0; i < 500; ++i) folder.add("replay", "gw-01 cam-1", "", at(i));
    EXPECT_TRUE(folder.take(at(999)).empty());
    const auto lines = folder.take(at(1'000));
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].count, 500u);
    EXPECT_EQ(lines[0].first_at.ms, 1'700'000'000'000);
    EXPECT_EQ(lines[0].last_at.ms, 1'700'000'000'499);
    EXPECT_TRUE(folder.take(at(5'000)).empty());
}

TEST(AuditFolder, AFloodGivesAtMostSixtyLinesAMinuteAndCountsTheRest) {
    AuditFolder folder;
    std::uint64_t lines = 0;
    std::uint64_t counted = 0;
    std::uint64_t added = 0;
    for (std::int64_t ms = 0; ms < 60'000; ms += 10) {
        folder.add("cert_refused", "10.0.0." + std::to_string(ms % 5'000), "", at(ms));
        ++added;
        for (const auto& audit : folder.take(at(ms))) {
            ++lines;
            counted += audit.count;
        }
    }
    for (const auto& audit : folder.take(at(200'000))) counted += audit.count;
    for (const auto& audit : folder.take(at(400'000))) counted += audit.count;
    EXPECT_LE(lines, 2 * kAuditLinesPerMinuteMax + 2);
    EXPECT_EQ(counted, added);
}

TEST(AuditFolder, WhatIsHeldBackIsTakenWhenTheDaemonStops) {
    AuditFolder folder;
    const std::uint64_t added = 2 * kAuditPendingMax;
    for (std::uint64_t i = 0; i < added; ++i) {
        folder.add("cert_refused", std::to_string(i), "", at(0));
    }
    std::uint64_t counted = 0;
    const auto audits = folder.take_all(at(1));
    for (const auto& audit : audits) counted += audit.count;
    EXPECT_EQ(audits.size(), kAuditLinesPerMinuteMax + 1);
    EXPECT_EQ(audits.back().event, "suppressed");
    EXPECT_EQ(counted, added);
    EXPECT_FALSE(folder.next_due());
}

TEST(AuditFolder, UrgentEventsPassAtOnce) {
    AuditFolder folder;
    folder.add("start", "daemon", "{}", at(0), true);
    EXPECT_EQ(folder.next_due(), SteadyTime{INT64_MIN});
    ASSERT_EQ(folder.take(at(0)).size(), 1u);
    EXPECT_FALSE(folder.next_due());
}

TEST(AuditFolder, SubjectsArePrintableAndShort) {
    EXPECT_EQ(audit_subject("a\nb\xffz"), "a?b?z");
    EXPECT_EQ(audit_subject(std::string(500, 'x')).size(), wire::kAuditSubjectSizeMax);
}

}  // namespace
}  // namespace anchorlog::ledger
