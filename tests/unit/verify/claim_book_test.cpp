#include "verify/claim_book.h"

#include <algorithm>

#include "anchorlog/wire/anchor_step.h"
#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

// Two anchors, so anchors/ has four lines in one segment.
class Book : public ::testing::Test {
protected:
    Book() {
        for (int i = 0; i < 2; ++i) {
            log.fill(1, 3);
            log.anchor(chain);
        }
        log_id = wire::log_id_of(LogBuilder::kOrigin);
        log.write(fs, "store");
        auto list = list_segments(fs, "store", "anchors");
        segments = list->segments;
        book.open(fs, segments, log_id);
    }

    AnchorClaim claim(std::size_t line) {
        const auto step = *wire::parse_anchor_step(log.anchors[line]);
        const auto* attempt = std::get_if<wire::AnchorAttempt>(&step);
        return attempt != nullptr ? *claim_of(*attempt, log_id)
                                  : *claim_of(std::get<wire::AnchorReceipt>(step), log_id);
    }
    std::uint64_t offset(std::size_t line) const {
        std::uint64_t at = 0;
        for (std::size_t i = 0; i < line; ++i) at += log.anchors[i].size() + 1;
        return at;
    }
    static LineSpot spot(std::size_t line) { return {0, static_cast<std::uint32_t>(line + 1)}; }

    LogBuilder log;
    FakeChain chain;
    MapFileSystem fs;
    std::vector<Segment> segments;
    Hash log_id;
    ClaimBook book;
};

TEST_F(Book, ReadsAgainWhatALineClaims) {
    for (const std::size_t line : {0u, 1u, 3u}) {
        const AnchorClaim put = claim(line);
        const auto got = book.whole(book[book.add(put, spot(line), offset(line))]);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->from, put.from);
        EXPECT_EQ(got->record, put.record);
        EXPECT_EQ(got->block_hash, put.block_hash);
        EXPECT_EQ(got->block_time_s, put.block_time_s);
        EXPECT_EQ(got->transaction, put.transaction);
        EXPECT_EQ(got->target, put.target);
        EXPECT_EQ(got->segment, segments[0].name);
        EXPECT_EQ(got->line, line + 1);
    }
}

TEST_F(Book, AReceiptStandsForItsAttemptTooAndBothLinesAreKnown) {
    const auto index = book.add(claim(0), spot(0), offset(0));
    ASSERT_TRUE(book.says_the_same(index, claim(1)));
    EXPECT_FALSE(book.says_the_same(index, claim(3))) << "another batch";
    AnchorClaim other = claim(1);
    other.target = "eth2";
    EXPECT_FALSE(book.says_the_same(index, other));
    book.confirm(index, claim(1), spot(1), offset(1));
    EXPECT_EQ(book.size(), 1u);
    EXPECT_TRUE(book[index].has_attempt());
    EXPECT_EQ(book[index].attempt, spot(0));
    const auto got = book.whole(book[index]);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->from, AnchorClaim::From::receipt);
    EXPECT_EQ(got->block_number, claim(1).block_number);
    EXPECT_EQ(got->line, 2u);
}

TEST_F(Book, ALineThatIsAnotherNowIsAnError) {
    const auto index = book.add(claim(1), spot(1), offset(1));
    const auto refused = [&](const std::string& why) {
        const auto got = book.whole(book[index]);
        ASSERT_FALSE(got) << why;
        EXPECT_NE(got.error().message.find("line 2 was changed while it was verified"),
                  std::string::npos)
            << got.error().message;
    };
    const auto found = std::find_if(fs.files.begin(), fs.files.end(), [](const auto& file) {
        return file.first.find("anchors/") != std::string::npos;
    });
    ASSERT_NE(found, fs.files.end());
    const std::string whole = found->second;
    const auto put = [&](const std::string& bytes) {
        found->second = bytes;
    };
    std::string changed = whole;
    changed[offset(1) + log.anchors[1].find("\"block_header\":\"") + 60] ^= 1;
    put(changed);
    refused("its proof does not hold");
    put(whole.substr(0, offset(1)) + log.anchors[3] + "\n");
    refused("another receipt");
    put(whole.substr(0, offset(1)) + log.anchors[0] + "\n");
    refused("an attempt");
    put(whole.substr(0, offset(1)));
    refused("nothing is there");
    put(whole);
    EXPECT_TRUE(book.whole(book[index]));
}

TEST_F(Book, IsInTheOrderOfBatchesWhateverCameFirst) {
    book.add(claim(3), spot(3), offset(3));
    book.add(claim(0), spot(0), offset(0));
    book.add(claim(1), spot(1), offset(1));
    const std::uint64_t early = claim(0).record.batch_id.value;
    const std::uint64_t late = claim(3).record.batch_id.value;
    const auto all = book.by_batch();
    EXPECT_EQ(std::vector(all.begin(), all.end()), (std::vector<ClaimBook::Index>{1, 2, 0}));
    EXPECT_EQ(book.of_batch(early).size(), 2u);
    EXPECT_EQ(book.from_batch_on(early + 1).size(), 1u);
    EXPECT_TRUE(book.of_batch(late + 1).empty());
    AnchorClaim kept = claim(1);
    kept.from = AnchorClaim::From::chain;
    book.keep(kept);
    EXPECT_EQ(book.of_batch(early).size(), 3u) << "the order is made anew";
    EXPECT_EQ(book.whole(book[3])->record, kept.record) << "stands in no line";
}

}  // namespace
}  // namespace anchorlog::verify
