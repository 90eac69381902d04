#include "net/line_limiter.h"

#include <gtest/gtest.h>

namespace anchorlog::net {
namespace {

TEST(LineLimiter, LeavesOutAFloodAndCountsIt) {
    LineLimiter lines;
    for (std::uint32_t i = 0; i < kLinesBurst; ++i) EXPECT_EQ(lines.allow({0}), 0u);
    for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(lines.allow({0}));
    EXPECT_EQ(lines.allow({1'000}), 1'000u);
    EXPECT_EQ(lines.allow({1'000}), 0u);
}

}  // namespace
}  // namespace anchorlog::net
