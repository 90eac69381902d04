#include "net/activity_meter.h"

#include <gtest/gtest.h>

namespace anchorlog::net {
namespace {

class ActivityMeterTest : public ::testing::Test {
protected:
    ActivityMeter::Active count(int session, int sender, std::int64_t ms) {
        return meter_.count(sessions_[session], senders_[sender], {ms});
    }

    ActivityMeter meter_;
    ActivityMeter::Mark sessions_[4];
    ActivityMeter::Mark senders_[2];
};

TEST_F(ActivityMeterTest, CountsEachSessionOnceAWindow) {
    EXPECT_TRUE(ActivityMeter::is_due(sessions_[0], {5'000}));
    EXPECT_EQ(count(0, 0, 5'000).sessions, 1u);
    EXPECT_FALSE(ActivityMeter::is_due(sessions_[0], {5'999}));
    EXPECT_TRUE(ActivityMeter::is_due(sessions_[0], {6'000}));
}

TEST_F(ActivityMeterTest, SessionsOfOneSenderAreOneSender) {
    count(0, 0, 5'000);
    count(1, 0, 5'100);
    auto active = count(2, 0, 5'200);
    EXPECT_EQ(active.senders, 1u);
    EXPECT_EQ(active.sessions, 3u);
    active = count(3, 1, 5'300);
    EXPECT_EQ(active.senders, 2u);
    EXPECT_EQ(active.sessions, 4u);
}

TEST_F(ActivityMeterTest, WhoFallsSilentIsForgottenAfterAWindow) {
    count(0, 0, 5'000);
    count(1, 1, 5'500);
    EXPECT_EQ(count(0, 0, 6'000).senders, 2u);
    EXPECT_EQ(count(0, 0, 7'000).senders, 1u);
    count(1, 1, 7'000);
    EXPECT_EQ(count(0, 0, 90'000).senders, 1u);
}

}  // namespace
}  // namespace anchorlog::net
