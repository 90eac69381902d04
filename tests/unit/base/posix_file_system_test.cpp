#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "anchorlog/base/file_system.h"
#include "support/temp_dir.h"

namespace anchorlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PosixFiles : public ::testing::Test {
protected:
    void put(const std::string& name, std::string_view text) {
        auto file = fs_.open(dir_.file(name), OpenMode::create_new);
        ASSERT_TRUE(file);
        ASSERT_TRUE((*file)->write_at(0, as_bytes(text)));
    }
    std::string get(const std::string& name) {
        auto text = read_file(fs_, dir_.file(name), 1'000'000);
        return text ? *text : "<" + text.error().message + ">";
    }
    static unsigned mode_of(const std::string& path) {
        struct stat info{};
        EXPECT_EQ(::stat(path.c_str(), &info), 0);
        return info.st_mode & 07777U;
    }

    testing::TempDir dir_;
    PosixFileSystem fs_;
};

TEST_F(PosixFiles, WriteReadCut) {
    auto file = fs_.open(dir_.file("a"), OpenMode::create_new);
    ASSERT_TRUE(file);
    EXPECT_EQ(mode_of(dir_.file("a")), 0600U);
    ASSERT_TRUE((*file)->write_at(3, as_bytes("xyz")));
    EXPECT_EQ(*(*file)->size(), 6U);
    Bytes out(10);
    EXPECT_EQ(*(*file)->read_at(2, out), 4U);
    EXPECT_EQ(as_text(ByteView(out).first(4)), std::string_view("\0xyz", 4));
    EXPECT_EQ(*(*file)->read_at(6, out), 0U);
    EXPECT_EQ(*(*file)->read_at(600, out), 0U);
    ASSERT_TRUE((*file)->truncate(4));
    EXPECT_TRUE((*file)->sync_data());
    EXPECT_TRUE((*file)->sync_all());
    EXPECT_EQ(get("a"), std::string("\0\0\0x", 4));
}

TEST_F(PosixFiles, OpenModes) {
    put("there", "1");
    const auto again = fs_.open(dir_.file("there"), OpenMode::create_new);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::io);
    EXPECT_THAT(again.error().message, HasSubstr(dir_.file("there")));
    EXPECT_THAT(again.error().message, HasSubstr("File exists"));
    for (const OpenMode mode : {OpenMode::read, OpenMode::read_write}) {
        const auto missing = fs_.open(dir_.file("missing"), mode);
        ASSERT_FALSE(missing);
        EXPECT_EQ(missing.error().code, Errc::not_found);
    }
    auto reader = fs_.open(dir_.file("there"), OpenMode::read);
    ASSERT_TRUE(reader);
    EXPECT_FALSE((*reader)->write_at(0, as_bytes("2")));
    EXPECT_EQ(get("there"), "1");
}

