#include "anchorlog/store/journal.h"

#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "support/sim_file_system.h"
#include "support/temp_dir.h"
#include "unit/store/journal_fixture.h"

namespace anchorlog::store {
namespace {

// The same behaviour over the simulated and the real file system.
class JournalTest : public ::testing::TestWithParam<bool> {
protected:
    JournalTest() {
        if (GetParam()) {
            fs_ = std::make_unique<PosixFileSystem>();
            dir_ = temp_.file("log");
        } else {
            fs_ = std::make_unique<testing::SimFileSystem>();
            dir_ = "/log";
        }
    }

    std::unique_ptr<Journal> open(JournalOptions options = small_options()) {
        return open_journal(*fs_, dir_, options);
    }

    std::uint64_t size_of(std::uint64_t first_line) {
        auto file = fs_->open(dir_ + "/" + name_of(first_line), OpenMode::read);
        EXPECT_TRUE(file);
        return file ? (*file)->size().value() : 0;
    }

    // The positions of all lines.
    std::map<std::uint64_t, LinePosition> positions(const Journal& journal) {
        std::map<std::uint64_t, LinePosition> at;
        EXPECT_TRUE(journal.for_each(
            0, [&](std::uint64_t line, std::string_view, LinePosition where) -> Result<void> {
                at[line] = where;
                return {};
            }));
        return at;
    }

    testing::TempDir temp_;
    std::unique_ptr<FileSystem> fs_;
    std::string dir_;
};

INSTANTIATE_TEST_SUITE_P(FileSystems, JournalTest, ::testing::Bool(), [](const auto& tested) {
    return tested.param ? std::string("posix") : std::string("sim");
});

TEST_P(JournalTest, a_missing_directory_is_an_empty_journal_and_opening_changes_nothing) {
    auto journal = open();
    EXPECT_EQ(journal->lines(), 0u);
    EXPECT_EQ(journal->tail().bytes, 0u);
    EXPECT_EQ(journal->next_position()->offset, 0u);
    EXPECT_TRUE(journal->settle());
    EXPECT_TRUE(journal->sync());
    EXPECT_TRUE(journal->cut_to(0));
    EXPECT_FALSE(fs_->exists(dir_).value());
}

TEST_P(JournalTest, appended_lines_are_read_back_after_reopening) {
    auto journal = open();
    for (int i = 0; i < 20; ++i) append_synced(*journal, 3);
    expect_lines(*journal, 60);
    journal = open();
    EXPECT_EQ(journal->tail().bytes, 0u);
    expect_lines(*journal, 60);
    EXPECT_TRUE(journal->settle());
    append_synced(*journal, 5);
    expect_lines(*journal, 65);
    expect_lines(*open(), 65);
}

TEST_P(JournalTest, closed_segments_are_exactly_their_lines_and_the_newest_is_padded) {
    auto journal = open();
    append_synced(*journal, 2);
    while (fs_->list(dir_)->size() < 3) append_synced(*journal, 2);
    std::vector<std::uint64_t> first_lines;
    for (const auto& [line, at] : positions(*journal)) {
        if (at.offset == 0) first_lines.push_back(line);
    }
    ASSERT_EQ(first_lines.size(), 3u);
    for (std::size_t i = 0; i < 2; ++i) {
        const std::uint64_t count = first_lines[i + 1] - first_lines[i];
        EXPECT_EQ(size_of(first_lines[i]), test_lines(first_lines[i], count).size());
        EXPECT_GE(size_of(first_lines[i]), small_options().segment_bytes);
    }
    EXPECT_EQ(size_of(first_lines[2]) % small_options().preallocate_bytes, 0u);
}

TEST_P(JournalTest, next_position_is_where_the_next_line_lands) {
    auto journal = open();
    for (int i = 0; i < 60; ++i) {
        const auto expected = journal->next_position();
        ASSERT_TRUE(expected);
        append_synced(*journal, 1);
        const auto got = journal->read_lines(*expected, 1);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->at(0), test_line(journal->lines() - 1));
    }
}

TEST_P(JournalTest, read_lines_goes_on_in_the_next_segment) {
    auto journal = open();
    for (int i = 0; i < 30; ++i) append_synced(*journal, 2);
    const auto at = positions(*journal);
    ASSERT_GT(at.rbegin()->second.segment_first_line, 0u);
    for (std::uint64_t from = 0; from < 60; from += 7) {
        const auto lines = journal->read_lines(at.at(from), 60 - from);
        ASSERT_TRUE(lines) << lines.error().message;
        ASSERT_EQ(lines->size(), 60 - from);
        for (std::uint64_t i = from; i < 60; ++i) EXPECT_EQ((*lines)[i - from], test_line(i));
    }
}

TEST_P(JournalTest, read_lines_refuses_wrong_positions_and_counts) {
    auto journal = open();
    append_synced(*journal, 5);
    const auto beyond = journal->read_lines({0, 0}, 6);
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code, Errc::not_found);
    const auto nowhere = journal->read_lines({3, 0}, 1);
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, Errc::not_found);
    const auto inside = journal->read_lines({0, 1}, 1);
    ASSERT_FALSE(inside);
    EXPECT_EQ(inside.error().code, Errc::corruption);
    const auto behind = journal->read_lines({0, 1'000'000}, 1);
    ASSERT_FALSE(behind);
    EXPECT_EQ(behind.error().code, Errc::corruption);
    EXPECT_TRUE(journal->read_lines({0, 0}, 0)->empty());
}

