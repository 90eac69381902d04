#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "core_machine.h"
#include "support/hardware_key.h"

namespace anchorlog::app {
namespace {

using testing::hardware_key_from_seed;
using testing::LogMachine;
using testing::numbers_from;

// Its log has a hardware key, which answers when the test says so.
class HardwareSealTest : public testing::CoreMachine {
protected:
    void SetUp() override {
        machine.hardware = device;
        machine.options.hardware_key =
            wire::make_hardware_key(LogMachine::kOrigin, device->public_key());
        machine.options.sequencer.batch.entries = 1;
        CoreMachine::SetUp();
    }

    void answer() {
        ASSERT_FALSE(asked.empty());
        inputs.emplace_back(HardwareDone{device->sign(as_bytes(asked.front())), 30'000});
        asked.pop_front();
        settle();
    }
    void answer_with_failure() {
        ASSERT_FALSE(asked.empty());
        asked.pop_front();
        inputs.emplace_back(HardwareDone{Error{Errc::unavailable, "no TPM"}, 1});
        settle();
    }

    std::shared_ptr<const crypto::HardwareSigner> device = hardware_key_from_seed(7);
};

TEST_F(HardwareSealTest, ABatchWaitsForItsSignatureAndAlertsDoNot) {
    send({1});
    settle();
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(published.batches, 1u);
    EXPECT_EQ(published.hardware->waiting_since, now());
    EXPECT_GT(core->next_turn(now()), now()) << "nothing to do: it must not spin";
    machine.clock().advance_ms(9'000);
    send({2});
    settle();
    EXPECT_TRUE(acked(2));
    EXPECT_EQ(asked.size(), 1u) << "one signature at a time";
    EXPECT_EQ(published.entries, 2u);

    answer();
    EXPECT_EQ(published.batches, 2u);
    EXPECT_EQ(published.hardware->made, 1u);
    EXPECT_EQ(published.hardware->made_us.sum(), 30'000);
    const auto note = wire::parse_note(*published.checkpoint);
    ASSERT_TRUE(note);
    EXPECT_TRUE(wire::verify_hardware(*note, {*machine.options.hardware_key}));
    ASSERT_EQ(asked.size(), 1u) << "the next batch";
    answer();
    EXPECT_EQ(published.batches, 3u);
    EXPECT_FALSE(published.hardware->waiting_since);
    EXPECT_EQ(machine.lines(*machine.store().batches).size(), 3u);
}

TEST_F(HardwareSealTest, AFailureIsTriedAgainWithTheSameText) {
    send({1});
    settle();
    const std::string text = asked.front();
    for (std::uint64_t tries = 1; tries <= 3; ++tries) {
        answer_with_failure();
        EXPECT_TRUE(asked.empty());
        EXPECT_EQ(published.batches, 1u);
        EXPECT_EQ(published.hardware->failed, tries);
        EXPECT_EQ(published.hardware->error, "no TPM");
        EXPECT_TRUE(published.hardware->waiting_since);
        const std::int64_t wait_ms = core->next_turn(now()).ms - now().ms;
        EXPECT_GT(wait_ms, 0) << "it must not spin";
        machine.clock().advance_ms(4'999);
        settle();
        EXPECT_TRUE(asked.empty());
        machine.clock().advance_ms(1);
        settle();
        ASSERT_EQ(asked.size(), 1u);
        EXPECT_EQ(asked.front(), text);
    }
    answer();
    EXPECT_EQ(published.batches, 2u);
    EXPECT_EQ(published.hardware->error, "");
}

TEST_F(HardwareSealTest, AStopWaitsAMomentAndLeavesTheRestToTheNextStart) {
    send({1});
    settle();
    inputs.emplace_back(StopInput{});
    settle();
    settle();  // the `stop` audit
    EXPECT_FALSE(core->stopped());
    EXPECT_GT(core->next_turn(now()), now()) << "it must not spin";
    machine.clock().advance_ms(1'500);
    settle();
    EXPECT_TRUE(core->stopped());
    EXPECT_EQ(published.batches, 1u);
    EXPECT_EQ(published.entries, 2u) << "the alert, and the `stop` audit";

    asked.clear();
    inputs.clear();
    start();
    settle();
    ASSERT_EQ(asked.size(), 1u) << "sealed anew";
    answer();
    EXPECT_EQ(published.batches, 2u);
}

TEST_F(HardwareSealTest, AStopSealsWithADeviceThatAnswers) {
    send({1});
    settle();
    inputs.emplace_back(StopInput{});
    settle();
    for (int i = 0; i < 5 && !core->stopped(); ++i) answer();
    EXPECT_TRUE(core->stopped());
    EXPECT_EQ(published.batches, 3u);
    EXPECT_EQ(published.open_entries, 0u);
}

TEST_F(HardwareSealTest, ASignatureAfterAForkSealsNothing) {
    send({1});
    settle();
    inputs.emplace_back(ForkInput{"another head"});
    answer();
    EXPECT_EQ(published.batches, 1u);
    EXPECT_GT(core->next_turn(now()), now());
}

TEST_F(HardwareSealTest, AFullOpenBatchTurnsSendersAwayUntilItSigns) {
    send({1});
    settle();
    constexpr std::uint64_t kChunk = 4'096;
    std::uint64_t next = 2;
    for (int i = 0; i < 8; ++i, next += kChunk) {
        send(numbers_from(next, kChunk));
        settle();
    }
    EXPECT_FALSE(closed);
    ASSERT_TRUE(published.gate);
    EXPECT_EQ(published.gate->code, wire::RejectCode::busy);
    EXPECT_EQ(published.gate->state, "hardware_key");
    EXPECT_EQ(published.entries, next - 1);
    said.clear();
    send({next});
    settle();
    EXPECT_TRUE(closed);
    EXPECT_TRUE(was_said("\"code\":\"busy\""));
    EXPECT_EQ(published.entries, next - 1);
    inputs.emplace_back(AuditInput{"config_change", "x", "", true});
    settle();
    EXPECT_GT(core->next_turn(now()), now()) << "an audit that waits must not make it spin";

    answer();
    EXPECT_FALSE(published.gate);
    session = 2;
    send({next});
    settle();
    EXPECT_EQ(published.entries, next + 1) << "the alert, and the audit";
}

// A device that hangs until the test lets go.
class HangingKey final : public crypto::HardwareSigner {
public:
    const crypto::P256PublicKey& public_key() const override { return key_; }
    Result<Bytes> sign(ByteView) const override {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return let_go_; });
        left_ = true;
        changed_.notify_all();
        return Bytes{1};
    }
    void let_go() {
        std::unique_lock lock(mutex_);
        let_go_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return left_; });
    }

private:
    crypto::P256PublicKey key_{};
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool let_go_ = false;
    mutable bool left_ = false;
};

TEST(HardwareThread, LeavesADeviceThatHangsAlone) {
    const auto device = std::make_shared<HangingKey>();
    bool is_told = false;
    {
        HardwareThread thread(device, [&](HardwareDone) { is_told = true; });
        thread.start();
        thread.sign("text");
        thread.stop(std::chrono::milliseconds(20));
        EXPECT_TRUE(thread.is_stuck());
    }
    device->let_go();
    EXPECT_FALSE(is_told);
}

TEST(HardwareThread, AnswersAndEnds) {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<HardwareDone> told;
    HardwareThread thread(hardware_key_from_seed(7), [&](HardwareDone done) {
        const std::lock_guard lock(mutex);
        told = std::move(done);
        changed.notify_all();
    });
    thread.start();
    thread.sign("text");
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return told.has_value(); });
    }
    thread.stop(std::chrono::seconds(10));
    EXPECT_FALSE(thread.is_stuck());
    ASSERT_TRUE(told->signature);
    EXPECT_TRUE(crypto::verify_p256(hardware_key_from_seed(7)->public_key(), as_bytes("text"),
                                    *told->signature));
}

}  // namespace
}  // namespace anchorlog::app
