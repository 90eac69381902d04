#include <gtest/gtest.h>

#include "anchorlog/ledger/control_batch.h"
#include "support/log_machine.h"

// A log whose key is changed, from the operator's command to the daemon's next starts.
namespace anchorlog::ledger {
namespace {

using testing::LogMachine;

std::shared_ptr<const crypto::Signer> key_of(std::uint8_t seed) {
    return crypto::signer_from_seed({seed, 2, 3});
}

std::string vkey_of(const crypto::Signer& signer) {
    return wire::format_vkey(wire::make_verifier_key(LogMachine::kOrigin, signer.public_key()));
}

std::string id_of(const crypto::Signer& signer) {
    const auto key = wire::make_verifier_key(LogMachine::kOrigin, signer.public_key());
    return wire::format_key_id(key.key_id);
}

struct Rig {
    Rig() {
        EXPECT_TRUE(machine.init());
        EXPECT_TRUE(machine.start());
        work(10);
    }

    // So many sealed batches; `machine` starts with key 1.
    void work(int batches) {
        for (int i = 0; i < batches; ++i) {
            ASSERT_EQ(machine.admit("cam-1", ++seq).kind, Admission::Kind::admitted);
            machine.clock().advance_ms(100);
            ASSERT_TRUE(machine.commit());
            ASSERT_TRUE(machine.seal());
        }
    }
    // What the command does, up to the first error.
    Result<void> rotate(const crypto::Signer& before, const crypto::Signer& after) {
        if (auto started = machine.start(); !started) return started;
        auto end = sealed_end(machine.store());
        if (!end) return std::move(end).error();
        auto batch = make_key_change(LogMachine::kOrigin, before, after, "planned", *end,
                                     machine.clock().now().wall);
        if (!batch) return std::move(batch).error();
        return append_batch(machine.store(), *batch);
    }
    Result<void> start_with(std::shared_ptr<const crypto::Signer> signer) {
        machine.use_key(std::move(signer));
        return machine.start();
    }
    void expect_refused(std::shared_ptr<const crypto::Signer> signer, const std::string& says) {
        const auto started = start_with(std::move(signer));
        ASSERT_FALSE(started);
        EXPECT_EQ(started.error().code, Errc::invalid_input) << started.error().message;
        EXPECT_NE(started.error().message.find(says), std::string::npos) << started.error().message;
        EXPECT_NE(started.error().message.find("point signing_key"), std::string::npos);
    }