TEST_F(PosixFiles, AllocateGrowsWithZerosAndNeverShrinks) {
    auto file = fs_.open(dir_.file("a"), OpenMode::create_new);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write_at(0, as_bytes("line\n")));
    ASSERT_TRUE((*file)->allocate(100'000));
    EXPECT_EQ(*(*file)->size(), 100'000U);
    ASSERT_TRUE((*file)->allocate(10));
    EXPECT_EQ(*(*file)->size(), 100'000U);
    EXPECT_EQ(get("a"), "line\n" + std::string(99'995, '\0'));
}

TEST_F(PosixFiles, DroppingFromMemoryChangesNoContent) {
    auto file = fs_.open(dir_.file("a"), OpenMode::create_new);
    ASSERT_TRUE(file);
    const std::string text(20'000, 'x');
    ASSERT_TRUE((*file)->write_at(0, as_bytes(text)));
    (*file)->drop_cached(0, 8192);  // not synced yet: stays
    ASSERT_TRUE((*file)->sync_data());
    (*file)->drop_cached(100, 19'000);
    (*file)->drop_cached(19'000, 100);
    (*file)->drop_cached(0, ~std::uint64_t{0});
    EXPECT_EQ(get("a"), text);
}

TEST_F(PosixFiles, OffsetsBeyondAnyFileAreRefused) {
    auto file = fs_.open(dir_.file("a"), OpenMode::create_new);
    ASSERT_TRUE(file);
    const std::uint64_t huge = ~std::uint64_t{0};
    Bytes out(4);
    EXPECT_EQ((*file)->write_at(huge, as_bytes("xx")).error().code, Errc::invalid_input);
    EXPECT_EQ((*file)->read_at(huge, out).error().code, Errc::invalid_input);
    EXPECT_EQ((*file)->truncate(huge).error().code, Errc::invalid_input);
    EXPECT_EQ((*file)->allocate(huge).error().code, Errc::invalid_input);
    EXPECT_EQ(*(*file)->size(), 0U);
}

TEST_F(PosixFiles, NoSpaceIsItsOwnError) {
    auto full = fs_.open("/dev/full", OpenMode::read_write);
    if (!full) GTEST_SKIP() << "no /dev/full here";
    const auto written = (*full)->write_at(0, as_bytes("x"));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::storage_full);
    EXPECT_THAT(written.error().message, HasSubstr("/dev/full"));
}

TEST_F(PosixFiles, ListIsSortedAndComplete) {
    for (const char* name : {"b", "a", "é", "B", ".hidden"}) put(name, "");
    ASSERT_TRUE(fs_.create_dir(dir_.file("sub")));
    EXPECT_THAT(*fs_.list(dir_.path()), ElementsAre(".hidden", "B", "a", "b", "sub", "é"));
    EXPECT_EQ(fs_.list(dir_.file("missing")).error().code, Errc::not_found);
    EXPECT_EQ(fs_.list(dir_.file("a")).error().code, Errc::io);
}

TEST_F(PosixFiles, CreateDir) {
    const std::string sub = dir_.file("sub");
    ASSERT_TRUE(fs_.create_dir(sub));
    EXPECT_EQ(mode_of(sub), 0700U);
    EXPECT_TRUE(fs_.create_dir(sub));
    EXPECT_TRUE(fs_.create_dir(sub + "/x/"));
    EXPECT_EQ(fs_.create_dir(dir_.file("no/such")).error().code, Errc::not_found);
    put("file", "");
    EXPECT_FALSE(fs_.create_dir(dir_.file("file")));
    EXPECT_FALSE(fs_.sync_dir(dir_.file("file")));
    EXPECT_FALSE(fs_.sync_dir(dir_.file("missing")));
}

TEST_F(PosixFiles, ExistsRenameRemove) {
    put("a", "1");
    EXPECT_TRUE(*fs_.exists(dir_.file("a")));
    EXPECT_FALSE(*fs_.exists(dir_.file("b")));
    EXPECT_FALSE(*fs_.exists(dir_.file("a/b")));
    ASSERT_TRUE(fs_.rename(dir_.file("a"), dir_.file("b")));
    EXPECT_EQ(get("b"), "1");
    EXPECT_EQ(fs_.rename(dir_.file("a"), dir_.file("c")).error().code, Errc::not_found);
    ASSERT_TRUE(fs_.remove(dir_.file("b")));
    EXPECT_EQ(fs_.remove(dir_.file("b")).error().code, Errc::not_found);
}

TEST_F(PosixFiles, ALockHasOneHolder) {
    auto first = fs_.lock(dir_.file("LOCK"));
    ASSERT_TRUE(first);
    for (int i = 0; i < 2; ++i) {
        const auto second = fs_.lock(dir_.file("LOCK"));
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, Errc::refused);
        EXPECT_THAT(second.error().message, HasSubstr("another anchorlogd"));
    }
    (*first).reset();
    EXPECT_TRUE(fs_.lock(dir_.file("LOCK")));
    EXPECT_FALSE(fs_.lock(dir_.file("no/LOCK")));
}

TEST_F(PosixFiles, SpaceAndType) {
    const auto space = fs_.space(dir_.path());
    ASSERT_TRUE(space);
    EXPECT_GT(space->total_bytes, 0U);
    EXPECT_LE(space->free_bytes, space->total_bytes);
    EXPECT_FALSE(fs_.space(dir_.file("missing")));
    EXPECT_TRUE(fs_.volatile_type(dir_.path()));
    EXPECT_FALSE(fs_.volatile_type(dir_.file("missing")));
    const auto kernel = fs_.volatile_type("/proc");
    EXPECT_TRUE(!kernel || kernel->empty());
}

TEST_F(PosixFiles, ReadFileHasALimit) {
    put("a", "12345");
    EXPECT_EQ(*read_file(fs_, dir_.file("a"), 5), "12345");
    const auto large = read_file(fs_, dir_.file("a"), 4);
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code, Errc::invalid_input);
    EXPECT_EQ(read_file(fs_, dir_.file("b"), 4).error().code, Errc::not_found);
    EXPECT_FALSE(read_file(fs_, dir_.path(), 1'000'000));
}

TEST_F(PosixFiles, ReplaceFileLeavesOneFile) {
    ASSERT_TRUE(replace_file(fs_, dir_.file("a"), as_bytes("one")));
    EXPECT_EQ(get("a"), "one");
    ASSERT_TRUE(replace_file(fs_, dir_.file("a"), as_bytes("")));
    EXPECT_EQ(get("a"), "");
    EXPECT_THAT(*fs_.list(dir_.path()), ElementsAre("a"));
}

TEST_F(PosixFiles, ReplaceFileThatFailsKeepsTheOldOne) {
    ASSERT_TRUE(fs_.create_dir(dir_.file("a")));
    put("a/inside", "1");
    EXPECT_FALSE(replace_file(fs_, dir_.file("a"), as_bytes("x")));
    EXPECT_THAT(*fs_.list(dir_.path()), ElementsAre("a"));
    EXPECT_EQ(get("a/inside"), "1");
    EXPECT_FALSE(replace_file(fs_, dir_.file("missing/a"), as_bytes("x")));
}

}  // namespace
}  // namespace anchorlog
