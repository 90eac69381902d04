#include "verify/crash_tail.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

constexpr const char* kLogFile = "store/log/00000000000000000000.ndjson";
constexpr const char* kBatchFile = "store/batches/00000000000000000000.ndjson";

class CrashTailTest : public ::testing::Test {
protected:
    CrashTailTest() {
        log.fill(2, 3);
        for (int i = 0; i < 6; ++i) log.add_alert();
        log.padding_bytes = 4'096;
        log.write(fs, "store");
    }
    [[nodiscard]] Report report() { return verify_log(fs, "store", trust_of(log), nullptr); }
    // The first offset behind `line` that a sector begins at.
    [[nodiscard]] std::size_t sector_behind(const char* path, std::size_t line) const {
        std::size_t at = 0;
        for (std::size_t i = 0; i < line; ++i) at = fs.files.at(path).find('\n', at) + 1;
        return (at / 512 + 1) * 512;
    }

    LogBuilder log;
    MapFileSystem fs;
};

TEST_F(CrashTailTest, ALineCutShortIsNotedAndPasses) {
    std::string& bytes = fs.files[kLogFile];
    const std::size_t used = bytes.find('\0');
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(used) - 30, bytes.end(), '\0');
    const Report after = report();
    EXPECT_EQ(after.verdict, Verdict::pass) << all_faults(after);
    EXPECT_EQ(after.unsealed, 5u);
    EXPECT_NE(to_text(after).find("a write that a crash cut short"), std::string::npos);
}

TEST_F(CrashTailTest, SectorsThatAreNotThereAreUndecided) {
    const std::size_t at = sector_behind(kLogFile, 7);
    std::fill_n(fs.files[kLogFile].begin() + static_cast<std::ptrdiff_t>(at), 512, '\0');
    const Report after = report();
    EXPECT_EQ(after.verdict, Verdict::undecided) << all_faults(after);
    EXPECT_TRUE(after.faults.empty()) << all_faults(after);
    EXPECT_EQ(after.checked.batches, 3u);
}

TEST_F(CrashTailTest, AHoleElsewhereIsAltered) {
    const std::size_t at = sector_behind(kLogFile, 7);
    fs.files[kLogFile][at + 7] = '\0';
    EXPECT_EQ(report().verdict, Verdict::fail);
}

TEST_F(CrashTailTest, ASealedEntryIsNeverLeftByACrash) {
    const std::size_t at = sector_behind(kLogFile, 2);
    std::fill_n(fs.files[kLogFile].begin() + static_cast<std::ptrdiff_t>(at), 512, '\0');
    EXPECT_EQ(report().verdict, Verdict::fail);
}

TEST_F(CrashTailTest, OfASealOnlyTheLastLineCanBeTorn) {
    const std::string whole = fs.files[kBatchFile];
    std::string& bytes = fs.files[kBatchFile];
    const std::size_t used = bytes.find('\0');
    bytes.resize(used / 512 * 512);
    bytes.resize(used, '\0');
    EXPECT_EQ(report().verdict, Verdict::undecided) << all_faults(report());
    bytes = whole;
    std::fill_n(bytes.begin() + 512, 512, '\0');
    EXPECT_EQ(report().verdict, Verdict::fail);
}

TEST_F(CrashTailTest, MoreThanACommitGroupIsDamage) {
    std::string& bytes = fs.files[kLogFile];
    const std::size_t at = (bytes.find('\0') / 512 + 1) * 512;
    bytes.resize(at);
    bytes.resize(at + (5u << 20), 'x');
    EXPECT_EQ(report().verdict, Verdict::fail);
    bytes.resize(at + (3u << 20));
    EXPECT_EQ(report().verdict, Verdict::undecided) << all_faults(report());
}

}  // namespace
}  // namespace anchorlog::verify
