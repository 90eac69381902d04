#include "anchor/anchor_engine.h"

#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

using anchor::SendClass;

TEST(AnchorEngine, AnchorsTheNewestBatch) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    EXPECT_EQ(rig.state(), "final");
    rig.batches.seal_to(1);
    ASSERT_TRUE(rig.run_until_covered(1));
    rig.expect_events({0, 1});
    const auto attempts = rig.lines_of<wire::AnchorAttempt>();
    const auto receipts = rig.lines_of<wire::AnchorReceipt>();
    ASSERT_EQ(attempts.size(), 2u);
    ASSERT_EQ(receipts.size(), 2u);
    EXPECT_EQ(receipts[1].hash, attempts[1].hash);
    EXPECT_EQ(receipts[1].from_batch.value, 1u);
    EXPECT_EQ(rig.chain.sends(), 2u);
    EXPECT_EQ(rig.chain.sent()[1], attempts[1].raw);
    const auto event = anchor::check_receipt(receipts[1], rig.batches.log_id());
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(eth::record_of_event(*event), anchor::to_record(rig.batches.make(1)));
}

TEST(AnchorEngine, AnOutageIsHealedByOneTransaction) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.chain.on_call = [](std::string_view) {
        return Error{Errc::unavailable, "no route"};
    };
    for (std::uint64_t batch = 1; batch <= 500; ++batch) {
        rig.batches.seal_to(batch);
        rig.run_for(1'000);
    }
    EXPECT_EQ(rig.state(), "stalled");
    EXPECT_NE(rig.reason().find("no route"), std::string::npos);
    rig.chain.on_call = nullptr;
    ASSERT_TRUE(rig.run_until_covered(500));
    rig.expect_events({0, 500});
    EXPECT_EQ(rig.lines_of<wire::AnchorReceipt>().back().from_batch.value, 1u);
    EXPECT_EQ(rig.chain.sends(), 2u);
}

TEST(AnchorEngine, BacksOffWhileNobodyAnswers) {
    Rig rig;
    std::uint64_t calls = 0;
    rig.chain.on_call = [&](std::string_view) {
        ++calls;
        return std::optional(Error{Errc::unavailable, "down"});
    };
    rig.target.profile = "l1";
    rig.start();
    rig.run_for(3'600'000);
    EXPECT_GE(calls, 55u);
    EXPECT_LE(calls, 100u);
}

