#include "net/output_budget.h"

#include <gtest/gtest.h>

namespace anchorlog::net {
namespace {

TEST(OutputBudget, HoldsASessionToItsOwnLimit) {
    OutputBudget output(100, 1'000);
    output.change(0, 101);
    EXPECT_TRUE(output.allows(100, 1));
    EXPECT_FALSE(output.allows(101, 1));
    output.change(101, 1);
    EXPECT_EQ(output.bytes(), 1u);
}

TEST(OutputBudget, OverTheLimitOfAllOnlyThoseOverTheirShareGo) {
    OutputBudget output(1'000, 1'000);
    output.change(0, 1'001);
    EXPECT_FALSE(output.allows(101, 10));
    EXPECT_TRUE(output.allows(100, 10));
    output.change(1'001, 1'000);
    EXPECT_TRUE(output.allows(101, 10));
}

}  // namespace
}  // namespace anchorlog::net
