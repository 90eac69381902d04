#include "anchorlog/ledger/sequencer.h"

#include <gtest/gtest.h>

#include "support/log_machine.h"

namespace anchorlog::ledger {
namespace {

using testing::LogMachine;

class SequencerTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
    }
    wire::Header header(std::uint64_t batch) {
        const auto lines = machine.lines(*machine.store().batches);
        auto line = wire::parse_batch_line(lines.at(batch));
        EXPECT_TRUE(line);
        auto parsed = wire::parse_header(line->header);
        EXPECT_TRUE(parsed);
        return *parsed;
    }

    LogMachine machine;
};

TEST_F(SequencerTest, NumbersEntriesWithoutGapAndKeepsTheLinesItWasGiven) {
    EXPECT_EQ(machine.admit("cam-1", 1).index, EntryIndex(0));
    EXPECT_EQ(machine.admit("cam-2", 5).index, EntryIndex(1));
    ASSERT_TRUE(machine.commit());
    EXPECT_EQ(machine.admit("cam-1", 3).index, EntryIndex(2));
    ASSERT_TRUE(machine.commit());
    EXPECT_EQ(machine.lines(*machine.store().log), machine.acked());
    auto entry = wire::parse_entry_line(machine.acked()[2]);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->index, EntryIndex(2));
    EXPECT_EQ(entry->sender, "urn:anchorlog:sender:gw-01");
}

TEST_F(SequencerTest, UsedNumbersAreHandedBackForComparison) {
    ASSERT_EQ(machine.admit("cam-1", 7).kind, Admission::Kind::admitted);
    EXPECT_EQ(machine.admit("cam-1", 7).kind, Admission::Kind::seen);
    EXPECT_EQ(machine.admit("cam-1", 6).kind, Admission::Kind::seen);
    ASSERT_TRUE(machine.commit());
    const auto open = machine.sequencer().find_open("cam-1", Epoch(0), SeqNo(7));
    ASSERT_TRUE(open);
    EXPECT_EQ(open->index, EntryIndex(0));
    EXPECT_FALSE(machine.sequencer().find_open("cam-1", Epoch(0), SeqNo(6)));
    EXPECT_FALSE(machine.sequencer().find_open("cam-9", Epoch(0), SeqNo(7)));
}

TEST_F(SequencerTest, StaleAndFutureTimesAreTransientAndUseNoNumber) {
    const std::string now_text = testing::make_alert("cam-1", 1, machine.clock().now().wall.ms);
    std::string arena;
    wire::AlertParser parser;
    const auto alert = std::get<wire::Alert>(parser.parse(now_text, arena));
    const wire::CertFingerprint cert{};
    const auto admit_at = [&](std::int64_t shift_ms) {
        Now now = machine.clock().now();
        now.wall.ms += shift_ms;
        return machine.sequencer().admit({alert, arena, "gw-01", cert}, now);
    };
    EXPECT_EQ(admit_at(30'001).code, wire::RejectCode::stale);
    EXPECT_EQ(admit_at(-30'001).code, wire::RejectCode::future);
    EXPECT_EQ(admit_at(30'000).kind, Admission::Kind::admitted);
}

TEST_F(SequencerTest, HeadersCountSourcesAndGapsAcrossBatches) {
    machine.admit("cam-1", 1);
    machine.admit("cam-1", 2);
    machine.admit("cam-2", 4);
    ASSERT_TRUE(machine.commit());
    ASSERT_TRUE(machine.seal());
    machine.admit("cam-1", 10);
    machine.admit("cam-1", 11, 1);
    ASSERT_TRUE(machine.commit());
    ASSERT_TRUE(machine.seal());
    const auto first = header(1);
    ASSERT_EQ(first.sources.size(), 2u);
    EXPECT_EQ(first.sources[0].gaps, 0u);
    EXPECT_EQ(first.sources[1].gaps, 3u);
    const auto second = header(2);
    ASSERT_EQ(second.sources.size(), 2u);
    EXPECT_EQ(second.sources[0].gaps, 7u);
    EXPECT_EQ(second.sources[1].epoch, Epoch(1));
    EXPECT_EQ(second.sources[1].gaps, 10u);
    EXPECT_EQ(second.first_index, EntryIndex(3));
}

TEST_F(SequencerTest, ManySourcesBecomeADigest) {
    for (int i = 0; i < 17; ++i) machine.admit("cam-" + std::to_string(i), 1);
    ASSERT_TRUE(machine.commit());
    ASSERT_TRUE(machine.seal());
    const auto many = header(1);
    EXPECT_TRUE(many.sources.empty());
    EXPECT_EQ(many.sources_count, 17u);
    EXPECT_TRUE(many.sources_digest.has_value());
}

TEST_F(SequencerTest, AGroupsMemoryServesLaterOnesOfItsSize) {
    Group large;
    large.lines.assign(1u << 20, 'x');
    const char* const memory = large.lines.data();
    machine.sequencer().reuse(std::move(large));
    machine.admit("cam-1", 1);
    (void)machine.sequencer().take_group();
    machine.sequencer().abandon();
    EXPECT_EQ(machine.admit("cam-1", 1).index, EntryIndex(0));
    Group group = machine.sequencer().take_group();
    EXPECT_EQ(group.lines.data(), memory);
    EXPECT_EQ(group.count(), 1u);
    EXPECT_EQ(group.entries[0].offset, 0u);

    // One line in a mebibyte: the burst is over and its memory is given back.
    machine.sequencer().reuse(std::move(group));
    machine.sequencer().abandon();
    machine.admit("cam-1", 1);
    (void)machine.sequencer().take_group();
    machine.admit("cam-1", 2);
    EXPECT_LT(machine.sequencer().take_group().lines.capacity(), 1u << 20);
}

TEST_F(SequencerTest, AnUnwrittenGroupLeavesNoTrace) {
    machine.admit("cam-1", 1);
    ASSERT_TRUE(machine.commit());
    machine.admit("cam-1", 2);
    (void)machine.sequencer().take_group();
    machine.admit("cam-1", 3);
    machine.sequencer().abandon();
    EXPECT_TRUE(machine.sequencer().group_empty());
    EXPECT_EQ(machine.admit("cam-1", 2).index, EntryIndex(1));
}

}  // namespace
}  // namespace anchorlog::ledger
