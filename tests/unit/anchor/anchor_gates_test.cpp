#include "anchor/anchor_engine.h"
#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

// Held back with a reason that names everything, and going on by itself once it is mended.
void expect_held(Rig& rig, const std::vector<std::string>& words) {
    rig.run_for(20'000);
    EXPECT_EQ(rig.state(), "stalled");
    for (const std::string& word : words) {
        EXPECT_NE(rig.reason().find(word), std::string::npos) << rig.reason();
    }
    EXPECT_EQ(rig.chain.sends(), 0u);
    EXPECT_TRUE(rig.lines().empty());
}

TEST(AnchorGates, ChainId) {
    Rig rig;
    rig.chain.chain_id_answer = 5;
    rig.start();
    expect_held(rig, {"sim://chain", "chain id 1337 expected, found 5"});
    rig.chain.chain_id_answer.reset();
    EXPECT_TRUE(rig.run_until_covered(0));
}

TEST(AnchorGates, SpendingLimitHoldsUntilTheDayIsOver) {
    Rig rig;
    rig.target.spend_max_wei_per_day = 2 * 100'000 * 10'000'000'000ull;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    std::uint64_t newest = 0;
    while (rig.state() != "stalled" && newest < 100) {
        rig.batches.seal_to(++newest);
        rig.run_for(2'000);
    }
    ASSERT_EQ(rig.state(), "stalled") << newest;
    EXPECT_NE(rig.reason().find("spend_max_gwei_per_day"), std::string::npos) << rig.reason();
    const std::size_t sends = rig.chain.sends();
    rig.crash(1);
    rig.run_for(60'000);
    EXPECT_EQ(rig.chain.sends(), sends) << "a restart does not open the purse";
    rig.clock.advance_ms(86'400'000);
    EXPECT_TRUE(rig.run_until_covered(newest));
}

TEST(AnchorGates, SaysWhenTheBalanceRunsLow) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    ASSERT_TRUE(rig.engine->status().anchors_in_purse.has_value());
    EXPECT_GT(*rig.engine->status().anchors_in_purse, anchor::kAnchorsInPurseLow);
    // 80,000 gas at 3 gwei for each: an alarm below 100, and nothing is held back from 2 on.
    const auto with_purse = [](std::uint64_t anchors) {
        Rig poor;
        poor.chain.set_balance(poor.key().address(),
                               std::to_string(anchors * 80'000 * 3'000'000'000));
        poor.start();
        poor.run_for(10'000);
        return std::pair(*poor.engine->status().anchors_in_purse, poor.state());
    };
    using Seen = std::pair<std::uint64_t, std::string>;
    EXPECT_EQ(with_purse(100), Seen(100, "final"));
    EXPECT_EQ(with_purse(99), Seen(99, "final"));
    EXPECT_EQ(with_purse(2), Seen(2, "final"));
    EXPECT_EQ(with_purse(1), Seen(1, "stalled"));
}

TEST(AnchorGates, CodeHash) {
    Rig rig;
    rig.chain.code_hash_answer = Hash{};
    rig.start();
    expect_held(rig, {"sim://chain", to_hex(eth::log_anchor_code_hash()), to_hex(Hash{})});
    rig.chain.code_hash_answer.reset();
    EXPECT_TRUE(rig.run_until_covered(0));
}

TEST(AnchorGates, ContractMissing) {
    Rig rig;
    rig.chain.wipe();
    rig.start();
    expect_held(rig, {"sim://chain", "no contract", eth::format_address(rig.chain.contract())});
}

TEST(AnchorGates, Submitter) {
    Rig rig;
    rig.chain.create_log(rig.batches.log_id(), eth::Address{1});
    rig.start();
    expect_held(rig, {"submitter", eth::format_address(rig.key().address())});
    rig.chain.create_log(rig.batches.log_id(), rig.key().address());
    EXPECT_TRUE(rig.run_until_covered(0));
}

TEST(AnchorGates, Balance) {
    Rig rig;
    rig.chain.add_account(rig.key(), "1000");
    rig.start();
    expect_held(rig, {"wei expected, found 1000"});
    rig.chain.add_account(rig.key(), "99999999999999999999999999");
    EXPECT_TRUE(rig.run_until_covered(0));
}

TEST(AnchorGates, Frozen) {
    Rig rig;
    rig.chain.freeze(rig.batches.log_id());
    rig.start();
    expect_held(rig, {"frozen"});
}

TEST(AnchorGates, AWipedChainStallsAndNeverStartsAnew) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.chain.wipe();
    rig.batches.seal_to(1);
    rig.run_for(30'000);
    EXPECT_EQ(rig.state(), "stalled");
    EXPECT_NE(rig.reason().find("genesis block"), std::string::npos) << rig.reason();
    EXPECT_EQ(rig.chain.sends(), 1u);
    // After a restart the genesis is not known any more; the missing contract tells.
    rig.crash(3);
    rig.run_for(30'000);
    EXPECT_NE(rig.reason().find("no contract"), std::string::npos) << rig.reason();
    EXPECT_EQ(rig.chain.sends(), 1u);
    EXPECT_TRUE(rig.forks.empty());
    EXPECT_FALSE(rig.engine->status().nothing_newer);
}

// What a store that was put back waits for.
TEST(AnchorGates, SaysThatTheChainHoldsNothingNewer) {
    Rig rig;
    rig.chain.chain_id_answer = 5;
    rig.start();
    rig.run_for(10'000);
    EXPECT_FALSE(rig.engine->status().nothing_newer);  // another chain says nothing
    rig.chain.chain_id_answer.reset();
    ASSERT_TRUE(rig.run_until_covered(0));
    EXPECT_TRUE(rig.engine->status().nothing_newer);
}

// The worst of it: a contract of the same code, address and submitter stands there again.
TEST(AnchorGates, AChainMadeAnewWithTheSameContractIsNoPlaceToBeginAgain) {
    Rig rig;
    rig.target.genesis_hash = *rig.chain.genesis_hash();
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.chain.wipe();
    rig.chain.code_hash_answer = eth::log_anchor_code_hash();
    rig.chain.add_account(rig.key(), "1000000000000000000");
    rig.chain.create_log(rig.batches.log_id(), rig.key().address());
    rig.batches.seal_to(1);
    rig.crash(3);
    rig.run_for(60'000);
    EXPECT_EQ(rig.state(), "stalled");
    EXPECT_NE(rig.reason().find("sim://chain: genesis block 0x"), std::string::npos)
        << rig.reason();
    EXPECT_EQ(rig.chain.sends(), 1u);
    rig.expect_events({});
    EXPECT_EQ(rig.engine->status().covered_to, BatchId(0)) << "the old proof stays on record";
}

TEST(AnchorGates, AStoreThatCannotBeReadIsNoFork) {
    Rig rig;
    rig.start();
    rig.batches.seal_to(3);
    ASSERT_TRUE(rig.run_until_covered(3));
    rig.batches.unreadable = true;
    rig.run_for(60'000);
    EXPECT_TRUE(rig.forks.empty());
    EXPECT_EQ(rig.state(), "stalled");
    rig.batches.unreadable = false;
    rig.batches.seal_to(4);
    EXPECT_TRUE(rig.run_until_covered(4));
}

TEST(AnchorConflict, EndsThatBatchOnly) {
    Rig rig;
    auto foreign = rig.batches.make(0, "thief");
    foreign.sig_r.bytes[0] ^= 1;  // whoever stole the account does not hold the log's key
    rig.anchor_foreign(foreign);
    rig.start();
    rig.run_for(10'000);
    EXPECT_EQ(rig.state(), "conflict");
    EXPECT_NE(rig.reason().find("without our seal"), std::string::npos) << rig.reason();
    EXPECT_TRUE(rig.forks.empty());
    rig.batches.seal_to(1);
    ASSERT_TRUE(rig.run_until_covered(1));
    rig.expect_events({0, 1});
    EXPECT_EQ(rig.lines_of<wire::AnchorAttempt>().size(), 1u);
}

TEST(AnchorConflict, UnderOurOwnSealIsAFork) {
    Rig rig;
    rig.batches.seal_to(3);
    rig.anchor_foreign(rig.batches.make(3, "restored"));
    rig.start();
    rig.run_for(10'000);
    EXPECT_EQ(rig.state(), "stalled");
    ASSERT_EQ(rig.forks.size(), 1u);
    EXPECT_NE(rig.forks[0].find("another record of batch 3"), std::string::npos);
    rig.batches.seal_to(4);
    rig.run_for(600'000);
    rig.expect_events({3});
    EXPECT_EQ(rig.forks.size(), 1u);
}

TEST(AnchorConflict, WithoutProofIsOnlyHeldBack) {
    Rig rig;
    rig.anchor_foreign(rig.batches.make(0, "other"));
    rig.chain.forges_receipts = true;
    rig.start();
    rig.run_for(10'000);
    EXPECT_EQ(rig.state(), "stalled");
    EXPECT_TRUE(rig.reason().starts_with("unproven")) << rig.reason();
    EXPECT_TRUE(rig.forks.empty());
}

TEST(AnchorFork, AHeadAboveOursUnderOurSeal) {
    Rig rig;
    rig.anchor_foreign(rig.batches.make(7));  // sealed before a backup was restored
    rig.start();
    rig.run_for(10'000);
    ASSERT_EQ(rig.forks.size(), 1u);
    EXPECT_NE(rig.forks[0].find("batch 7"), std::string::npos);
    EXPECT_FALSE(rig.engine->status().nothing_newer);
    EXPECT_EQ(rig.state(), "stalled");
    EXPECT_TRUE(rig.lines().empty());
}

TEST(AnchorFork, AHeadAboveOursWithoutOurSealOnlyStalls) {
    Rig rig;
    auto foreign = rig.batches.make(7);
    foreign.signer_key.bytes[0] ^= 1;
    rig.anchor_foreign(foreign);
    rig.start();
    rig.run_for(10'000);
    EXPECT_TRUE(rig.forks.empty());
    EXPECT_EQ(rig.state(), "stalled");
    EXPECT_NE(rig.reason().find("head is above ours"), std::string::npos);
}

TEST(AnchorAdopt, ARecordThatIsThereAlready) {
    Rig rig;
    rig.batches.seal_to(5);
    rig.anchor_foreign(rig.batches.make(2));
    rig.anchor_foreign(rig.batches.make(5));
    rig.start();
    rig.run_for(10'000);
    rig.expect_events({2, 5});
    // The proof of both is on record, though this store never sent anything.
    const auto receipts = rig.lines_of<wire::AnchorReceipt>();
    ASSERT_EQ(receipts.size(), 2u);
    EXPECT_EQ(receipts[0].batch_id.value, 5u);
    EXPECT_EQ(receipts[1].batch_id.value, 2u);
    EXPECT_TRUE(rig.lines_of<wire::AnchorAttempt>().empty());
    EXPECT_EQ(rig.engine->status().covered_to, BatchId(5));
    rig.crash(2);
    rig.run_for(10'000);
    EXPECT_EQ(rig.lines().size(), 2u);
}

TEST(AnchorReorg, AConfirmedAnchorThatLeftTheChainIsSentAgain) {
    for (const bool keeps : {false, true}) {
        Rig rig;
        rig.start();
        ASSERT_TRUE(rig.run_until_covered(0));
        rig.batches.seal_to(1);
        ASSERT_TRUE(rig.run_until_covered(1));
        rig.chain.reorg(1, keeps);
        rig.chain.mine(2);
        rig.run_for(20'000);
        rig.expect_events({0, 1});
        EXPECT_EQ(rig.engine->status().covered_to, BatchId(1));
        EXPECT_EQ(rig.lines_of<wire::AnchorSuperseded>().size(), 1u);
        EXPECT_EQ(rig.engine->status().reorgs, 1u);
        const auto receipts = rig.lines_of<wire::AnchorReceipt>();
        EXPECT_EQ(receipts.back().block_hash,
                  (*rig.chain.block(receipts.back().block_number))->hash);
    }
}

TEST(AnchorReorg, SeveralAnchorsAtOnce) {
    Rig rig;
    rig.start();
    for (std::uint64_t batch = 0; batch < 5; ++batch) {
        rig.batches.seal_to(batch);
        ASSERT_TRUE(rig.run_until_covered(batch));
    }
    rig.chain.reorg(3, false);
    rig.chain.mine(5);
    rig.batches.seal_to(6);
    rig.run_for(60'000);
    rig.expect_events({0, 1, 6});
    EXPECT_EQ(rig.engine->status().covered_to, BatchId(6));
    EXPECT_EQ(rig.lines_of<wire::AnchorSuperseded>().size(), 3u);
    rig.crash(5);
    rig.run_for(20'000);
    EXPECT_EQ(rig.engine->status().covered_to, BatchId(6));
    rig.expect_events({0, 1, 6});
}

TEST(AnchorReorg, AConflictingAnchorTookThePlace) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.batches.seal_to(1);
    ASSERT_TRUE(rig.run_until_covered(1));
    rig.chain.reorg(1, false);
    auto foreign = rig.batches.make(1, "thief");
    foreign.sig_r.bytes[0] ^= 1;
    rig.anchor_foreign(foreign);
    rig.chain.mine(2);
    rig.run_for(60'000);
    EXPECT_EQ(rig.state(), "conflict") << rig.reason();
    EXPECT_NE(rig.reason().find("another record of batch 1"), std::string::npos) << rig.reason();
    EXPECT_EQ(rig.engine->status().covered_to, BatchId(0));
    EXPECT_EQ(rig.lines_of<wire::AnchorSuperseded>().size(), 1u);
    const std::uint64_t sends = rig.chain.sends();
    rig.run_for(600'000);
    EXPECT_EQ(rig.chain.sends(), sends) << "a conflict is never sent again";
    for (std::uint64_t batch = 2; batch <= 4; ++batch) {
        rig.batches.seal_to(batch);
        ASSERT_TRUE(rig.run_until_covered(batch)) << rig.reason();
        rig.run_for(60'000);
        // What goes on well does not hide it, nor does a restart.
        if (batch == 3) rig.crash(3);
        rig.run_for(60'000);
        EXPECT_EQ(rig.engine->status().conflicts, 1u) << batch;
        EXPECT_NE(rig.engine->status().conflict.find("batch 1"), std::string::npos) << batch;
    }
    rig.expect_events({0, 1, 2, 3, 4});
    EXPECT_TRUE(rig.forks.empty());
}

TEST(AnchorReorg, BeforeConfirmation) {
    Rig rig;
    rig.target.profile = "custom";
    rig.target.confirmations = 4;
    rig.start();
    rig.run_for(5'000);
    EXPECT_EQ(rig.state(), "mined");
    rig.chain.reorg(1, false);
    rig.chain.mine(1);
    rig.run_for(60'000);
    rig.chain.mine(4);
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.expect_events({0});
    ASSERT_EQ(rig.lines_of<wire::AnchorAttempt>().size(), 1u);
    EXPECT_EQ(rig.chain.sent().front(), rig.chain.sent().back());
}

}  // namespace
}  // namespace anchorlog::testing
