#include "anchorlog/ledger/recovery.h"

#include <gtest/gtest.h>

#include "support/log_machine.h"

namespace anchorlog::ledger {
namespace {

using testing::LogMachine;

// A run of commits and seals; stops at the first error, which a crash makes.
void work(LogMachine& machine, std::uint64_t& next_seq, int groups) {
    for (int group = 0; group < groups; ++group) {
        const std::uint64_t first = next_seq;
        for (std::uint64_t i = 0; i < 7; ++i) {
            machine.admit("cam-1", first + i);
            machine.admit("cam-2", first + i);
        }
        next_seq = first + 7;
        machine.clock().advance_ms(100);
        if (!machine.commit()) return;
        if (group % 2 == 1 && !machine.seal()) return;
    }
}

// The promise: what was acked is there once, in order, and nothing but a tail is new.
void expect_acked(LogMachine& machine) {
    const auto lines = machine.lines(*machine.store().log);
    ASSERT_GE(lines.size(), machine.acked().size());
    for (std::size_t i = 0; i < machine.acked().size(); ++i) {
        ASSERT_EQ(lines[i], machine.acked()[i]) << "entry " << i;
    }
}

TEST(Recovery, AnEmptyDirectoryIsNoLog) {
    LogMachine machine;
    EXPECT_EQ(machine.start().error().code, Errc::corruption);
}

TEST(Recovery, GenesisIsWrittenOnceAndNeverOver) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    EXPECT_EQ(machine.init().error().code, Errc::refused);
    ASSERT_TRUE(machine.start());
    EXPECT_EQ(machine.sequencer().next_batch(), BatchId(1));
    EXPECT_EQ(machine.sequencer().durable_entries(), EntryIndex(0));
}

TEST(Recovery, AnotherOriginOrKeyIsRefusedInPlainWords) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    machine.options.sequencer.origin = "anchorlog.test/other";
    const auto started = machine.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("anchorlog.test/gw"), std::string::npos);
}

TEST(Recovery, GoesOnExactlyWhereItStopped) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    std::uint64_t seq = 1;
    work(machine, seq, 5);
    const Hash root = machine.sequencer().history().root();
    machine.files().kill();
    ASSERT_TRUE(machine.start());
    expect_acked(machine);
    EXPECT_EQ(machine.sequencer().history().root(), root);
    EXPECT_EQ(machine.sequencer().open_batch().alerts, 14u);
    EXPECT_TRUE(machine.sequencer().open_batch().recovered);
    EXPECT_EQ(machine.admit("cam-1", seq - 1).kind, Admission::Kind::seen);
    EXPECT_EQ(machine.admit("cam-1", seq).kind, Admission::Kind::admitted);
}

TEST(Recovery, RebuildsADeletedState) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    std::uint64_t seq = 1;
    work(machine, seq, 20);
    const auto before = machine.store().state->batch_of("cam-2", Epoch(0), SeqNo(20));
    ASSERT_TRUE(before && *before);
    machine.files().kill();
    machine.delete_state();
    ASSERT_TRUE(machine.start());
    EXPECT_EQ(machine.store().batches_replayed, 11u);
    const auto after = machine.store().state->batch_of("cam-2", Epoch(0), SeqNo(20));
    ASSERT_TRUE(after && *after);
    EXPECT_EQ((*after)->batch_id, (*before)->batch_id);
    EXPECT_EQ((*after)->log_at.offset, (*before)->log_at.offset);
    EXPECT_EQ(machine.admit("cam-2", 20).kind, Admission::Kind::seen);
}

TEST(Recovery, EveryCrashPointKeepsWhatWasAcked) {
    std::uint64_t changes = 0;
    {
        LogMachine machine;
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        const std::uint64_t before = machine.files().changes();
        std::uint64_t seq = 1;
        work(machine, seq, 12);
        changes = machine.files().changes() - before;
    }
    ASSERT_GT(changes, 20u);
    for (std::uint64_t call = 1; call <= changes; ++call) {
        LogMachine machine;
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        std::uint64_t seq = 1;
        machine.files().die_at(call);
        work(machine, seq, 12);
        machine.crash(call);
        const auto started = machine.start();
        ASSERT_TRUE(started) << "call " << call << ": " << started.error().message;
        expect_acked(machine);
        ASSERT_EQ(machine.sequencer().next_batch().value,
                  machine.lines(*machine.store().batches).size());
    }
}

// A line whose sync failed is read back from the page cache as if it were durable. A state that
// took it before it was synced would stay ahead of the journals for good.
TEST(Recovery, TheStateNeverKnowsABatchThatPowerCanStillTake) {
    LogMachine machine;
    machine.options.run_entries = 1;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    machine.admit("cam-1", 1);
    ASSERT_TRUE(machine.commit());
    machine.files().fail(testing::SimCall::sync_data, 1, Errc::io);
    ASSERT_FALSE(machine.seal());
    machine.files().kill();
    machine.files().fail(testing::SimCall::sync_all, 1, Errc::io);
    ASSERT_FALSE(machine.start());
    EXPECT_EQ(machine.state_through().batches, 0u);
    machine.crash(1);

    const auto started = machine.start();
    ASSERT_TRUE(started) << started.error().message;
    expect_acked(machine);
    EXPECT_EQ(machine.store().batches->lines(), 1u) << "the line was never durable";
    ASSERT_TRUE(machine.seal());
    ASSERT_TRUE(machine.start());
    EXPECT_EQ(machine.state_through().batches, 2u) << "synced, and thus for the state";
}

