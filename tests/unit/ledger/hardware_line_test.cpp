#include "anchorlog/ledger/hardware_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/hardware_key.h"
#include "support/log_machine.h"

namespace anchorlog::ledger {
namespace {

using testing::hardware_key_from_seed;
using ::testing::HasSubstr;
using testing::LogMachine;

wire::HardwareKey key_of(const crypto::HardwareSigner& signer) {
    return wire::make_hardware_key(LogMachine::kOrigin, signer.public_key());
}

class HardwareLineTest : public ::testing::Test {
protected:
    void SetUp() override {
        machine.hardware = hardware_key_from_seed(7);
        ASSERT_TRUE(machine.init());
        machine.options.hardware_key = key_of(*machine.hardware);
    }

    LogMachine machine;
};

TEST_F(HardwareLineTest, TheGenesisNamesTheKeyAndBearsItsLine) {
    ASSERT_TRUE(machine.start());
    const auto lines = machine.lines(*machine.store().batches);
    ASSERT_EQ(lines.size(), 1u);
    const auto line = wire::parse_batch_line(lines[0]);
    ASSERT_TRUE(line);
    const auto header = wire::parse_header(line->header);
    ASSERT_TRUE(header);
    ASSERT_EQ(header->genesis->keys.size(), 2u);
    EXPECT_EQ(header->genesis->keys[1], wire::format_vkey(*machine.options.hardware_key));
    const auto note = wire::parse_note(line->checkpoint);
    ASSERT_TRUE(note);
    EXPECT_TRUE(wire::verify_hardware(*note, {*machine.options.hardware_key}));
    EXPECT_TRUE(wire::verify_note(*note, {*wire::parse_vkey(header->genesis->keys[0])}));
    EXPECT_EQ(*hardware_vkey(*machine.store().batches), header->genesis->keys[1]);
}

TEST_F(HardwareLineTest, SignsTheCheckpointOfABatch) {
    ASSERT_TRUE(machine.start());
    (void)machine.admit("cam-1", 1);
    ASSERT_TRUE(machine.commit());
    auto batch = machine.sequencer().seal(SealReason::count, machine.clock().now());
    ASSERT_TRUE(batch);
    const auto before = wire::parse_note(batch->checkpoint);
    ASSERT_TRUE(before);
    EXPECT_EQ(checkpoint_text(*batch), before->text);
    const auto signature = machine.hardware->sign(as_bytes(checkpoint_text(*batch)));
    add_hardware_line(*batch, *machine.options.hardware_key, *signature);
    ASSERT_TRUE(batch->line.ends_with('\n'));
    const auto line = wire::parse_batch_line(batch->line.substr(0, batch->line.size() - 1));
    ASSERT_TRUE(line);
    EXPECT_EQ(line->checkpoint, batch->checkpoint);
    EXPECT_EQ(line->header, batch->header_text);
    EXPECT_TRUE(wire::verify_hardware(*wire::parse_note(line->checkpoint),
                                      {*machine.options.hardware_key}));
}

// With the state at hand the genesis is not read for anything else.
TEST_F(HardwareLineTest, ALogKeepsTheKeyItWasMadeWith) {
    ASSERT_TRUE(machine.start());
    for (const bool with_state : {true, false}) {
        if (!with_state) machine.delete_state();
        machine.options.hardware_key.reset();
        auto refused = machine.start();
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().message, HasSubstr("hardware_key is not set"));
        machine.options.hardware_key = key_of(*hardware_key_from_seed(8));
        refused = machine.start();
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::invalid_input);
        EXPECT_THAT(refused.error().message, HasSubstr("made with the hardware key"));
        machine.options.hardware_key = key_of(*machine.hardware);
        EXPECT_TRUE(machine.start());
    }
}

TEST(HardwareLine, ALogMadeWithoutSuchAKeyGetsNone) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    EXPECT_EQ(*hardware_vkey(*machine.store().batches), "");
    machine.options.hardware_key = key_of(*hardware_key_from_seed(7));
    const auto refused = machine.start();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("made without a hardware key"));
}

TEST_F(HardwareLineTest, TheBatchSealedLastIsStillCompared) {
    ASSERT_TRUE(machine.start());
    (void)machine.admit("cam-1", 7);
    ASSERT_TRUE(machine.commit());
    ASSERT_TRUE(machine.sequencer().seal(SealReason::count, machine.clock().now()));
    const auto stored = machine.sequencer().find_open("cam-1", Epoch(0), SeqNo(7));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->index, EntryIndex(0));
    (void)machine.admit("cam-1", 8);
    ASSERT_TRUE(machine.commit());
    EXPECT_EQ(machine.sequencer().find_open("cam-1", Epoch(0), SeqNo(8))->index, EntryIndex(1));
    EXPECT_FALSE(machine.sequencer().find_open("cam-1", Epoch(0), SeqNo(6)));
}

}  // namespace
}  // namespace anchorlog::ledger
