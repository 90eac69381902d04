#include "net/byte_budget.h"

#include <gtest/gtest.h>

namespace anchorlog::net {
namespace {

TEST(ByteBudget, HoldsASessionToItsOwnLimit) {
    ByteBudget budget(100, 10'000, 100);
    budget.add_session();
    EXPECT_TRUE(budget.allows(99));
    EXPECT_FALSE(budget.allows(100));
}

TEST(ByteBudget, OverHalfOfTheQueueASessionHoldsAtMostItsShare) {
    ByteBudget budget(1'000, 1'000, 100);
    for (int i = 0; i < 10; ++i) budget.add_session();
    budget.take(500);
    EXPECT_TRUE(budget.allows(400));
    budget.take(1);
    EXPECT_FALSE(budget.allows(400));
    EXPECT_FALSE(budget.allows(100));
    EXPECT_TRUE(budget.allows(99));
    budget.release(1);
    EXPECT_TRUE(budget.allows(400));
}

TEST(ByteBudget, TheShareGrowsWhenSessionsGo) {
    ByteBudget budget(1'000, 1'000, 100);
    budget.add_session();
    budget.add_session();
    budget.take(600);
    EXPECT_FALSE(budget.allows(600));
    budget.remove_session();
    EXPECT_TRUE(budget.allows(600));
}

TEST(ByteBudget, WhileSeveralSendersAreActiveTheirSessionsShareLittle) {
    ByteBudget budget(1'000, 10'000, 100);
    EXPECT_TRUE(budget.allows(999));
    budget.set_crowd(4);
    EXPECT_FALSE(budget.allows(25));
    EXPECT_TRUE(budget.allows(24));
    budget.set_crowd(1'000);
    EXPECT_FALSE(budget.allows(1));
    EXPECT_TRUE(budget.allows(0));
    budget.set_crowd(0);
    EXPECT_TRUE(budget.allows(999));
}

TEST(ByteBudget, AFullQueueStopsEverybody) {
    ByteBudget budget(1'000, 1'000, 100);
    budget.take(1'000);
    EXPECT_FALSE(budget.allows(0));
    EXPECT_EQ(budget.queued(), 1'000u);
    budget.release(1'000);
    EXPECT_TRUE(budget.allows(0));
    EXPECT_EQ(budget.queued(), 0u);
}

}  // namespace
}  // namespace anchorlog::net