TEST_P(JournalTest, for_each_starts_at_the_line_or_at_the_hint) {
    auto journal = open();
    for (int i = 0; i < 30; ++i) append_synced(*journal, 2);
    const auto at = positions(*journal);
    for (std::uint64_t from = 0; from <= 60; from += 6) {
        for (const bool hinted : {false, true}) {
            if (hinted && from == 60) continue;
            std::uint64_t next = from;
            const auto visited = journal->for_each(
                from,
                [&](std::uint64_t line, std::string_view text, LinePosition) -> Result<void> {
                    EXPECT_EQ(line, next++);
                    EXPECT_EQ(text, test_line(line));
                    return {};
                },
                hinted ? &at.at(from) : nullptr);
            EXPECT_TRUE(visited) << visited.error().message;
            EXPECT_EQ(next, 60u);
        }
    }
}

TEST_P(JournalTest, for_each_refuses_a_wrong_hint_and_hands_on_the_visitors_error) {
    auto journal = open();
    for (int i = 0; i < 30; ++i) append_synced(*journal, 2);
    const auto nothing = [](std::uint64_t, std::string_view, LinePosition) -> Result<void> {
        return {};
    };
    const LinePosition other_segment{0, 0};
    EXPECT_EQ(journal->for_each(59, nothing, &other_segment).error().code, Errc::corruption);
    const LinePosition inside_a_line{0, 3};
    EXPECT_EQ(journal->for_each(1, nothing, &inside_a_line).error().code, Errc::corruption);
    // The position of another line: the count at the segment's end does not fit.
    const LinePosition other_line = positions(*journal).at(2);
    EXPECT_EQ(journal->for_each(1, nothing, &other_line).error().code, Errc::corruption);

    const auto stop = [](std::uint64_t line, std::string_view, LinePosition) -> Result<void> {
        if (line == 7) return Error{Errc::refused, "enough"};
        return {};
    };
    EXPECT_EQ(journal->for_each(0, stop).error().message, "enough");
}

TEST_P(JournalTest, cut_to_drops_lines_of_the_newest_segment) {
    auto journal = open();
    append_synced(*journal, 6);
    ASSERT_TRUE(journal->cut_to(4));
    expect_lines(*journal, 4);
    append_synced(*journal, 1);
    expect_lines(*journal, 5);
    expect_lines(*open(), 5);
    EXPECT_EQ(journal->cut_to(6).error().code, Errc::internal);
}

TEST_P(JournalTest, cut_to_drops_whole_segments_newest_first) {
    auto journal = open();
    for (int i = 0; i < 30; ++i) append_synced(*journal, 2);
    ASSERT_TRUE(journal->cut_to(3));
    EXPECT_EQ(fs_->list(dir_)->size(), 1u);
    expect_lines(*journal, 3);
    journal = open();
    for (int i = 0; i < 30; ++i) append_synced(*journal, 2);
    expect_lines(*open(), 63);
}

TEST_P(JournalTest, cut_to_the_first_line_of_a_segment_leaves_it_empty) {
    auto journal = open();
    for (int i = 0; i < 30; ++i) append_synced(*journal, 2);
    const std::uint64_t first = journal->next_position()->segment_first_line;
    ASSERT_LT(first, 60u);
    ASSERT_TRUE(journal->cut_to(first));
    EXPECT_EQ(size_of(first), 0u);
    journal = open();
    expect_lines(*journal, first);
    EXPECT_EQ(journal->read_lines({first, 0}, 1).error().code, Errc::not_found);
    EXPECT_TRUE(journal->settle());
    append_synced(*journal, 2);
    expect_lines(*open(), first + 2);
}

TEST_P(JournalTest, settle_leaves_the_same_bytes) {
    auto journal = open();
    for (int i = 0; i < 20; ++i) append_synced(*journal, 2);
    journal = open();
    ASSERT_TRUE(journal->settle());
    expect_lines(*journal, 40);
    append_synced(*journal, 2);
    expect_lines(*open(), 42);
}

TEST_P(JournalTest, other_files_in_the_directory_are_nobodys_segments) {
    auto journal = open();
    append_synced(*journal, 4);
    for (const char* name : {"00000000000000000000.leaves", "00000000000000000000.devices.ndjson",
                             "4.ndjson", "0000000000000000000x.ndjson"}) {
        ASSERT_TRUE(replace_file(*fs_, dir_ + "/" + name, as_bytes("x")));
    }
    expect_lines(*open(), 4);
}

TEST_P(JournalTest, readers_see_whole_lines_while_the_writer_appends_and_rolls) {
    auto journal = open();
    append_synced(*journal, 1);
    std::thread reader([&] {
        std::uint64_t seen = 0;
        while (seen < 121) {
            const std::uint64_t lines = journal->lines();
            std::uint64_t next = 0;
            EXPECT_TRUE(journal->for_each(
                0, [&](std::uint64_t line, std::string_view text, LinePosition) -> Result<void> {
                    EXPECT_EQ(text, test_line(line));
                    next = line + 1;
                    return {};
                }));
            EXPECT_GE(next, lines);
            EXPECT_EQ(journal->read_lines({0, 0}, lines)->size(), lines);
            seen = next;
        }
    });
    for (int i = 0; i < 60; ++i) append_synced(*journal, 2);
    reader.join();
}

TEST_P(JournalTest, works_without_preallocation) {
    JournalOptions options = small_options();
    options.preallocate_bytes = 0;
    auto journal = open(options);
    for (int i = 0; i < 30; ++i) append_synced(*journal, 2);
    expect_lines(*journal, 60);
    journal = open(options);
    append_synced(*journal, 1);
    expect_lines(*open(), 61);
}

}  // namespace
}  // namespace anchorlog::store
