#include "anchorlog/store/torn.h"

#include <gtest/gtest.h>

#include "support/sim_file_system.h"

namespace anchorlog::store {
namespace {

TEST(TornTest, keeps_the_bytes_under_a_name_that_tells_where_they_were) {
    testing::SimFileSystem fs;
    const auto path = keep_torn(fs, ".", "log", 42, "abc");
    ASSERT_TRUE(path) << path.error().message;
    EXPECT_EQ(*path, "./torn/log-42-ba7816bf.bin");
    EXPECT_EQ(fs.content(*path), "abc");
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
        fs.crash(seed);
        EXPECT_EQ(fs.content(*path), "abc");
    }
}

TEST(TornTest, keeping_the_same_bytes_again_is_fine) {
    testing::SimFileSystem fs;
    const auto first = keep_torn(fs, ".", "log", 7, "torn");
    const auto second = keep_torn(fs, ".", "log", 7, "torn");
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(*first, *second);
    EXPECT_EQ(fs.list("./torn")->size(), 1u);
}

TEST(TornTest, never_replaces_other_bytes) {
    testing::SimFileSystem fs;
    const auto path = keep_torn(fs, ".", "log", 7, "torn");
    for (const char* other : {"tore", "torn and longer"}) {
        fs.set_content(*path, other);
        const auto again = keep_torn(fs, ".", "log", 7, "torn");
        ASSERT_FALSE(again);
        EXPECT_EQ(again.error().code, Errc::corruption);
        EXPECT_EQ(fs.content(*path), other);
    }
}

TEST(TornTest, a_crash_at_any_call_leaves_the_bytes_or_lets_them_be_kept_again) {
    for (std::uint64_t call = 1; call <= 6; ++call) {
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            testing::SimFileSystem fs;
            fs.die_at(call);
            static_cast<void>(keep_torn(fs, ".", "log", 7, "torn"));
            fs.crash(seed);
            const auto again = keep_torn(fs, ".", "log", 7, "torn");
            ASSERT_TRUE(again) << again.error().message;
            EXPECT_EQ(fs.content(*again), "torn");
        }
    }
}

}  // namespace
}  // namespace anchorlog::store