    LogMachine machine;
    std::shared_ptr<const crypto::Signer> first = key_of(1);
    std::shared_ptr<const crypto::Signer> second = key_of(4);
    std::shared_ptr<const crypto::Signer> third = key_of(5);
    std::uint64_t seq = 0;
};

class KeyRotation : public ::testing::Test, protected Rig {};

TEST_F(KeyRotation, OnlyTheKeyTheLogHasNowStartsIt) {
    expect_refused(second, vkey_of(*first));
    machine.use_key(first);
    ASSERT_TRUE(rotate(*first, *second));
    expect_refused(first, vkey_of(*second) + " since batch 11");
    expect_refused(third, vkey_of(*second));
    ASSERT_TRUE(start_with(second));
    ASSERT_TRUE(machine.store().key_change);
    EXPECT_EQ(machine.store().key_change->new_key, vkey_of(*second));
    EXPECT_EQ(machine.sequencer().next_batch(), BatchId(12));
    work(2);
    ASSERT_TRUE(start_with(second));
    EXPECT_FALSE(machine.store().key_change) << "it is on record by now";
}

// The state knows nothing, or the log up to before a change, or all of it.
TEST_F(KeyRotation, IsFollowedFromWhereverTheStateLeavesOff) {
    ASSERT_TRUE(rotate(*first, *second));
    ASSERT_TRUE(start_with(second));
    work(3);
    ASSERT_TRUE(rotate(*second, *third));
    ASSERT_TRUE(start_with(third));
    EXPECT_EQ(machine.state_through().batches, 0u);
    work(3);
    for (const bool is_known : {false, true}) {
        SCOPED_TRACE(is_known);
        if (is_known) {
            ASSERT_TRUE(machine.store().state->ingest());
        }
        // A newest batch of another key tells only that key's id.
        const std::string is_now = is_known ? id_of(*third) : vkey_of(*third);
        expect_refused(second, "the log's key is " + is_now);
        expect_refused(first, "the log's key is " + is_now);
        ASSERT_TRUE(start_with(third));
    }
}

TEST_F(KeyRotation, IsFollowedFromAStateOfBeforeIt) {
    ASSERT_TRUE(machine.store().state->ingest());
    EXPECT_EQ(machine.state_through().batches, 11u);
    ASSERT_TRUE(rotate(*first, *second));
    ASSERT_TRUE(start_with(second));
    work(3);
    ASSERT_TRUE(rotate(*second, *third));
    EXPECT_EQ(machine.state_through().batches, 11u);
    expect_refused(second, vkey_of(*third));
    ASSERT_TRUE(start_with(third)) << "behind two changes of which the state knows none";
    work(1);
    ASSERT_TRUE(machine.store().state->ingest());
    ASSERT_TRUE(start_with(third));
}

TEST_F(KeyRotation, TheStateMayEndWithTheChangeItself) {
    ASSERT_TRUE(rotate(*first, *second));
    ASSERT_TRUE(start_with(second));
    ASSERT_TRUE(machine.store().state->ingest());
    EXPECT_EQ(machine.state_through().batches, 12u);
    expect_refused(first, vkey_of(*second));
    ASSERT_TRUE(start_with(second));
    EXPECT_TRUE(machine.store().key_change) << "no entry follows it yet";
}

TEST_F(KeyRotation, EveryCrashPointLeavesTheOldKeyOrTheNew) {
    const std::uint64_t before = machine.files().changes();
    ASSERT_TRUE(rotate(*first, *second));
    const std::uint64_t changes = machine.files().changes() - before;
    ASSERT_GT(changes, 2u);
    // What reached the disk of the line itself is a matter of luck: often tried.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> deaths;
    for (std::uint64_t call = 1; call <= changes; ++call) {
        const std::uint64_t tries = call + 2 > changes ? 40 : 1;
        for (std::uint64_t i = 0; i < tries; ++i) deaths.emplace_back(call, call + 1'000 * i);
    }
    std::uint64_t changed = 0;
    for (const auto& [call, luck] : deaths) {
        SCOPED_TRACE(std::to_string(call) + ", seed " + std::to_string(luck));
        Rig other;
        other.machine.files().die_at(call);
        static_cast<void>(other.rotate(*first, *second));
        other.machine.crash(luck);
        const bool is_old = other.start_with(first).has_value();
        const bool is_new = other.start_with(second).has_value();
        ASSERT_NE(is_old, is_new) << "one of them, and only one";
        changed += is_new ? 1 : 0;
        if (is_old) {
            other.machine.use_key(first);
            ASSERT_TRUE(other.rotate(*first, *second)) << "it can be done again";
            ASSERT_TRUE(other.start_with(second));
        }
        other.work(2);
        ASSERT_TRUE(other.start_with(second));
        EXPECT_EQ(other.machine.lines(*other.machine.store().batches).size(), 14u);
    }
    EXPECT_GT(changed, 0u) << "a whole line that was not synced can have survived";
    EXPECT_LT(changed, deaths.size());
}

TEST_F(KeyRotation, AChangeThatOneKeyAloneSignedIsDamage) {
    ASSERT_TRUE(machine.start());
    const auto end = sealed_end(machine.store());
    ASSERT_TRUE(end);
    wire::Header header;
    header.kind = "key";
    header.log = LogMachine::kOrigin;
    header.key_change = wire::KeyChange{vkey_of(*first), vkey_of(*second), "planned"};
    EXPECT_FALSE(make_control_batch(header, *end, {second.get(), first.get()}, WallTime{0}))
        << "sealed by the new one";
    const auto batch = make_control_batch(header, *end, {first.get()}, WallTime{0});
    ASSERT_TRUE(batch) << batch.error().message;
    ASSERT_TRUE(append_batch(machine.store(), *batch));
    for (const auto& key : {first, second}) {
        const auto started = start_with(key);
        ASSERT_FALSE(started);
        EXPECT_EQ(started.error().code, Errc::corruption) << started.error().message;
    }
}

// The old key's holder goes on as if nothing had been.
TEST_F(KeyRotation, ABatchOfTheOldKeyBehindTheChangeIsDamage) {
    ASSERT_TRUE(rotate(*first, *second));
    ASSERT_TRUE(start_with(second));
    const auto end = sealed_end(machine.store());
    ASSERT_TRUE(end);
    wire::Header header;
    header.kind = "key";
    header.log = LogMachine::kOrigin;
    header.key_change = wire::KeyChange{vkey_of(*first), vkey_of(*third), "planned"};
    const auto batch = make_control_batch(header, *end, {first.get(), third.get()}, WallTime{0});
    ASSERT_TRUE(batch);
    ASSERT_TRUE(append_batch(machine.store(), *batch));
    for (const auto& key : {first, second, third}) EXPECT_FALSE(start_with(key));
}

}  // namespace
}  // namespace anchorlog::ledger
