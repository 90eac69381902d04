#include "anchorlog/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace anchorlog {
namespace {

TEST(Result, HoldsAValueOrAnError) {
    Result<std::unique_ptr<int>> good(std::make_unique<int>(7));
    ASSERT_TRUE(good);
    EXPECT_EQ(**good, 7);
    const std::unique_ptr<int> taken = std::move(good).value();
    EXPECT_EQ(*taken, 7);

    const Result<int> bad(Error{Errc::io, "disk: gone"});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().in("log/0").message, "log/0: disk: gone");
    EXPECT_EQ(bad.error().in("x").code, Errc::io);
}

TEST(Result, VoidIsGoodByDefault) {
    EXPECT_TRUE(Result<void>());
    const Result<void> bad(Error{Errc::refused, "no"});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, Errc::refused);
}

TEST(ResultDeathTest, TheWrongSideAborts) {
    EXPECT_DEATH(static_cast<void>(Result<int>(Error{Errc::io, "x"}).value()),
                 "assertion failed: has_value");
    EXPECT_DEATH(static_cast<void>(Result<void>().error()), "assertion failed: failed_");
}

TEST(Errc, EveryCodeHasItsOwnName) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Errc::internal); ++i) {
        names.insert(to_string(static_cast<Errc>(i)));
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(Errc::internal) + 1);
    EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace anchorlog
