#include "anchor/anchor_engine.h"
#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

constexpr int kSteps = 40;  // more than one anchor takes

// Power fails after the `at`th action; then again after `again` more.
void run_with_crashes(int at, int again, std::uint64_t seed, std::int64_t mine_every_ms,
                      std::uint64_t lost_answers) {
    Rig rig;
    rig.mine_every_ms = mine_every_ms;
    rig.chain.mines_at_once = mine_every_ms == 0;
    rig.chain.answers_to_lose = lost_answers;
    rig.batches.seal_to(2);
    rig.start();
    for (int i = 0; i < at; ++i) rig.step();
    rig.crash(seed);
    for (int i = 0; i < again; ++i) rig.step();
    rig.crash(seed + 1);
    ASSERT_TRUE(rig.run_until_covered(2))
        << at << " " << again << " " << seed << ": " << rig.state() << " " << rig.reason();
    rig.expect_events({2});
    rig.batches.seal_to(3);
    ASSERT_TRUE(rig.run_until_covered(3)) << at << " " << again << ": " << rig.reason();
    rig.expect_events({2, 3});
}

TEST(AnchorCrash, OneEventWhateverActionWasTheLast) {
    for (int at = 0; at < kSteps; ++at) run_with_crashes(at, 3, 11, 0, 0);
}

TEST(AnchorCrash, TwiceAndWithEveryKindOfLoss) {
    for (int at = 0; at < 20; ++at) {
        for (int again = 0; again < 12; again += 2) {
            run_with_crashes(at, again, static_cast<std::uint64_t>(100 * at + again), 0, 1);
        }
    }
}

TEST(AnchorCrash, WhileBlocksComeSlowly) {
    for (int at = 0; at < kSteps; at += 2) {
        run_with_crashes(at, 5, static_cast<std::uint64_t>(at), 1'700, 1);
    }
}

TEST(AnchorCrash, ResumesTheBytesOnRecord) {
    Rig rig;
    rig.chain.mines_at_once = false;
    rig.start();
    while (rig.lines_of<wire::AnchorAttempt>().empty()) rig.step();
    rig.batches.seal_to(9);
    rig.crash(0);
    while (rig.chain.sends() == 0) rig.step();
    // Newer batches wait: what may already be under way is finished first.
    EXPECT_EQ(rig.chain.sent()[0], rig.lines_of<wire::AnchorAttempt>()[0].raw);
    rig.chain.mine();
    rig.chain.mines_at_once = true;
    ASSERT_TRUE(rig.run_until_covered(9));
    rig.expect_events({0, 9});
}

TEST(AnchorCrash, ATamperedLineIsRefused) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    auto attempt = rig.lines_of<wire::AnchorAttempt>()[0];
    auto receipt = rig.lines_of<wire::AnchorReceipt>()[0];
    std::vector<wire::AnchorStep> bad;
    bad.push_back(attempt);
    std::get<wire::AnchorAttempt>(bad.back()).raw[40] ^= 1;
    bad.push_back(attempt);
    std::get<wire::AnchorAttempt>(bad.back()).nonce += 1;
    bad.push_back(attempt);
    std::get<wire::AnchorAttempt>(bad.back()).batch_id = BatchId(7);
    bad.push_back(receipt);
    std::get<wire::AnchorReceipt>(bad.back()).block_header[100] ^= 1;
    bad.push_back(receipt);
    std::get<wire::AnchorReceipt>(bad.back()).receipt_path.back()[50] ^= 1;
    bad.push_back(receipt);
    std::get<wire::AnchorReceipt>(bad.back()).from_batch = BatchId(1);
    bad.push_back(receipt);
    std::get<wire::AnchorReceipt>(bad.back()).chain_id = 5;
    for (const wire::AnchorStep& step : bad) {
        const std::uint64_t before = rig.journal->lines();
        ASSERT_TRUE(rig.journal->append(wire::format_anchor_step(step) + "\n", 1).has_value());
        const auto made = rig.make();
        ASSERT_FALSE(made.has_value());
        EXPECT_NE(made.error().message.find("line " + std::to_string(before)), std::string::npos)
            << made.error().message;
        ASSERT_TRUE(rig.journal->cut_to(before).has_value());
    }
    EXPECT_TRUE(rig.make().has_value());
}

TEST(AnchorCrash, LinesOfOtherTargetsAreLeftAlone) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.target.id = "second";
    rig.crash(0);
    EXPECT_EQ(rig.engine->status().covered_to, std::nullopt);
    ASSERT_TRUE(rig.run_until_covered(0));  // the same contract: adopted
    rig.expect_events({0});
}

}  // namespace
}  // namespace anchorlog::testing
