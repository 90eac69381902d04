#include "support/sim_file_system.h"

#include <set>

#include <gtest/gtest.h>

namespace anchorlog::testing {
namespace {

std::unique_ptr<File> create(SimFileSystem& fs, const std::string& path) {
    auto file = fs.open(path, OpenMode::create_new);
    EXPECT_TRUE(file);
    return std::move(*file);
}

std::unique_ptr<File> create_durable(SimFileSystem& fs, const std::string& path) {
    auto file = create(fs, path);
    EXPECT_TRUE(file->sync_all());
    EXPECT_TRUE(fs.sync_dir("/"));
    return file;
}

TEST(SimFileSystemTest, a_crash_loses_names_before_the_directory_is_synced) {
    std::set<bool> seen;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        SimFileSystem fs;
        auto file = create(fs, "/a");
        ASSERT_TRUE(file->sync_all());
        fs.crash(seed);
        seen.insert(fs.exists("/a").value());
        EXPECT_FALSE(file->write_at(0, as_bytes("x")));
    }
    EXPECT_EQ(seen.size(), 2u);
}

TEST(SimFileSystemTest, synced_bytes_stay_and_others_may_stay_in_any_order_of_sectors) {
    std::set<std::string> kept;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        SimFileSystem fs;
        auto file = create_durable(fs, "/a");
        ASSERT_TRUE(file->write_at(0, as_bytes("safe")));
        ASSERT_TRUE(file->sync_data());
        ASSERT_TRUE(file->allocate(1536));
        ASSERT_TRUE(file->write_at(4, as_bytes(std::string(1200, 'x'))));
        fs.crash(seed);
        const std::string bytes = fs.content("/a");
        ASSERT_EQ(bytes.substr(0, 4), "safe");
        std::string pattern;
        for (const std::size_t at : {10u, 600u, 1100u}) {
            pattern += at >= bytes.size() ? '-' : bytes[at] == 'x' ? 'x' : '0';
        }
        kept.insert(pattern);
    }
    EXPECT_TRUE(kept.contains("---"));
    EXPECT_TRUE(kept.contains("xxx"));
    EXPECT_TRUE(kept.contains("0x0") || kept.contains("00x"));
}

TEST(SimFileSystemTest, a_failed_sync_reads_clean_but_a_crash_loses_it) {
    SimFileSystem fs;
    auto file = create_durable(fs, "/a");
    ASSERT_TRUE(file->write_at(0, as_bytes("lost")));
    fs.fail(SimCall::sync_data, 1, Errc::io);
    EXPECT_FALSE(file->sync_data());
    EXPECT_TRUE(file->sync_data());
    EXPECT_EQ(fs.content("/a"), "lost");
    fs.crash(0);
    EXPECT_EQ(fs.content("/a"), "");
}

TEST(SimFileSystemTest, a_rename_is_whole_or_not_there) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        SimFileSystem fs;
        fs.set_content("/a", "old");
        ASSERT_TRUE(create_durable(fs, "/b")->write_at(0, as_bytes("")));
        fs.set_content("/b", "new");
        ASSERT_TRUE(fs.rename("/b", "/a"));
        fs.crash(seed);
        seen.insert(fs.content("/a"));
        EXPECT_EQ(fs.exists("/b").value(), fs.content("/a") == "old");
    }
    EXPECT_EQ(seen, (std::set<std::string>{"new", "old"}));
}

TEST(SimFileSystemTest, locks_are_exclusive_and_end_with_their_holder) {
    SimFileSystem fs;
    auto lock = fs.lock("/LOCK");
    ASSERT_TRUE(lock);
    EXPECT_EQ(fs.lock("/LOCK").error().code, Errc::refused);
    fs.kill();
    auto next = fs.lock("/LOCK");
    ASSERT_TRUE(next);
    lock->reset();
    EXPECT_FALSE(fs.lock("/LOCK"));
    next->reset();
    EXPECT_TRUE(fs.lock("/LOCK"));
}

TEST(SimFileSystemTest, a_machine_that_stopped_answers_nothing_until_it_is_back) {
    SimFileSystem fs;
    auto file = create_durable(fs, "/a");
    fs.die_at(1);
    EXPECT_FALSE(file->sync_data());
    EXPECT_TRUE(fs.dead());
    EXPECT_FALSE(fs.open("/a", OpenMode::read));
    EXPECT_FALSE(fs.list("/"));
    fs.crash(0);
    EXPECT_FALSE(fs.dead());
    EXPECT_TRUE(fs.open("/a", OpenMode::read));
}

TEST(SimFileSystemTest, directories_and_names_follow_the_contract) {
    SimFileSystem fs;
    EXPECT_EQ(fs.open("/none", OpenMode::read).error().code, Errc::not_found);
    EXPECT_EQ(fs.open("/no/dir", OpenMode::create_new).error().code, Errc::not_found);
    EXPECT_EQ(fs.list("/none").error().code, Errc::not_found);
    EXPECT_EQ(fs.create_dir("/no/dir").error().code, Errc::not_found);
    EXPECT_TRUE(fs.create_dir("/d"));
    EXPECT_TRUE(fs.create_dir("/d"));
    create(fs, "/d/b");
    create(fs, "/d/a");
    EXPECT_FALSE(fs.open("/d/a", OpenMode::create_new));
    EXPECT_EQ(*fs.list("/d"), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(*fs.list("/"), (std::vector<std::string>{"d"}));
    EXPECT_TRUE(fs.remove("/d/a"));
    EXPECT_EQ(fs.remove("/d/a").error().code, Errc::not_found);
}

TEST(SimFileSystemTest, space_runs_out_in_the_middle_of_a_write) {
    SimFileSystem fs;
    fs.set_capacity(10);
    auto file = create(fs, "/a");
    EXPECT_TRUE(file->write_at(0, as_bytes("12345678")));
    EXPECT_EQ(fs.space("/")->free_bytes, 2u);
    EXPECT_EQ(file->write_at(8, as_bytes("9abc")).error().code, Errc::storage_full);
    EXPECT_EQ(fs.content("/a"), "123456789a");
    EXPECT_TRUE(file->truncate(8));
    EXPECT_EQ(file->allocate(20).error().code, Errc::storage_full);
    EXPECT_TRUE(file->write_at(0, as_bytes("87654321")));
}

}  // namespace
}  // namespace anchorlog::testing
