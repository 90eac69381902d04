#include "net/rate_bucket.h"

#include <gtest/gtest.h>

namespace anchorlog::net {
namespace {

TEST(RateBucket, ABurstIsFreeAndTheRestWaits) {
    RateBucket bucket(10, 5);
    EXPECT_EQ(bucket.take(5, {0}), 0);
    EXPECT_EQ(bucket.take(1, {0}), 100);
    EXPECT_EQ(bucket.take(2, {0}), 300);
    EXPECT_EQ(bucket.take(1, {400}), 0);
}

TEST(RateBucket, OverALongTimeTheRateIsKept) {
    RateBucket bucket(100, 20);
    SteadyTime now{0};
    std::uint64_t taken = 0;
    while (now.ms < 60'000) {
        taken += 7;
        now.ms += bucket.take(7, now);
        now.ms += 1;
    }
    EXPECT_LE(taken, 60u * 100 + 20 + 7);
    EXPECT_GE(taken, 60u * 100 - 100);
}

TEST(RateBucket, SavesNoMoreThanItsBurst) {
    RateBucket bucket(1'000, 3);
    EXPECT_TRUE(bucket.is_full({0}));
    EXPECT_EQ(bucket.take(3, {0}), 0);
    EXPECT_FALSE(bucket.is_full({2}));
    EXPECT_TRUE(bucket.is_full({3}));
    EXPECT_EQ(bucket.take(3, {1'000'000}), 0);
    EXPECT_EQ(bucket.take(1, {1'000'000}), 1);
}

TEST(RateBucket, AClockThatStandsStillGivesNothing) {
    RateBucket bucket(1'000, 1);
    EXPECT_EQ(bucket.take(1, {50}), 0);
    EXPECT_EQ(bucket.take(1, {40}), 1);
    EXPECT_EQ(bucket.take(1, {40}), 2);
}

}  // namespace
}  // namespace anchorlog::net