TEST(Recovery, AnAlteredSealedEntryIsDamage) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    std::uint64_t seq = 1;
    work(machine, seq, 2);
    machine.files().kill();
    machine.delete_state();
    const std::string path = std::string(LogMachine::kDir) + "/log/00000000000000000000.ndjson";
    std::string bytes = machine.files().content(path);
    bytes[bytes.find("0.97") + 3] = '8';
    machine.files().set_content(path, bytes);
    const auto started = machine.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("merkle_root"), std::string::npos);
}

// Batch `batch`'s line with another signature in place of its seal.
void forge_seal(LogMachine& machine, std::uint64_t batch) {
    const std::string path = std::string(LogMachine::kDir) + "/batches/00000000000000000000.ndjson";
    std::string bytes = machine.files().content(path);
    std::size_t at = 0;
    for (std::uint64_t line = 0; line < batch; ++line) at = bytes.find('\n', at) + 1;
    at = bytes.find("\"seal\":\"", at) + 8;
    bytes[at] = bytes[at] == 'A' ? 'B' : 'A';
    machine.files().set_content(path, bytes);
}

TEST(Recovery, AForgedSealIsDamageWhereverItIsAndItsBatchNeverReachesTheState) {
    for (const std::uint64_t batch : {1u, 5u, 70u, 100u}) {
        LogMachine machine;
        ASSERT_TRUE(machine.init());
        machine.options.journal.segment_bytes = 4u << 20;
        ASSERT_TRUE(machine.start());
        std::uint64_t seq = 1;
        work(machine, seq, 202);
        machine.files().kill();
        machine.delete_state();
        forge_seal(machine, batch);
        const auto started = machine.start();
        ASSERT_FALSE(started);
        EXPECT_NE(started.error().message.find("batches/ line " + std::to_string(batch) +
                                               ": the seal is not the log key's signature"),
                  std::string::npos)
            << started.error().message;
        EXPECT_LE(machine.state_through().batches, batch);
    }
}

TEST(Recovery, EntriesInManyChunksAndSegmentsComeBackInOrder) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    machine.options.journal.segment_bytes = 300 * 1024;
    machine.options.run_entries = 100'000;
    ASSERT_TRUE(machine.start());
    std::uint64_t seq = 1;
    // About 6 MiB in entries, the last 30 groups not sealed.
    for (int group = 0; group < 130; ++group) {
        for (int i = 0; i < 100; ++i) machine.admit("cam-1", seq++);
        ASSERT_TRUE(machine.commit());
        machine.clock().advance_ms(100);
        if (group < 100 && group % 7 == 6) {
            ASSERT_TRUE(machine.seal());
        }
    }
    const Hash root = machine.sequencer().history().root();
    const std::uint64_t sealed = machine.sequencer().open_first_index().value;
    machine.files().kill();
    ASSERT_TRUE(machine.start());
    expect_acked(machine);
    EXPECT_EQ(machine.store().entries_replayed, 13'000u);
    EXPECT_EQ(machine.sequencer().history().root(), root);
    EXPECT_EQ(machine.sequencer().open_first_index().value, sealed);
    EXPECT_EQ(machine.sequencer().open_batch().alerts, 13'000u - sealed);
    for (const std::uint64_t index : {std::uint64_t{sealed}, std::uint64_t{12'999}}) {
        const auto stored = machine.sequencer().find_open("cam-1", Epoch(0), SeqNo(index + 1));
        ASSERT_TRUE(stored);
        EXPECT_EQ(stored->index, EntryIndex(index));
        const auto line = machine.store().log->read_lines(stored->at, 1);
        ASSERT_TRUE(line);
        EXPECT_EQ(line->front(), machine.acked()[index]);
    }
}

TEST(Recovery, ALogShorterThanItsSealsIsDamage) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    std::uint64_t seq = 1;
    work(machine, seq, 2);
    machine.files().kill();
    machine.delete_state();
    const std::string path = std::string(LogMachine::kDir) + "/log/00000000000000000000.ndjson";
    std::string bytes = machine.files().content(path);
    bytes.resize(bytes.find('\n', 4'000) + 1);
    machine.files().set_content(path, bytes);
    EXPECT_EQ(machine.start().error().code, Errc::corruption);
}

TEST(Recovery, ATornTailIsKeptAndCut) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    std::uint64_t seq = 1;
    work(machine, seq, 1);
    const auto at = machine.store().log->next_position();
    ASSERT_TRUE(at);
    machine.files().kill();
    const std::string path = std::string(LogMachine::kDir) + "/log/00000000000000000000.ndjson";
    std::string bytes = machine.files().content(path);
    const std::string torn = "{\"alert\":{\"alert_ty";
    bytes.replace(at->offset, torn.size(), torn);
    machine.files().set_content(path, bytes);
    ASSERT_TRUE(machine.start());
    ASSERT_TRUE(machine.store().tail_cut);
    EXPECT_EQ(machine.store().tail_cut->bytes, torn.size());
    EXPECT_FALSE(machine.store().tail_cut->complete_lines);
    EXPECT_EQ(machine.files().content(machine.store().tail_cut->kept_at), torn);
    expect_acked(machine);
    machine.files().kill();
    ASSERT_TRUE(machine.start());
    EXPECT_FALSE(machine.store().tail_cut);
}

TEST(Recovery, AWholeInvalidLineInBatchesIsDamageNotATornWrite) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    std::uint64_t seq = 1;
    work(machine, seq, 6);
    machine.files().kill();
    machine.delete_state();
    const std::string path = std::string(LogMachine::kDir) + "/batches/00000000000000000000.ndjson";
    std::string bytes = machine.files().content(path);
    bytes[bytes.find("\"header\"", bytes.find('\n')) + 1] = 'H';
    machine.files().set_content(path, bytes);
    const auto started = machine.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("batches/"), std::string::npos);
}

}  // namespace
}  // namespace anchorlog::ledger
