#include "anchorlog/ledger/batch_policy.h"

#include <gtest/gtest.h>

namespace anchorlog::ledger {
namespace {

const BatchPolicy kPolicy{BatchPolicyOptions{50, 60'000, 50}};

OpenBatch open_with(std::uint64_t alerts, std::uint64_t audits = 0) {
    OpenBatch open;
    open.alerts = alerts;
    open.audits = audits;
    if (alerts > 0) open.oldest_alert = SteadyTime{1'000};
    if (alerts + audits > 0) open.oldest_entry = SteadyTime{1'000};
    return open;
}

TEST(BatchPolicy, EmptyBatchesAreNeverSealed) {
    EXPECT_FALSE(kPolicy.due({}, std::nullopt, SteadyTime{INT64_MAX / 2}));
    EXPECT_FALSE(kPolicy.next_check({}, std::nullopt));
}

TEST(BatchPolicy, SealsAtFiftyAlertsNotAtFortyNine) {
    EXPECT_FALSE(kPolicy.due(open_with(49), std::nullopt, SteadyTime{1'001}));
    EXPECT_EQ(kPolicy.due(open_with(50), std::nullopt, SteadyTime{1'001}), SealReason::count);
}

TEST(BatchPolicy, SealsWhenTheOldestAlertIsSixtySecondsOld) {
    EXPECT_FALSE(kPolicy.due(open_with(1), std::nullopt, SteadyTime{60'999}));
    EXPECT_EQ(kPolicy.due(open_with(1), std::nullopt, SteadyTime{61'000}), SealReason::age);
    EXPECT_EQ(kPolicy.next_check(open_with(1), std::nullopt), SteadyTime{61'000});
}

TEST(BatchPolicy, AuditsAloneWaitAnHour) {
    EXPECT_FALSE(kPolicy.due(open_with(0, 500), std::nullopt, SteadyTime{61'000}));
    EXPECT_EQ(kPolicy.due(open_with(0, 1), std::nullopt, SteadyTime{1'000 + kAuditIntervalMs}),
              SealReason::age);
}

TEST(BatchPolicy, SealsAreSpacedButNotBeyondTheCap) {
    const SteadyTime last{1'000};
    EXPECT_FALSE(kPolicy.due(open_with(400), last, SteadyTime{1'049}));
    EXPECT_EQ(kPolicy.due(open_with(400), last, SteadyTime{1'050}), SealReason::count);
    EXPECT_EQ(kPolicy.next_check(open_with(400), last), SteadyTime{1'050});
    EXPECT_EQ(kPolicy.due(open_with(kBatchEntriesHigh), last, SteadyTime{1'001}),
              SealReason::count);
}

TEST(BatchPolicy, ARecoveredTailIsSealedAtOnce) {
    OpenBatch open = open_with(0, 1);
    open.recovered = true;
    EXPECT_EQ(kPolicy.due(open, std::nullopt, SteadyTime{1'000}), SealReason::recover);
}

}  // namespace
}  // namespace anchorlog::ledger
