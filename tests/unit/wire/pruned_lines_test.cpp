#include "anchorlog/wire/pruned_lines.h"

#include <gtest/gtest.h>

#include "anchorlog/crypto/sha256.h"
#include "support/sim_file_system.h"

namespace anchorlog::wire {
namespace {

Hash leaf_of(std::uint64_t index) { return crypto::sha256(as_bytes(std::to_string(index))); }

TEST(ErasedLine, HasOneSpelling) {
    std::string line;
    append_erased_line(line, {EntryIndex(1042), leaf_of(1)});
    EXPECT_EQ(line, R"({"erased":")" + to_hex(leaf_of(1)) + R"(","index":1042})" + "\n");
    line.pop_back();
    ASSERT_TRUE(is_erased_line(line));
    const auto parsed = parse_erased_line(line);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->index, EntryIndex(1042));
    EXPECT_EQ(parsed->leaf, leaf_of(1));
    const std::string hex = to_hex(leaf_of(1));
    for (const std::string& bad :
         {std::string(), std::string(R"({"erased":")"), line + " ", line.substr(0, line.size() - 1),
          R"({"erased":")" + hex + R"(","index":01})", R"({"erased":")" + hex + R"(","index":})",
          R"({"erased":")" + hex + R"(","index":-1})", R"({"erased":")" + hex + R"(", "index":1})",
          R"({"erased":")" + hex.substr(1) + R"(","index":1})",
          R"({"erased":"A)" + hex.substr(1) + R"(","index":1})",
          R"({"erased":")" + hex + R"(","index":9007199254740992})",
          R"({"erased":")" + hex + R"(","index":1,"why":"x"})"}) {
        EXPECT_FALSE(parse_erased_line(bad)) << bad;
    }
}

// Every part of the file, across the places where indexes get a digit more.
TEST(ErasedLines, AreReadFromLeavesAsAFileOfThem) {
    testing::SimFileSystem fs;
    ASSERT_TRUE(fs.create_dir("/log"));
    std::string leaves;
    std::string expected;
    for (std::uint64_t index = 95; index < 1'010; ++index) {
        leaves += as_text(ByteView(leaf_of(index).bytes));
        append_erased_line(expected, {EntryIndex(index), leaf_of(index)});
    }
    ASSERT_TRUE(replace_file(fs, "/log/a.leaves", as_bytes(leaves)));
    auto shown =
        show_erased_lines(std::move(*fs.open("/log/a.leaves", OpenMode::read)), EntryIndex(95));
    ASSERT_TRUE(shown);
    File& file = **shown;
    EXPECT_EQ(*file.size(), expected.size());
    for (const std::size_t step : {std::size_t{1}, std::size_t{97}, expected.size() + 5}) {
        std::string text;
        while (true) {
            Bytes part(step);
            const auto got = file.read_at(text.size(), part);
            ASSERT_TRUE(got);
            text += as_text(ByteView(part).first(*got));
            if (*got < step) break;
        }
        EXPECT_EQ(text, expected) << step;
    }
    EXPECT_FALSE(file.write_at(0, as_bytes("x")));
}

TEST(ErasedLines, FillUpALeafThatIsNotWhole) {
    testing::SimFileSystem fs;
    ASSERT_TRUE(fs.create_dir("/log"));
    ASSERT_TRUE(replace_file(fs, "/log/a.leaves", as_bytes("short")));
    auto shown =
        show_erased_lines(std::move(*fs.open("/log/a.leaves", OpenMode::read)), EntryIndex(0));
    ASSERT_TRUE(shown);
    Bytes bytes(*(*shown)->size());
    ASSERT_EQ(*(*shown)->read_at(0, bytes), bytes.size());
    const auto line = parse_erased_line(as_text(bytes).substr(0, bytes.size() - 1));
    ASSERT_TRUE(line);
    EXPECT_EQ(as_text(ByteView(line->leaf.bytes)).substr(0, 6), std::string_view("short\0", 6));
}

TEST(SourceLines, AreReadBatchByBatch) {
    const Source a{"cam-1", Epoch(0), SeqNo(1), SeqNo(9), 8, 1};
    const Source b{"cam-2", Epoch(3), SeqNo(4), SeqNo(4), 1, 3};
    std::string text;
    append_source_line(text, BatchId(2), a);
    append_source_line(text, BatchId(2), b);
    append_source_line(text, BatchId(5), b);
    EXPECT_EQ(text.substr(0, text.find('\n')),
              R"({"batch_id":2,"count":8,"device_id":"cam-1","epoch":0,"first_seq":1,"gaps":1,)"
              R"("last_seq":9})");
    SourceLines lines(text);
    EXPECT_TRUE(lines.of(BatchId(1))->empty());
    const auto second = lines.of(BatchId(2));
    ASSERT_TRUE(second);
    EXPECT_EQ(format_sources(*second), format_sources({a, b}));
    EXPECT_TRUE(lines.of(BatchId(3))->empty());
    EXPECT_EQ(format_sources(*lines.of(BatchId(5))), format_sources({b}));
    EXPECT_FALSE(SourceLines("{}\n").of(BatchId(0)));
    Header header;
    header.sources = {a, b};
    EXPECT_TRUE(are_sources_of(header, {a, b}));
    EXPECT_FALSE(are_sources_of(header, {a}));
    header.sources.clear();
    header.sources_count = 2;
    header.sources_digest = crypto::sha256(as_bytes(format_sources({a, b})));
    EXPECT_TRUE(are_sources_of(header, {a, b}));
    EXPECT_FALSE(are_sources_of(header, {a}));
}

}  // namespace
}  // namespace anchorlog::wire
