#include "anchorlog/ledger/control_batch.h"

#include <gtest/gtest.h>

#include "support/log_machine.h"

namespace anchorlog::ledger {
namespace {

using testing::LogMachine;

class ControlBatch : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        machine.admit("cam-1", 1);
        ASSERT_TRUE(machine.commit());
    }
    [[nodiscard]] Result<SealedBatch> key_change(const HistoryEnd& end) const {
        return make_key_change(LogMachine::kOrigin, *before, *after, "planned", end,
                               WallTime{1'000});
    }

    LogMachine machine;
    const std::unique_ptr<crypto::Signer> before = crypto::signer_from_seed({1, 2, 3});
    const std::unique_ptr<crypto::Signer> after = crypto::signer_from_seed({4, 5, 6});
};

TEST_F(ControlBatch, GoesBehindSealedEntriesOnly) {
    const auto open = sealed_end(machine.store());
    ASSERT_FALSE(open);
    EXPECT_EQ(open.error().code, Errc::refused);
    ASSERT_TRUE(machine.seal());
    const auto end = sealed_end(machine.store());
    ASSERT_TRUE(end);
    EXPECT_EQ(end->next_batch, BatchId(2));
    EXPECT_EQ(end->next_index, EntryIndex(1));
}

TEST_F(ControlBatch, OfAKeyChangeIsSignedByBothAndSealedByTheOld) {
    ASSERT_TRUE(machine.seal());
    const auto end = sealed_end(machine.store());
    ASSERT_TRUE(end);
    const auto batch = key_change(*end);
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_EQ(batch->line, key_change(*end)->line);
    const auto line =
        wire::parse_batch_line(std::string_view(batch->line).substr(0, batch->line.size() - 1));
    ASSERT_TRUE(line);
    const auto header = wire::parse_header(line->header);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->first_index, EntryIndex(1));
    EXPECT_EQ(header->prev_root, end->history.root());
    const auto note = wire::parse_note(line->checkpoint);
    ASSERT_TRUE(note);
    for (const auto* signer : {before.get(), after.get()}) {
        const auto key = wire::make_verifier_key(LogMachine::kOrigin, signer->public_key());
        EXPECT_TRUE(wire::verify_note(*note, {key}));
    }
    merkle::CompactRange history = end->history;
    history.append(merkle::hash_leaf(as_bytes(line->header)));
    EXPECT_EQ(wire::parse_checkpoint(note->text)->root, history.root());
    EXPECT_TRUE(
        crypto::verify(before->public_key(),
                       wire::seal_payload(wire::log_id_of(LogMachine::kOrigin), BatchId(2),
                                          merkle::empty_root(), history.root(), WallTime{1'000}),
                       line->seal));
}

TEST_F(ControlBatch, IsALineOfTheStore) {
    ASSERT_TRUE(machine.seal());
    const auto batch = key_change(*sealed_end(machine.store()));
    ASSERT_TRUE(batch);
    ASSERT_TRUE(append_batch(machine.store(), *batch));
    const auto lines = machine.lines(*machine.store().batches);
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines.back() + "\n", batch->line);
}

}  // namespace
}  // namespace anchorlog::ledger
