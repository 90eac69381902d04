#include "ledger/entry_feed.h"

#include <gtest/gtest.h>

#include "anchorlog/merkle/tree.h"
#include "support/log_machine.h"

namespace anchorlog::ledger {
namespace {

using testing::LogMachine;

class EntryFeedTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(machine.init());
        machine.options.journal.segment_bytes = 8u << 20;
        ASSERT_TRUE(machine.start());
    }
    // `count` alerts and an audit, synced.
    void fill(std::uint64_t count) {
        for (std::uint64_t seq = 1; seq <= count; ++seq) machine.admit("cam-1", seq);
        machine.sequencer().add_audit({"start", "daemon", "", 1, {}, {}}, machine.clock().now());
        ASSERT_TRUE(machine.commit());
    }
    // Opens the log again without looking at single lines.
    std::unique_ptr<store::Journal> reopen() {
        auto journal = store::Journal::open(machine.files(), std::string(LogMachine::kDir) + "/log",
                                            machine.options.journal, nullptr);
        EXPECT_TRUE(journal);
        return std::move(*journal);
    }
    void alter(std::uint64_t line, std::string_view what, std::string_view by) {
        const std::string path = std::string(LogMachine::kDir) + "/log/00000000000000000000.ndjson";
        std::string bytes = machine.files().content(path);
        std::size_t at = 0;
        for (std::uint64_t i = 0; i < line; ++i) at = bytes.find('\n', at) + 1;
        bytes.replace(bytes.find(what, at), what.size(), by);
        machine.files().set_content(path, bytes);
    }

    LogMachine machine;
};

TEST_F(EntryFeedTest, AnEmptyLogGivesNothing) {
    EntryFeed feed(*machine.store().log, EntryIndex(0));
    for (int i = 0; i < 2; ++i) {
        const auto entry = feed.next();
        ASSERT_TRUE(entry);
        EXPECT_EQ(*entry, nullptr);
    }
}

// 10,000 lines are more than two chunks.
TEST_F(EntryFeedTest, GivesEveryEntryFromAnyOneOn) {
    fill(10'000);
    for (const std::uint64_t from : {0u, 1u, 4'321u, 9'999u, 10'000u, 10'001u}) {
        EntryFeed feed(*machine.store().log, EntryIndex(from));
        for (std::uint64_t index = from; index <= 10'000; ++index) {
            const auto entry = feed.next();
            ASSERT_TRUE(entry && *entry) << index;
            ASSERT_EQ((*entry)->index, EntryIndex(index));
            ASSERT_EQ((*entry)->leaf, merkle::hash_leaf(as_bytes(machine.acked()[index])));
            ASSERT_EQ((*entry)->alert.has_value(), index < 10'000);
            if (index < 10'000) {
                ASSERT_EQ((*entry)->alert->seq_no, SeqNo(index + 1));
            }
        }
        EXPECT_EQ(*feed.next(), nullptr);
    }
}

TEST_F(EntryFeedTest, StartsWhereABatchBeforeStandsAndGivesWhatIsBehindIt) {
    fill(300);
    const auto& log = *machine.store().log;
    std::vector<store::LinePosition> places;
    const auto note = [&](std::uint64_t, std::string_view, store::LinePosition at) -> Result<void> {
        places.push_back(at);
        return {};
    };
    ASSERT_TRUE(log.for_each(0, note));
    EntryFeed feed(log, EntryIndex(220), BatchPlace{{}, EntryIndex(200), 20, places[200], {}});
    for (std::uint64_t index = 220; index <= 300; ++index) {
        const auto entry = feed.next();
        ASSERT_TRUE(entry && *entry != nullptr);
        EXPECT_EQ((*entry)->index.value, index);
        EXPECT_EQ((*entry)->at.offset, places[index].offset);
    }
    // A place that is another line's is not believed.
    EntryFeed misled(log, EntryIndex(220), BatchPlace{{}, EntryIndex(200), 20, places[201], {}});
    EXPECT_FALSE(misled.next());
}

TEST_F(EntryFeedTest, DamageComesAfterTheEntriesBeforeIt) {
    fill(9'000);
    alter(7'777, "\"index\":7777", "\"index\":7778");
    const auto journal = reopen();
    EntryFeed feed(*journal, EntryIndex(0));
    for (std::uint64_t index = 0; index < 7'777; ++index) ASSERT_TRUE(*feed.next());
    for (int i = 0; i < 2; ++i) {
        const auto entry = feed.next();
        ASSERT_FALSE(entry);
        EXPECT_EQ(entry.error().code, Errc::corruption);
        EXPECT_NE(entry.error().message.find("log/ line 7777"), std::string::npos);
    }
}

TEST_F(EntryFeedTest, AFileThatCannotBeReadIsAnErrorNotAnEnd) {
    fill(18'000);  // more than the feed reads before it is asked
    EntryFeed feed(*machine.store().log, EntryIndex(0));
    machine.files().fail(testing::SimCall::read, 1, Errc::io);
    Result<const FedEntry*> entry = feed.next();
    while (entry && *entry != nullptr) entry = feed.next();
    ASSERT_FALSE(entry);
    EXPECT_EQ(entry.error().code, Errc::io);
}

}  // namespace
}  // namespace anchorlog::ledger
