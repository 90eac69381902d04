#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "anchorlog/store/journal.h"
#include "support/sim_file_system.h"
#include "unit/store/journal_fixture.h"

namespace anchorlog::store {
namespace {

using ::testing::HasSubstr;
using testing::SimFileSystem;

class JournalDamageTest : public ::testing::Test {
protected:
    JournalDamageTest() {
        auto journal = open_journal(fs_, "/log");
        for (int i = 0; i < 30; ++i) append_synced(*journal, 2);
        const auto names = fs_.list("/log");
        for (const std::string& name : *names) {
            first_lines_.push_back(std::stoull(name.substr(0, 20)));
        }
        EXPECT_GE(first_lines_.size(), 3u);
    }

    std::string path(std::size_t segment) const { return "/log/" + name_of(first_lines_[segment]); }
    std::size_t newest() const { return first_lines_.size() - 1; }

    // The newest segment's content, without the zeros.
    std::string newest_content() const {
        const std::string bytes = fs_.content(path(newest()));
        return bytes.substr(0, bytes.find('\0'));
    }

    Error open_error() {
        auto journal = Journal::open(fs_, "/log", small_options(), check_test_line);
        EXPECT_FALSE(journal);
        return journal ? Error{} : journal.error();
    }

    // Opens without checking what the lines say, as for lines that do not tell their number.
    Result<void> visit_all() {
        auto journal = Journal::open(fs_, "/log", small_options(), {});
        if (!journal) return journal.error();
        return (*journal)->for_each(
            0, [](std::uint64_t, std::string_view, LinePosition) -> Result<void> { return {}; });
    }

