#include "anchorlog/ledger/state_index.h"

#include <gtest/gtest.h>

#include "support/fake_state_db.h"
#include "support/log_machine.h"

namespace anchorlog::ledger {
namespace {

using testing::LogMachine;

class StateIndexTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        for (std::uint64_t batch = 0; batch < 30; ++batch) {
            for (std::uint64_t i = 1; i <= 3; ++i) machine.admit("cam-1", batch * 3 + i);
            ASSERT_TRUE(machine.commit());
            ASSERT_TRUE(machine.seal());
        }
    }
    const StateIndex& state() { return *machine.store().state; }

    LogMachine machine;
};

// run_entries is 40 in the machine: what follows is answered from two runs and from memory.
TEST_F(StateIndexTest, AnswersTheSameFromMemoryAndFromIngestedRuns) {
    const auto through = state().through();
    ASSERT_TRUE(through);
    ASSERT_GT(through->batches, 2u);
    ASSERT_LT(through->batches, 31u);
    for (std::uint64_t index = 0; index < 90; ++index) {
        const auto place = state().batch_of(EntryIndex(index));
        ASSERT_TRUE(place && *place);
        EXPECT_EQ((*place)->batch_id, BatchId(index / 3 + 1));
        const auto by_number = state().batch_of("cam-1", Epoch(0), SeqNo(index + 1));
        ASSERT_TRUE(by_number && *by_number);
        EXPECT_EQ((*by_number)->batch_id, BatchId(index / 3 + 1));
    }
    EXPECT_FALSE(*state().batch_of(EntryIndex(90)));
    EXPECT_FALSE(*state().batch_of("cam-1", Epoch(0), SeqNo(91)));
    EXPECT_FALSE(*state().batch_of("cam-1", Epoch(1), SeqNo(1)));
    EXPECT_FALSE(*state().batch_of("cam", Epoch(0), SeqNo(1)));
}

TEST_F(StateIndexTest, HistoryNodesGiveTheRunningRoot) {
    const auto restored = merkle::CompactRange::restore(
        TreeSize(31), [this](merkle::NodeId id) { return state().node(id); });
    ASSERT_TRUE(restored);
    EXPECT_EQ(restored->root(), machine.sequencer().history().root());
}

TEST_F(StateIndexTest, EntryIdsListEveryHit) {
    const auto lines = machine.lines(*machine.store().log);
    for (const std::size_t index : {std::size_t{0}, std::size_t{45}, std::size_t{89}}) {
        const auto entry = wire::parse_entry_line(lines[index]);
        ASSERT_TRUE(entry);
        const auto key = wire::alert_key(entry->body);
        ASSERT_TRUE(key);
        const auto hits = state().find_entry_id(key->entry_id);
        ASSERT_TRUE(hits);
        EXPECT_EQ(*hits, std::vector<EntryIndex>{EntryIndex(index)});
    }
    EXPECT_TRUE(state().find_entry_id({})->empty());
}

// Ids come in any order, and more than once; some runs are ingested, one is not.
TEST(StateIndexRuns, EveryHitOfAnEntryIdIsFoundWhereverItIs) {
    StateIndex state(
        std::make_unique<testing::FakeStateDb>(std::make_shared<testing::FakeStateDisk>()), 4);
    const auto id = [](std::uint8_t first, std::uint8_t last) {
        wire::EntryId made{};
        made.front() = first;
        made.back() = last;
        return made;
    };
    for (std::uint64_t round = 0; round < 3; ++round) {
        SealedBatch batch;
        batch.header.batch_id = BatchId(round);
        batch.header.first_index = EntryIndex(round * 4);
        batch.header.count = 4;
        const auto index = [&](std::uint64_t i) {
            return EntryIndex(round * 4 + i);
        };
        batch.entry_ids = {{id(9, 9), index(0)},
                           {id(1, 2), index(1)},
                           {id(9, 9), index(2)},
                           {id(1, static_cast<std::uint8_t>(round)), index(3)}};
        state.add(batch, {});
        if (round < 2) {
            ASSERT_TRUE(state.run_due());
            ASSERT_TRUE(state.ingest());
        }
    }
    const auto hits = [&](const wire::EntryId& wanted) {
        std::vector<std::uint64_t> out;
        const auto found = state.find_entry_id(wanted);
        EXPECT_TRUE(found);
        for (const EntryIndex index : *found) out.push_back(index.value);
        return out;
    };
    EXPECT_EQ(hits(id(9, 9)), (std::vector<std::uint64_t>{0, 2, 4, 6, 8, 10}));
    EXPECT_EQ(hits(id(1, 2)), (std::vector<std::uint64_t>{1, 5, 9, 11}));
    EXPECT_EQ(hits(id(1, 0)), (std::vector<std::uint64_t>{3}));
    EXPECT_TRUE(hits(id(1, 7)).empty());
    EXPECT_EQ(state.through()->entries, 8u);
}

TEST_F(StateIndexTest, DevicesKeepTheirHighestNumber) {
    std::map<std::string, DeviceNumber> devices;
    ASSERT_TRUE(state().for_each_device([&](std::string_view device, DeviceNumber number) {
        devices[std::string(device)] = number;
    }));
    ASSERT_EQ(devices.size(), 1u);
    EXPECT_EQ(devices["cam-1"], (DeviceNumber{Epoch(0), SeqNo(90)}));
}

// A disk that was full for a while must not leave the index in memory for ever.
TEST(StateIndexRetryTest, ARunThatFailedIsTriedAgainWhenMoreHasCome) {
    const auto disk = std::make_shared<testing::FakeStateDisk>();
    StateIndex index(std::make_unique<testing::FakeStateDb>(disk), 40);
    std::uint64_t batches = 0;
    const auto add = [&](std::uint64_t count) {
        SealedBatch batch;
        batch.header.batch_id = BatchId(batches++);
        batch.header.count = count;
        index.add(batch, {});
    };
    add(40);
    ASSERT_TRUE(index.run_due());
    disk->fail_after(0);
    EXPECT_FALSE(index.ingest());
    EXPECT_FALSE(index.run_due()) << "not at once: the disk is still full";
    add(4);
    EXPECT_TRUE(index.run_due());
    EXPECT_FALSE(index.ingest());
    add(4);
    EXPECT_TRUE(index.run_due());
    disk->fail_after(UINT64_MAX);
    EXPECT_TRUE(index.ingest());
    EXPECT_EQ(index.through()->batches, 1u);
    EXPECT_EQ(index.entries_in_memory(), 8u);
    EXPECT_FALSE(index.run_due());
}

}  // namespace
}  // namespace anchorlog::ledger
