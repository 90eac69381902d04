#include "store/line_reader.h"

#include <gtest/gtest.h>

#include "support/sim_file_system.h"

namespace anchorlog::store {
namespace {

class LineReaderTest : public ::testing::TestWithParam<std::size_t> {
protected:
    std::unique_ptr<File> file(std::string_view bytes) {
        fs_.set_content("/f", bytes);
        return std::move(*fs_.open("/f", OpenMode::read));
    }
    testing::SimFileSystem fs_;
};

INSTANTIATE_TEST_SUITE_P(Chunks, LineReaderTest, ::testing::Values(1, 2, 3, 7, 4096));

TEST_P(LineReaderTest, reads_lines_whatever_the_chunk) {
    const std::string text = "one\n\nthree\nfour";
    const auto f = file(text);
    LineReader reader(*f, 0, text.size(), 100, GetParam());
    EXPECT_EQ(reader.next()->text, "one");
    const auto empty = reader.next();
    EXPECT_EQ(empty->stop, LineStop::none);
    EXPECT_EQ(empty->offset, 4u);
    const auto three = reader.next();
    EXPECT_EQ(three->text, "three");
    EXPECT_EQ(three->offset, 5u);
    for (int i = 0; i < 2; ++i) {
        const auto torn = reader.next();
        EXPECT_EQ(torn->stop, LineStop::torn);
        EXPECT_EQ(torn->offset, 11u);
    }
}

TEST_P(LineReaderTest, stops_at_the_end_it_was_given) {
    const auto f = file("ab\ncd\nef\n");
    LineReader reader(*f, 3, 6, 100, GetParam());
    EXPECT_EQ(reader.next()->text, "cd");
    EXPECT_EQ(reader.next()->stop, LineStop::end);
}

TEST_P(LineReaderTest, a_nul_ends_the_lines_before_its_own_line_only) {
    const std::string text("ab\nc\0d\n", 7);
    const auto f = file(text);
    LineReader reader(*f, 0, text.size(), 100, GetParam());
    EXPECT_EQ(reader.next()->text, "ab");
    const auto nul = reader.next();
    EXPECT_EQ(nul->stop, LineStop::nul);
    EXPECT_EQ(nul->offset, 3u);
}

TEST_P(LineReaderTest, the_longest_allowed_line_passes_and_one_byte_more_does_not) {
    const auto f = file("12345\n123456\n");
    LineReader reader(*f, 0, 13, 5, GetParam());
    EXPECT_EQ(reader.next()->text, "12345");
    EXPECT_EQ(reader.next()->stop, LineStop::too_long);
}

TEST_P(LineReaderTest, a_file_shorter_than_its_known_content_is_corruption) {
    const auto f = file("ab\n");
    LineReader reader(*f, 0, 10, 100, GetParam());
    Result<LineRead> read = reader.next();
    if (read) read = reader.next();
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::corruption);
}

}  // namespace
}  // namespace anchorlog::store