    SimFileSystem fs_;
    std::vector<std::uint64_t> first_lines_;
};

TEST_F(JournalDamageTest, a_missing_first_segment_is_corruption) {
    fs_.drop(path(0));
    const Error error = open_error();
    EXPECT_EQ(error.code, Errc::corruption);
    EXPECT_THAT(error.message, HasSubstr("missing"));
}

TEST_F(JournalDamageTest, a_missing_segment_is_corruption_and_names_the_file) {
    fs_.drop(path(1));
    const Error error = open_error();
    EXPECT_EQ(error.code, Errc::corruption);
    EXPECT_THAT(error.message, HasSubstr(path(0)));
    const auto visited = visit_all();
    ASSERT_FALSE(visited);
    EXPECT_EQ(visited.error().code, Errc::corruption);
    EXPECT_THAT(visited.error().message, HasSubstr(path(0)));
}

TEST_F(JournalDamageTest, a_segment_that_is_there_twice_is_corruption) {
    fs_.set_content("/log/" + name_of(first_lines_[1] + 2), fs_.content(path(1)));
    EXPECT_EQ(open_error().code, Errc::corruption);
    const auto visited = visit_all();
    ASSERT_FALSE(visited);
    EXPECT_EQ(visited.error().code, Errc::corruption);
    EXPECT_THAT(visited.error().message, HasSubstr(path(1)));
}

TEST_F(JournalDamageTest, a_closed_segment_without_its_end_is_corruption) {
    std::string bytes = fs_.content(path(0));
    bytes.pop_back();
    fs_.set_content(path(0), bytes);
    EXPECT_EQ(open_error().code, Errc::corruption);
    bytes.push_back('\0');
    fs_.set_content(path(0), bytes);
    EXPECT_EQ(open_error().code, Errc::corruption);
    fs_.set_content(path(0), "");
    EXPECT_EQ(open_error().code, Errc::corruption);
}

TEST_F(JournalDamageTest, for_each_finds_a_nul_inside_a_closed_segment) {
    std::string bytes = fs_.content(path(1));
    bytes[bytes.size() / 2] = '\0';
    fs_.set_content(path(1), bytes);
    const auto visited = visit_all();
    ASSERT_FALSE(visited);
    EXPECT_EQ(visited.error().code, Errc::corruption);
    EXPECT_THAT(visited.error().message, HasSubstr(path(1)));
    EXPECT_THAT(visited.error().message, HasSubstr("NUL"));
}

TEST_F(JournalDamageTest, for_each_finds_a_line_too_many_or_too_few_in_a_closed_segment) {
    const std::string bytes = fs_.content(path(1));
    fs_.set_content(path(1), bytes + "more\n");
    EXPECT_EQ(visit_all().error().code, Errc::corruption);
    const std::size_t last = bytes.rfind('\n', bytes.size() - 2);
    fs_.set_content(path(1), bytes.substr(0, last + 1));
    EXPECT_EQ(visit_all().error().code, Errc::corruption);
}

TEST_F(JournalDamageTest, a_segment_that_shrinks_while_open_is_corruption) {
    auto journal = open_journal(fs_, "/log");
    fs_.set_content(path(1), "x\n");
    const auto lines = journal->read_lines({first_lines_[1], 0}, 2);
    ASSERT_FALSE(lines);
    EXPECT_EQ(lines.error().code, Errc::corruption);
}

TEST_F(JournalDamageTest, a_torn_line_is_cut_and_only_it) {
    const std::string content = newest_content();
    fs_.set_content(path(newest()), content + "60:torn");
    auto journal = open_journal(fs_, "/log");
    EXPECT_EQ(journal->lines(), 60u);
    EXPECT_EQ(journal->tail().line, 60u);
    EXPECT_EQ(journal->tail().bytes, 7u);
    EXPECT_EQ(journal->tail().position.offset, content.size());
    EXPECT_FALSE(journal->tail().complete_lines);
    EXPECT_EQ(journal->read_tail().value(), "60:torn");
    EXPECT_EQ(journal->append(test_lines(60, 1), 1).error().code, Errc::internal);
    EXPECT_EQ(journal->settle().error().code, Errc::internal);
    ASSERT_TRUE(journal->cut_to(60));
    EXPECT_EQ(fs_.content(path(newest())), content);
    EXPECT_EQ(journal->tail().bytes, 0u);
    EXPECT_EQ(journal->read_tail().value(), "");
    append_synced(*journal, 1);
    expect_lines(*open_journal(fs_, "/log"), 61);
}

TEST_F(JournalDamageTest, bytes_behind_a_hole_count_into_the_tail) {
    const std::string tail = std::string(600, '\0') + "x" + std::string(700, '\0') + "yz";
    fs_.set_content(path(newest()), newest_content() + tail + std::string(3000, '\0'));
    auto journal = open_journal(fs_, "/log");
    EXPECT_EQ(journal->lines(), 60u);
    EXPECT_EQ(journal->tail().bytes, tail.size());
    EXPECT_FALSE(journal->tail().complete_lines);
    EXPECT_EQ(journal->read_tail().value(), tail);
}

TEST_F(JournalDamageTest, a_whole_line_in_the_tail_is_flagged) {
    const std::string content = newest_content();
    for (const std::string& tail :
         {std::string("not the line\n"), std::string("60:to\0rn\nwhole\n", 15),
          std::string("\0\0x\nwhole\n\0", 11)}) {
        fs_.set_content(path(newest()), content + tail + std::string(100, '\0'));
        auto journal = open_journal(fs_, "/log");
        EXPECT_EQ(journal->lines(), 60u);
        EXPECT_TRUE(journal->tail().complete_lines) << tail;
    }
    for (const std::string& tail : {std::string("60:to\0rn\nhalf", 13), std::string("\0x\n", 3),
                                    std::string("half\0\n\0", 7)}) {
        fs_.set_content(path(newest()), content + tail);
        auto journal = open_journal(fs_, "/log");
        EXPECT_EQ(journal->lines(), 60u);
        EXPECT_FALSE(journal->tail().complete_lines);
    }
}

TEST_F(JournalDamageTest, a_damaged_line_ends_the_prefix_and_takes_the_rest_along) {
    std::string content = newest_content();
    const std::size_t second = content.find('\n') + 1;
    content[second] = 'X';
    fs_.set_content(path(newest()), content);
    auto journal = open_journal(fs_, "/log");
    EXPECT_EQ(journal->lines(), first_lines_.back() + 1);
    EXPECT_EQ(journal->tail().bytes, content.size() - second);
    EXPECT_TRUE(journal->tail().complete_lines);
}

TEST_F(JournalDamageTest, a_line_longer_than_allowed_ends_the_prefix) {
    fs_.set_content(path(newest()), newest_content() + std::string(5000, 'x') + "\n");
    auto journal = open_journal(fs_, "/log");
    EXPECT_EQ(journal->lines(), 60u);
    EXPECT_EQ(journal->tail().bytes, 5001u);
    EXPECT_TRUE(journal->tail().complete_lines);
}

TEST_F(JournalDamageTest, an_empty_newest_segment_needs_the_one_before_complete) {
    const std::string before = fs_.content(path(newest() - 1));
    fs_.set_content(path(newest()), "");
    EXPECT_EQ(open_journal(fs_, "/log")->lines(), first_lines_.back());
    fs_.set_content(path(newest()), std::string(2048, '\0'));
    EXPECT_EQ(open_journal(fs_, "/log")->lines(), first_lines_.back());

    fs_.set_content(path(newest() - 1), before.substr(0, before.size() - 3));
    EXPECT_EQ(open_error().code, Errc::corruption);
    const std::size_t last = before.rfind('\n', before.size() - 2);
    fs_.set_content(path(newest() - 1), before.substr(0, last + 1));
    EXPECT_EQ(open_error().code, Errc::corruption);
}

TEST_F(JournalDamageTest, zeros_before_an_empty_newest_segment_are_cut_by_settle) {
    const std::string before = fs_.content(path(newest() - 1));
    fs_.set_content(path(newest()), "");
    fs_.set_content(path(newest() - 1), before + std::string(1000, '\0'));
    auto journal = open_journal(fs_, "/log");
    expect_lines(*journal, first_lines_.back());
    ASSERT_TRUE(journal->settle());
    EXPECT_EQ(fs_.content(path(newest() - 1)), before);
    append_synced(*journal, 2);
    expect_lines(*open_journal(fs_, "/log"), first_lines_.back() + 2);
}

TEST_F(JournalDamageTest, open_reads_closed_segments_only_at_their_ends) {
    SimFileSystem fs;
    JournalOptions options;
    options.segment_bytes = 4u << 20;
    options.preallocate_bytes = 0;
    auto journal = open_journal(fs, "/log", options);
    append_synced(*journal, 3000);
    while (fs.list("/log")->size() < 4) append_synced(*journal, 3000);
    const std::uint64_t before = fs.calls(testing::SimCall::read);
    ASSERT_NE(open_journal(fs, "/log", options), nullptr);
    // Per closed segment: the last byte, the first line, the last line.
    EXPECT_LE(fs.calls(testing::SimCall::read) - before, 3 * 3 + 3u);
}

}  // namespace
}  // namespace anchorlog::store
