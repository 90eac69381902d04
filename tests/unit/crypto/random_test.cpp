#include "anchorlog/crypto/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

namespace anchorlog::crypto {
namespace {

TEST(Random, FillsEverySize) {
    random_bytes({});
    std::set<std::array<std::uint8_t, 16>> seen;
    for (int i = 0; i < 100; ++i) {
        std::array<std::uint8_t, 16> bytes{};
        random_bytes(bytes);
        EXPECT_TRUE(seen.insert(bytes).second);
    }
    // Above what one call of the kernel is sure to give: the last bytes are filled too.
    std::vector<std::uint8_t> large(1'000'000);
    random_bytes(large);
    const std::vector<std::uint8_t> tail(large.end() - 32, large.end());
    EXPECT_NE(tail, std::vector<std::uint8_t>(32));
}

}  // namespace
}  // namespace anchorlog::crypto
