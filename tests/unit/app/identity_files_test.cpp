#include "app/identity_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace anchorlog::app {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

TEST(CrlAgeTest, TurnsAtHalfOfItsLifeAndAtItsEnd) {
    const crypto::CrlDates dates{WallTime{1'000 * kHourMs}, WallTime{1'010 * kHourMs}};
    const auto at = [&dates](std::int64_t ms) {
        return crl_age(dates, WallTime{ms});
    };
    EXPECT_EQ(at(1'000 * kHourMs), CrlAge::fresh);
    EXPECT_EQ(at(1'005 * kHourMs), CrlAge::fresh);
    EXPECT_EQ(at(1'005 * kHourMs + 1), CrlAge::half);
    EXPECT_EQ(at(1'010 * kHourMs), CrlAge::half);
    EXPECT_EQ(at(1'010 * kHourMs + 1), CrlAge::stale);
}

// Files whose stamps a test sets.
class FileWatchTest : public ::testing::Test {
protected:
    FileWatchTest()
        : watch_({"a", "b"}, [this](const std::string& path) { return stamps_[path]; }) {}

    std::map<std::string, std::string> stamps_ = {{"a", "1"}, {"b", "1"}};
    FileWatch watch_;
};

TEST_F(FileWatchTest, SaysNothingWhileNothingChanges) {
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(watch_.has_settled_change());
}

TEST_F(FileWatchTest, WaitsUntilAllIsLeftAlone) {
    stamps_["a"] = "2";
    EXPECT_FALSE(watch_.has_settled_change()) << "the other one may follow";
    stamps_["b"] = "2";
    EXPECT_FALSE(watch_.has_settled_change());
    EXPECT_TRUE(watch_.has_settled_change());
}

TEST_F(FileWatchTest, TellsOfAChangeOnceItIsRead) {
    stamps_["a"] = "2";
    EXPECT_FALSE(watch_.has_settled_change());
    EXPECT_TRUE(watch_.has_settled_change());
    EXPECT_TRUE(watch_.has_settled_change()) << "nobody has read it";
    watch_.mark();
    EXPECT_FALSE(watch_.has_settled_change());
}

TEST_F(FileWatchTest, AChangeThatIsTakenBackIsNone) {
    stamps_["a"] = "2";
    EXPECT_FALSE(watch_.has_settled_change());
    stamps_["a"] = "1";
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(watch_.has_settled_change());
}

TEST(FileStamp, TellsContentModeAndReplacementApart) {
    std::string name = (std::filesystem::temp_directory_path() / "anchorlog-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    const std::string path = name + "/file";
    EXPECT_EQ(file_stamp(path), "none");
    std::ofstream(path) << "1";
    const std::string first = file_stamp(path);
    EXPECT_EQ(file_stamp(path), first);
    std::ofstream(path) << "12";
    const std::string second = file_stamp(path);
    EXPECT_NE(second, first);
    // The same bytes under the same name, as a link that was turned: another file all the same.
    std::filesystem::copy_file(path, path + ".new");
    std::filesystem::rename(path + ".new", path);
    EXPECT_NE(file_stamp(path), second);
    std::filesystem::remove_all(name);
    EXPECT_EQ(file_stamp(path), "none");
}

}  // namespace
}  // namespace anchorlog::app