TEST(AnchorEngine, KeepsTheInterval) {
    Rig rig;
    rig.target.interval_s = 3'600;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    for (std::uint64_t batch = 1; batch <= 60; ++batch) {
        rig.batches.seal_to(batch);
        rig.run_for(60'000);
    }
    rig.run_for(10'000);
    rig.expect_events({0, 60});
    // A restart does not shorten it.
    rig.batches.seal_to(61);
    rig.crash(1);
    rig.run_for(60'000);
    rig.expect_events({0, 60});
    rig.run_for(3'600'000);
    rig.expect_events({0, 60, 61});
}

TEST(AnchorEngine, ALostAnswerGivesNoSecondEvent) {
    Rig rig;
    rig.chain.answers_to_lose = 1;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.expect_events({0});
    EXPECT_EQ(rig.chain.sends(), 1u);
    EXPECT_EQ(rig.lines_of<wire::AnchorAttempt>().size(), 1u);
}

TEST(AnchorEngine, ResendsTheSameBytes) {
    Rig rig;
    rig.chain.mines_at_once = false;
    rig.start();
    rig.run_for(4'000);
    EXPECT_EQ(rig.state(), "pooled");
    rig.chain.drop_pool();
    rig.run_for(4'000);
    rig.chain.mine();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.expect_events({0});
    EXPECT_EQ(rig.lines_of<wire::AnchorAttempt>().size(), 1u);
    ASSERT_GE(rig.chain.sends(), 2u);
    EXPECT_EQ(rig.chain.sent()[0], rig.chain.sent()[1]);
}

TEST(AnchorEngine, BumpsBothFeesAndKeepsTheNonce) {
    Rig rig;
    rig.chain.mines_at_once = false;
    rig.start();
    rig.run_for(12'000);
    const auto attempts = rig.lines_of<wire::AnchorAttempt>();
    ASSERT_EQ(attempts.size(), 2u);
    EXPECT_EQ(attempts[0].nonce, attempts[1].nonce);
    EXPECT_GE(attempts[1].max_fee * 1'000, attempts[0].max_fee * 1'125);
    EXPECT_GE(attempts[1].priority_fee * 1'000, attempts[0].priority_fee * 1'125);
    EXPECT_EQ(rig.chain.pool_size(), 1u);
    rig.chain.mine();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.expect_events({0});
}

TEST(AnchorEngine, AFeeAtTheCapIsSentAgainAndTold) {
    Rig rig;
    rig.chain.mines_at_once = false;
    rig.target.max_fee_cap_wei = 3'100'000'000;
    rig.start();
    rig.run_for(30'000);
    EXPECT_EQ(rig.lines_of<wire::AnchorAttempt>().size(), 1u);
    EXPECT_NE(rig.reason().find("max_fee_cap_wei"), std::string::npos);
    rig.chain.mine();
    ASSERT_TRUE(rig.run_until_covered(0));
    EXPECT_EQ(rig.reason(), "");
}

TEST(AnchorEngine, AnEarlierAttemptMayBeTheMinedOne) {
    Rig rig;
    rig.chain.mines_at_once = false;
    rig.start();
    rig.run_for(12'000);
    ASSERT_EQ(rig.lines_of<wire::AnchorAttempt>().size(), 2u);
    rig.chain.drop_pool();
    ASSERT_EQ(rig.chain.send_raw(rig.lines_of<wire::AnchorAttempt>()[0].raw)->kind,
              SendClass::accepted);
    rig.chain.mine();
    ASSERT_TRUE(rig.run_until_covered(0));
    EXPECT_EQ(rig.lines_of<wire::AnchorReceipt>()[0].hash,
              rig.lines_of<wire::AnchorAttempt>()[0].hash);
    rig.expect_events({0});
}

TEST(AnchorEngine, WaitsForTheDepthOfTheProfile) {
    Rig rig;
    rig.target.profile = "custom";
    rig.target.confirmations = 5;
    rig.start();
    rig.run_for(20'000);
    EXPECT_EQ(rig.state(), "mined");
    rig.chain.mine(3);
    rig.run_for(20'000);
    EXPECT_EQ(rig.state(), "mined");
    rig.chain.mine(1);
    ASSERT_TRUE(rig.run_until_covered(0));
}

TEST(AnchorEngine, WaitsForTheFinalizedTag) {
    Rig rig;
    rig.target.profile = "l1";
    rig.start();
    rig.run_for(60'000);
    EXPECT_EQ(rig.state(), "mined");
    rig.chain.finalized = 0;
    rig.run_for(60'000);
    EXPECT_EQ(rig.state(), "mined");
    rig.chain.finalized = 1;
    ASSERT_TRUE(rig.run_until_covered(0));
    EXPECT_EQ(rig.state(), "final");
}

TEST(AnchorEngine, FinalCanComeLaterThanConfirmed) {
    Rig rig;
    rig.target.profile = "anvil";
    rig.start();
    rig.run_for(1'000);
    rig.chain.mine(2);
    ASSERT_TRUE(rig.run_until_covered(0));
    EXPECT_EQ(rig.state(), "confirmed");
    rig.chain.finalized = 1;
    rig.run_for(5'000);
    EXPECT_EQ(rig.state(), "final");
}

TEST(AnchorEngine, AForgedReceiptIsNeverConfirmed) {
    Rig rig;
    rig.chain.forges_receipts = true;
    rig.start();
    rig.run_for(60'000);
    EXPECT_EQ(rig.engine->status().covered_to, std::nullopt);
    EXPECT_EQ(rig.state(), "stalled");
    EXPECT_TRUE(rig.lines_of<wire::AnchorReceipt>().empty());
    rig.chain.forges_receipts = false;
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.expect_events({0});
}

TEST(AnchorEngine, EveryRefusalIsRetriedWithoutASecondEvent) {
    for (const SendClass kind :
         {SendClass::nonce_low, SendClass::nonce_high, SendClass::underpriced, SendClass::funds,
          SendClass::fee_cap, SendClass::gas, SendClass::wrong_chain, SendClass::reverted,
          SendClass::rate_limited, SendClass::busy, SendClass::unknown}) {
        Rig rig;
        rig.chain.scripted_answer = anchor::SendAnswer{kind, "no"};
        rig.start();
        rig.run_for(5'000);
        EXPECT_EQ(rig.engine->status().covered_to, std::nullopt);
        rig.chain.scripted_answer.reset();
        ASSERT_TRUE(rig.run_until_covered(0)) << static_cast<int>(kind);
        rig.expect_events({0});
    }
}

TEST(AnchorEngine, AForeignTransactionTakesTheNonce) {
    Rig rig;
    rig.chain.mines_at_once = false;
    rig.start();
    rig.run_for(1'000);
    rig.chain.drop_pool();
    rig.chain.mines_at_once = true;
    eth::Transaction transfer;
    transfer.chain_id = SimChain::kChainId;
    transfer.nonce = 1;
    transfer.max_fee = 10'000'000'000;
    transfer.gas = 21'000;
    transfer.to = rig.key().address();
    ASSERT_EQ(rig.chain.send_raw(eth::sign_transaction(transfer, rig.key())->raw)->kind,
              SendClass::accepted);
    ASSERT_TRUE(rig.run_until_covered(0));
    EXPECT_EQ(rig.lines_of<wire::AnchorAttempt>().back().nonce, 2u);
    rig.expect_events({0});
}

TEST(AnchorEngine, StorageFullHoldsBackAndHeals) {
    Rig rig;
    rig.start();
    for (std::uint64_t nth = 1; nth <= 3; ++nth) {
        rig.fs.fail(SimCall::allocate, nth, Errc::storage_full);
        rig.fs.fail(SimCall::write, nth, Errc::storage_full);
    }
    rig.run_for(300);
    EXPECT_EQ(rig.chain.sends(), 0u);
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.expect_events({0});
}

TEST(AnchorEngine, NothingIsSentThatCouldNotBeSynced) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.batches.seal_to(1);
    rig.fs.fail(SimCall::sync_data, 1, Errc::io);
    rig.run_for(60'000);
    EXPECT_TRUE(rig.engine->has_failed());
    EXPECT_EQ(rig.chain.sends(), 1u);
}

}  // namespace
}  // namespace anchorlog::testing
