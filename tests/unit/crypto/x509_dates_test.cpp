#include <gtest/gtest.h>

#include "anchorlog/crypto/x509.h"
#include "support/sim_clock.h"

namespace anchorlog::crypto {
namespace {

constexpr std::int64_t kMsPerDay = 86'400'000;

TEST(EarliestEnd, IsThatOfTheFirstCertificateToExpire) {
    const Now now = testing::SimClock().now();
    const auto longer = make_ca("longer", 30, now);
    const auto shorter = make_ca("shorter", 10, now);
    ASSERT_TRUE(longer && shorter);
    const auto end = earliest_end(longer->certificate_pem);
    ASSERT_TRUE(end) << end.error().message;
    EXPECT_NEAR(static_cast<double>(end->ms - now.wall.ms), 30.0 * kMsPerDay, kMsPerDay);
    const auto both = earliest_end(longer->certificate_pem + shorter->certificate_pem);
    ASSERT_TRUE(both);
    EXPECT_EQ(*both, *earliest_end(shorter->certificate_pem));
    EXPECT_LT(*both, *end);
}

TEST(EarliestEnd, RefusesWhatHoldsNoCertificate) {
    EXPECT_FALSE(earliest_end(""));
    EXPECT_FALSE(earliest_end("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    const auto ca = make_ca("ca", 10, testing::SimClock().now());
    EXPECT_FALSE(earliest_end(ca->key_pem));
}

}  // namespace
}  // namespace anchorlog::crypto
