#include "anchor/spending.h"

#include <gtest/gtest.h>

#include <limits>

namespace anchorlog::anchor {
namespace {

wire::AnchorAttempt attempt(std::uint64_t nonce, std::uint64_t max_fee, std::int64_t at_ms) {
    wire::AnchorAttempt out;
    out.nonce = nonce;
    out.gas = 100;
    out.max_fee = max_fee;
    out.at = WallTime{at_ms};
    return out;
}

constexpr std::int64_t kDayMs = 86'400'000;

TEST(Spending, AddsUpTheLastDay) {
    Spending spending;
    spending.add(attempt(1, 10, 1'000));
    spending.add(attempt(2, 20, 2'000));
    EXPECT_EQ(spending.of_last_day({2'000}, 9), 3'000u);
    EXPECT_EQ(spending.of_last_day({2'000}, 2), 1'000u) << "the nonce that is to be replaced";
    EXPECT_EQ(spending.of_last_day({1'000 + kDayMs}, 9), 2'000u);
    EXPECT_EQ(spending.of_last_day({2'000 + kDayMs}, 9), 0u);
}

TEST(Spending, CountsTheAttemptsOfANonceOnceAsTheDearest) {
    Spending spending;
    spending.add(attempt(1, 10, 0));
    spending.add(attempt(1, 30, 10));
    spending.add(attempt(1, 20, 20));
    EXPECT_EQ(spending.of_last_day({20}, 9), 3'000u);
}

TEST(Spending, SaturatesInsteadOfWrapping) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(cost_max(2, kMax), kMax);
    EXPECT_EQ(cost_max(0, kMax), 0u);
    Spending spending;
    spending.add(attempt(1, kMax, 0));
    spending.add(attempt(2, kMax, 0));
    EXPECT_EQ(spending.of_last_day({0}, 9), kMax);
}

}  // namespace
}  // namespace anchorlog::anchor
