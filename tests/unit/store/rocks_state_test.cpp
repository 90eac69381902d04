#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "anchorlog/store/state_db.h"
#include "support/listed_run.h"
#include "support/temp_dir.h"

namespace anchorlog::store {
namespace {

namespace stdfs = std::filesystem;

class RocksStateTest : public ::testing::Test {
protected:
    RocksStateTest() : dir_(temp_.file("state")) {}

    void fill() {
        auto db = open_rocks_state(dir_);
        ASSERT_TRUE(db) << db.error().message;
        testing::ListedRun run;
        for (int i = 10'000; i < 20'000; ++i) run.add("k" + std::to_string(i), "value");
        ASSERT_TRUE((*db)->ingest(run, {1, 10'000}));
    }

    // The only file whose name begins or ends so.
    std::string file_with(std::string_view part) {
        for (const auto& entry : stdfs::directory_iterator(dir_)) {
            if (entry.path().filename().string().find(part) != std::string::npos) {
                return entry.path().string();
            }
        }
        ADD_FAILURE() << "no file " << part;
        return {};
    }

    static void overwrite(const std::string& path, std::uint64_t offset, std::string_view bytes) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(offset));
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        ASSERT_TRUE(file.good());
    }

    void expect_corrupt() {
        const auto db = open_rocks_state(dir_);
        ASSERT_FALSE(db);
        EXPECT_EQ(db.error().code, Errc::corruption) << db.error().message;
        EXPECT_NE(db.error().message.find(dir_), std::string::npos);
    }

    void expect_rebuildable() {
        const auto removed = remove_rocks_state(dir_);
        ASSERT_TRUE(removed) << removed.error().message;
        EXPECT_FALSE(stdfs::exists(dir_));
        auto db = open_rocks_state(dir_);
        ASSERT_TRUE(db) << db.error().message;
        EXPECT_EQ((*db)->through()->batches, 0u);
        EXPECT_TRUE((*db)->ingest(testing::ListedRun{{"a", "1"}}, {1, 1}));
        EXPECT_EQ((*db)->get("a")->value_or("-"), "1");
        EXPECT_FALSE((*db)->get("k10000")->has_value());
    }

    testing::TempDir temp_;
    std::string dir_;
};

TEST_F(RocksStateTest, a_damaged_current_file_is_corruption_and_can_be_rebuilt) {
    fill();
    std::ofstream(dir_ + "/CURRENT", std::ios::trunc) << "MANIFEST-nonsense";
    expect_corrupt();
    expect_rebuildable();
}

TEST_F(RocksStateTest, a_missing_manifest_is_corruption_and_can_be_rebuilt) {
    fill();
    stdfs::remove(file_with("MANIFEST"));
    expect_corrupt();
    expect_rebuildable();
}

TEST_F(RocksStateTest, a_missing_table_is_corruption_and_can_be_rebuilt) {
    fill();
    stdfs::remove(file_with(".sst"));
    expect_corrupt();
    expect_rebuildable();
}

TEST_F(RocksStateTest, a_short_table_is_corruption_and_can_be_rebuilt) {
    fill();
    const std::string table = file_with(".sst");
    stdfs::resize_file(table, stdfs::file_size(table) / 2);
    expect_corrupt();
    expect_rebuildable();
}

TEST_F(RocksStateTest, a_flipped_byte_is_found_when_its_block_is_read) {
    fill();
    const std::string table = file_with(".sst");
    overwrite(table, stdfs::file_size(table) / 2, "\x55\xaa\x55");
    auto db = open_rocks_state(dir_);
    ASSERT_TRUE(db) << db.error().message;
    const auto scanned = (*db)->scan("k", [](std::string_view, std::string_view) { return true; });
    ASSERT_FALSE(scanned);
    EXPECT_EQ(scanned.error().code, Errc::corruption);
}

TEST_F(RocksStateTest, a_directory_that_cannot_be_made_is_an_error) {
    std::ofstream(temp_.file("state")) << "a file";
    EXPECT_FALSE(open_rocks_state(dir_));
}

TEST_F(RocksStateTest, a_run_left_by_a_crash_is_dropped) {
    fill();
    std::ofstream(dir_ + "/incoming-run") << "half a table";
    {
        auto db = open_rocks_state(dir_);
        ASSERT_TRUE(db) << db.error().message;
        EXPECT_EQ((*db)->through()->entries, 10'000u);
        EXPECT_FALSE(stdfs::exists(dir_ + "/incoming-run"));
        EXPECT_TRUE((*db)->ingest(testing::ListedRun{{"b", "2"}}, {2, 2}));
    }
    EXPECT_EQ((*open_rocks_state(dir_))->get("b")->value_or("-"), "2");
}

TEST_F(RocksStateTest, removing_leaves_files_that_are_not_the_databases) {
    fill();
    std::ofstream(dir_ + "/note.txt") << "mine";
    ASSERT_TRUE(remove_rocks_state(dir_));
    EXPECT_TRUE(stdfs::exists(dir_ + "/note.txt"));
    EXPECT_FALSE(stdfs::exists(dir_ + "/CURRENT"));
    EXPECT_TRUE(open_rocks_state(dir_));
}

TEST_F(RocksStateTest, removing_nothing_is_fine) { EXPECT_TRUE(remove_rocks_state(dir_)); }

// Damage inside a table is not seen by opening; it must not be met again after the next one.
TEST_F(RocksStateTest, DamageMetByALookUpIsToldAndRefusedAtTheNextOpening) {
    fill();
    const std::string table = file_with(".sst");
    overwrite(table, stdfs::file_size(table) / 2, std::string(64, '\xff'));
    int told = 0;
    {
        auto db = open_rocks_state(dir_, [&](const Error& error) {
            ++told;
            EXPECT_EQ(error.code, Errc::corruption);
        });
        ASSERT_TRUE(db) << db.error().message;
        bool met = false;
        for (int i = 10'000; i < 20'000 && !met; i += 10) {
            met = !(*db)->get("k" + std::to_string(i));
        }
        ASSERT_TRUE(met);
        EXPECT_EQ(told, 1);
    }
    expect_corrupt();
    expect_rebuildable();
}

}  // namespace
}  // namespace anchorlog::store
