#include "app/commit_core.h"

#include <gtest/gtest.h>

#include "app/restore_hold.h"
#include "core_machine.h"

namespace anchorlog::app {
namespace {

using testing::Fatal;
using testing::LogMachine;
using testing::numbers_from;
using testing::SimCall;

class CommitCoreTest : public testing::CoreMachine {
protected:
    // `refused`: which writes meet a full disk, the first being a seal's.
    void seal_refused_then_stop(std::initializer_list<std::uint64_t> refused) {
        machine.options.sequencer.batch.entries = 1;
        start();
        send({1});
        turn();
        write_one();
        turn();
        ASSERT_EQ(jobs.front().kind, WriteJob::Kind::seal);
        for (const std::uint64_t nth : refused) {
            machine.files().fail(SimCall::write, nth, Errc::storage_full);
        }
        write_one();
        turn();
        ASSERT_EQ(published.batches, 1u);
        inputs.emplace_back(StopInput{});
        for (int i = 0; i < 20 && !core->stopped(); ++i) {
            turn();
            if (!jobs.empty()) write_one();
        }
        EXPECT_TRUE(core->stopped());
    }
    void settle_a_second_later() {
        machine.clock().advance_ms(1'000);
        settle();
    }

    // The session asks for receipts and is welcomed.
    void ask_for_receipts() {
        net::Inbound inbound;
        inbound.session = net::SessionId(session);
        inbound.sender = "gw-01";
        inbound.frames.push_back({next_frame++, wire::Hello{{}, true, ""}});
        inputs.emplace_back(std::move(inbound));
        turn();
        inputs.emplace_back(Answer{net::SessionId(session), WelcomeAnswer{"{}", ""}});
        settle();
        said.clear();
    }
};

TEST_F(CommitCoreTest, NothingIsAckedOrPublishedBeforeTheSync) {
    send({1, 2});
    turn();
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_TRUE(said.empty());
    write_one();
    EXPECT_EQ(machine.files().calls(SimCall::sync_data), 2u);  // genesis, then this
    ASSERT_EQ(said.size(), 1u);
    EXPECT_TRUE(acked(2));
    turn();
    EXPECT_EQ(published.entries, 2u);
}

TEST_F(CommitCoreTest, NothingIsPromisedBeforeTheSync) {
    ask_for_receipts();
    send({1, 2});
    turn();
    write_one();
    EXPECT_TRUE(said.empty()) << "an ack of the sync thread's could be overtaken by the receipt";
    turn();
    ASSERT_TRUE(said.size() > 1 && said[1] == "promise" && promised[0].all.size() == 2);
    const wire::Receipt& receipt = promised[0].all[1].receipt;
    const auto lines = machine.lines(*machine.store().log);
    EXPECT_EQ(receipt.leaf, merkle::hash_leaf(as_bytes(lines.at(receipt.index.value))));
    EXPECT_EQ(receipt.received_at.ms, machine.clock().now().wall.ms);
}

TEST_F(CommitCoreTest, WhatComesAgainIsPromisedAgain) {
    ask_for_receipts();
    send({1});
    settle();
    promised.clear();
    send({1});
    turn();
    CompareAnswer same{CompareAnswer::Verdict::same, EntryIndex(0), Hash{}, WallTime{77}};
    same.leaf.bytes.fill(3);
    inputs.emplace_back(Answer{net::SessionId(session), same});
    settle();
    ASSERT_EQ(promised.size(), 1u);
    EXPECT_EQ(promised[0].all.at(0).receipt.leaf, same.leaf);
    EXPECT_EQ(promised[0].all[0].receipt.received_at.ms, 77);
}

TEST_F(CommitCoreTest, WhatCouldNotBeWrittenIsNotPromised) {
    ask_for_receipts();
    for (unsigned nth : {1u, 2u}) machine.files().fail(SimCall::allocate, nth, Errc::storage_full);
    send({1});
    turn();
    write_one();
    turn();
    EXPECT_TRUE(closed && promised.empty());
    settle_a_second_later();
    EXPECT_TRUE(promised.empty());
}

TEST_F(CommitCoreTest, WhatComesWhileAGroupIsInTheAirFormsTheNextOne) {
    send({1});
    turn();
    send({2});
    turn();
    send({3});
    turn();
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_GT(core->next_turn(now()), now());
    write_one();
    turn();
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_EQ(jobs.front().count, 2u);
}

TEST_F(CommitCoreTest, AFailedSyncNeitherAcksNorReturns) {
    send({1});
    turn();
    machine.files().fail(SimCall::sync_data, 1, Errc::io);
    EXPECT_THROW(write_one(), Fatal);
    EXPECT_TRUE(said.empty());
    EXPECT_TRUE(inputs.empty());
}

TEST_F(CommitCoreTest, ABatchIsPublishedAfterItsLineIsSyncedAndBeforeAnchorsAreWoken) {
    machine.options.sequencer.batch.entries = 2;
    start();
    send({1, 2});
    turn();
    write_one();
    turn();  // the group is durable and the batch due
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_EQ(jobs.front().kind, WriteJob::Kind::seal);
    EXPECT_EQ(published.batches, 1u);
    write_one();
    EXPECT_EQ(published.batches, 1u);
    said.clear();
    turn();
    EXPECT_EQ(published.batches, 2u);
    EXPECT_EQ(said, (std::vector<std::string>{"publish", "sealed"}));
}

TEST_F(CommitCoreTest, SyncsGroupsGapsAndSendersAreCounted) {
    machine.options.sequencer.batch.entries = 2;
    start();
    send({1, 4});
    turn();
    machine.clock().advance_ms(7);
    write_one();
    turn();
    EXPECT_EQ(published.sync_us.at_most(kDurationBoundsUs.size()), 1u);
    EXPECT_EQ(published.group_entries.sum(), 2);
    EXPECT_EQ(published.commit_us.sum(), 7'000);
    EXPECT_EQ(published.commit_us.at_most(4), 0u);
    EXPECT_EQ(published.commit_us.at_most(6), 1u) << "7 ms are under 10 ms";
    settle();
    EXPECT_EQ(published.sync_us.at_most(kDurationBoundsUs.size()), 2u) << "the seal's as well";
    EXPECT_EQ(published.sequence_gaps, 2u);
    EXPECT_EQ(published.senders, nullptr);

    machine.clock().advance_ms(1'000);
    turn();
    ASSERT_NE(published.senders, nullptr);
    EXPECT_EQ(published.senders->at("gw-01").frames, 2u);
    EXPECT_EQ(published.senders->at("gw-01").last_seen.ms, machine.clock().now().wall.ms - 1'007);
}

TEST_F(CommitCoreTest, AFullDiskRefusesTheGroupClosesAndLetsTheNextOneIn) {
    for (unsigned nth : {1u, 2u}) machine.files().fail(SimCall::allocate, nth, Errc::storage_full);
    send({1});
    turn();
    write_one();
    turn();
    EXPECT_FALSE(acked(1));
    EXPECT_TRUE(closed);
    ASSERT_FALSE(said.empty());
    EXPECT_NE(said.front().find("storage_full"), std::string::npos);
    EXPECT_GT(core->next_turn(now()), now()) << "nothing to do: it must not spin";

    machine.clock().advance_ms(1'000);
    turn();  // looks at the disk again
    session = 2;
    send({1});
    settle();
    EXPECT_TRUE(acked(1));
    EXPECT_EQ(machine.lines(*machine.store().log).size(), 1u);
}

TEST_F(CommitCoreTest, ASessionWhoseGroupWasRefusedGetsNoAckAfterIt) {
    send({1});
    settle();
    send({2});
    turn();
    send({1});  // again: to be compared with what is stored
    turn();
    ASSERT_EQ(questions.size(), 1u);
    machine.files().fail(SimCall::write, 1, Errc::storage_full);
    write_one();
    said.clear();
    turn();
    ASSERT_TRUE(closed);
    CompareAnswer same{CompareAnswer::Verdict::same, EntryIndex(0)};
    inputs.emplace_back(Answer{questions.front().session, same});
    settle();
    EXPECT_FALSE(acked(1));
}

TEST_F(CommitCoreTest, AuditsThatCannotBeWrittenDoNotMakeItSpin) {
    core->start(machine.clock().now());
    machine.files().set_capacity(machine.files().used());
    turn();
    EXPECT_TRUE(jobs.empty());
    EXPECT_GT(core->next_turn(now()), now());
    machine.files().set_capacity(std::uint64_t{1} << 40);
    settle_a_second_later();
    EXPECT_EQ(published.entries, 1u);
}

TEST_F(CommitCoreTest, NoGroupPassesItsLimitHoweverMuchOneReadBrings) {
    // Recovery writes the last group_bytes_max again after a failed sync, and no more.
    machine.options.sequencer.group_bytes_max = 4'096;
    start();
    core->start(machine.clock().now());
    send(numbers_from(1, 100));
    turn();
    std::size_t groups = 0;
    for (; !jobs.empty(); ++groups) {
        EXPECT_LE(jobs.front().lines->size(), 4'096u);
        write_one();
        turn();
    }
    EXPECT_GT(groups, 5u);
    EXPECT_TRUE(acked(100));
    EXPECT_EQ(published.entries, 101u);
}

TEST_F(CommitCoreTest, AnAuditOfARefusedGroupIsWrittenWithTheNextOne) {
    for (unsigned nth : {1u, 2u}) machine.files().fail(SimCall::allocate, nth, Errc::storage_full);
    core->start(machine.clock().now());
    turn();
    inputs.emplace_back(AuditInput{"config_change", "while the first is in the air", "", true});
    turn();
    write_one();
    turn();
    EXPECT_EQ(published.entries, 0u);
    EXPECT_GT(core->next_turn(now()), now()) << "it must not try again and again";
    settle_a_second_later();
    const auto lines = machine.lines(*machine.store().log);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_NE(lines[0].find("\"event\":\"start\""), std::string::npos);
    EXPECT_NE(lines[1].find("config_change"), std::string::npos);
}

TEST_F(CommitCoreTest, StopWorksOffWhatCameBeforeAndSealsIt) {
    send({1});
    inputs.emplace_back(StopInput{});
    for (int i = 0; i < 10 && !core->stopped(); ++i) {
        turn();
        if (!jobs.empty()) write_one();
    }
    EXPECT_TRUE(core->stopped());
    EXPECT_TRUE(acked(1));
    EXPECT_EQ(published.batches, 2u);
    EXPECT_EQ(published.entries, 2u);  // and the `stop` audit
    EXPECT_EQ(published.open_entries, 0u);
}

TEST_F(CommitCoreTest, ASealThatADiskStayingFullPutsOffDoesNotMakeItSpin) {
    machine.options.sequencer.batch.entries = 1;
    start();
    send({1});
    turn();
    write_one();
    turn();
    ASSERT_EQ(jobs.front().kind, WriteJob::Kind::seal);
    machine.files().fail(SimCall::write, 1, Errc::storage_full);
    machine.files().set_capacity(machine.files().used());
    write_one();
    turn();
    machine.clock().advance_ms(5'000);
    turn();
    EXPECT_GT(core->next_turn(now()), now());
    EXPECT_EQ(published.open_entries, 1u) << "its seal is not on disk";
    machine.files().set_capacity(std::uint64_t{1} << 40);
    settle_a_second_later();
    EXPECT_EQ(published.batches, 2u);
}

TEST_F(CommitCoreTest, StopTriesASealOnceMoreThatAFullDiskPutOff) {
    seal_refused_then_stop({1});
    EXPECT_EQ(published.batches, 3u);  // and the one of the `stop` audit
}

TEST_F(CommitCoreTest, StopDoesNotWaitForADiskThatStaysFull) {
    seal_refused_then_stop({1, 3});  // the second write is of the `stop` audit
    EXPECT_EQ(published.entries, 2u);
    EXPECT_EQ(published.batches, 1u);
}

TEST_F(CommitCoreTest, AForkStopsAdmittingAndSealing) {
    machine.options.sequencer.batch.entries = 1;
    start();
    inputs.emplace_back(ForkInput{"the chain knows more"});
    send({1});
    settle();
    EXPECT_FALSE(acked(1));
    ASSERT_TRUE(published.gate.has_value());
    EXPECT_EQ(published.gate->code, wire::RejectCode::forked);
    EXPECT_EQ(published.batches, 1u);
    EXPECT_EQ(published.entries, 1u);  // the audit
}

TEST_F(CommitCoreTest, ARestoredStoreTakesAndSealsNothingUntilTheChainAgrees) {
    machine.options.sequencer.batch.entries = 1;
    ASSERT_TRUE(machine.start());
    ASSERT_TRUE(write_hold(machine.files(), LogMachine::kDir, {1, 0, {1'000}, {2'000}}));
    hold = "restored";
    open();
    send({1});
    settle();
    EXPECT_FALSE(acked(1));
    ASSERT_TRUE(published.gate.has_value());
    EXPECT_EQ(published.gate->state, "restored");
    EXPECT_EQ(published.batches, 1u);
    chain_agrees = true;
    settle_a_second_later();
    EXPECT_FALSE(published.gate.has_value());
    EXPECT_FALSE(read_hold(machine.files(), LogMachine::kDir)->has_value());
    session = 2;
    next_frame = 0;
    send({1});
    settle();
    EXPECT_TRUE(acked(1));
    EXPECT_EQ(published.batches, 2u);
}

TEST_F(CommitCoreTest, AMarkThatCannotBeRemovedKeepsTheStoreHeld) {
    ASSERT_TRUE(write_hold(machine.files(), LogMachine::kDir, {1, 0, {1'000}, {2'000}}));
    hold = "restored";
    open();
    chain_agrees = true;
    machine.files().fail(SimCall::remove, 1, Errc::io);
    turn();
    EXPECT_TRUE(core->published().gate.has_value());
    machine.clock().advance_ms(1'000);
    turn();
    EXPECT_FALSE(core->published().gate.has_value());
}

TEST_F(CommitCoreTest, AForkIsNotClearedByAChainThatAgrees) {
    hold = "restored";
    open();
    chain_agrees = true;
    inputs.emplace_back(ForkInput{"a sender knows more"});
    settle();
    EXPECT_TRUE(published.gate->detail == "a sender knows more" && published.batches == 1u);
}

}  // namespace
}  // namespace anchorlog::app
