#include "anchorlog/ledger/replay_window.h"

#include <gtest/gtest.h>

namespace anchorlog::ledger {
namespace {

using Verdict = ReplayWindow::Verdict;

TEST(ReplayWindow, AcceptsHigherNumbersWithGapsAndKnowsUsedOnes) {
    ReplayWindow window;
    const auto cam = window.slot("cam-1");
    EXPECT_EQ(window.check(cam, Epoch(0), SeqNo(1)), Verdict::fresh);
    window.admit(cam, Epoch(0), SeqNo(1));
    EXPECT_EQ(window.check(cam, Epoch(0), SeqNo(1)), Verdict::seen);
    EXPECT_EQ(window.check(cam, Epoch(0), SeqNo(9)), Verdict::fresh);
    window.admit(cam, Epoch(0), SeqNo(9));
    EXPECT_EQ(window.check(cam, Epoch(0), SeqNo(5)), Verdict::seen);
}

TEST(ReplayWindow, OpensLaterEpochsWithinTheStepAndClosesEarlierOnes) {
    ReplayWindow window;
    const auto cam = window.slot("cam-1");
    window.admit(cam, Epoch(2), SeqNo(7));
    EXPECT_EQ(window.check(cam, Epoch(1), SeqNo(100)), Verdict::seen);
    EXPECT_EQ(window.check(cam, Epoch(3), SeqNo(1)), Verdict::opens_epoch);
    EXPECT_EQ(window.check(cam, Epoch(2 + kEpochStepMax), SeqNo(1)), Verdict::opens_epoch);
    EXPECT_EQ(window.check(cam, Epoch(3 + kEpochStepMax), SeqNo(1)), Verdict::epoch_too_far);
}

TEST(ReplayWindow, DevicesDoNotShareNumbers) {
    ReplayWindow window;
    window.admit(window.slot("cam-1"), Epoch(0), SeqNo(50));
    EXPECT_EQ(window.check(window.slot("cam-2"), Epoch(0), SeqNo(1)), Verdict::fresh);
    EXPECT_EQ(window.slot("cam-1"), window.find("cam-1"));
    EXPECT_EQ(window.find("cam-3"), ReplayWindow::kNoSlot);
}

TEST(ReplayWindow, AbandonGoesBackToWhatIsDurable) {
    ReplayWindow window;
    const auto cam = window.slot("cam-1");
    window.admit(cam, Epoch(0), SeqNo(3));
    window.make_durable(cam, {Epoch(0), SeqNo(3)});
    window.admit(cam, Epoch(1), SeqNo(4));
    window.abandon();
    EXPECT_EQ(window.check(cam, Epoch(0), SeqNo(4)), Verdict::fresh);
    EXPECT_EQ(window.durable(cam), (DeviceNumber{Epoch(0), SeqNo(3)}));
}

TEST(ReplayWindow, WelcomesSpeakOnlyOfDurableNumbers) {
    ReplayWindow window;
    const auto cam = window.slot("cam-1");
    window.admit(cam, Epoch(0), SeqNo(8));
    EXPECT_EQ(window.find_durable("cam-1"), nullptr);
    window.make_durable(cam, {Epoch(0), SeqNo(8)});
    ASSERT_NE(window.find_durable("cam-1"), nullptr);
    EXPECT_EQ(window.find_durable("cam-1")->highest, SeqNo(8));
    EXPECT_EQ(window.find_durable("cam-2"), nullptr);
}

}  // namespace
}  // namespace anchorlog::ledger
