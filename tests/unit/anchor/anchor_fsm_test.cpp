#include "anchor/anchor_fsm.h"

#include <gtest/gtest.h>

namespace anchorlog::anchor {
namespace {

constexpr SteadyTime kNow{1'000};

AnchorFsm fsm(Profile profile = {}, Resume resume = {}) {
    return AnchorFsm(profile, 0, std::move(resume), Now{{0}, kNow}, 1);
}

wire::AnchorAttempt attempt(std::uint64_t batch, std::uint64_t nonce = 5) {
    wire::AnchorAttempt out;
    out.target = "eth";
    out.batch_id = BatchId(batch);
    out.nonce = nonce;
    out.raw = {1};
    return out;
}

template <class T>
T expect(const Action& action) {
    const T* found = std::get_if<T>(&action);
    EXPECT_NE(found, nullptr) << action.index();
    return found == nullptr ? T{} : *found;
}

// Up to the moment the first byte may leave.
void drive_to_send(AnchorFsm& f, std::uint64_t batch) {
    expect<CheckGates>(f.step(Ticked{BatchId(batch)}, kNow));
    EXPECT_EQ(expect<Prepare>(f.step(GatesChecked{}, kNow)).batch.value, batch);
    expect<RecordAttempt>(f.step(Prepared{attempt(batch)}, kNow));
    expect<Send>(f.step(AttemptRecorded{}, kNow));
}

TEST(AnchorFsm, GoesThroughTheStatesInOrder) {
    AnchorFsm f = fsm();
    EXPECT_EQ(f.stage(), Stage::idle);
    expect<CheckGates>(f.step(Ticked{BatchId(4)}, kNow));
    expect<Prepare>(f.step(GatesChecked{}, kNow));
    EXPECT_EQ(f.stage(), Stage::queued);
    expect<RecordAttempt>(f.step(Prepared{attempt(4)}, kNow));
    EXPECT_EQ(f.stage(), Stage::prepared);
    expect<Send>(f.step(AttemptRecorded{}, kNow));
    EXPECT_EQ(f.stage(), Stage::sending);
    expect<LookUp>(f.step(Sent{{SendClass::accepted, ""}}, kNow));
    EXPECT_EQ(f.stage(), Stage::pooled);
    Looked looked;
    looked.kind = Looked::Kind::mined;
    looked.is_canonical = true;
    looked.mined.block_number = looked.head = 9;
    expect<Harvest>(f.step(looked, kNow));
    EXPECT_EQ(f.stage(), Stage::mined);
    wire::AnchorReceipt receipt;
    receipt.batch_id = BatchId(4);
    expect<RecordReceipt>(f.step(Harvested{receipt}, kNow));
    EXPECT_EQ(f.covered_to(), std::nullopt);
    expect<Wait>(f.step(ReceiptRecorded{}, kNow));
    EXPECT_EQ(f.stage(), Stage::final);
    EXPECT_EQ(f.covered_to(), BatchId(4));
}

TEST(AnchorFsm, DecidesNothingBeforeTheChainWasAsked) {
    for (const SendClass kind : {SendClass::known, SendClass::nonce_low, SendClass::underpriced,
                                 SendClass::funds, SendClass::reverted, SendClass::unknown}) {
        AnchorFsm f = fsm();
        drive_to_send(f, 0);
        const auto look = expect<LookUp>(f.step(Sent{{kind, "x"}}, kNow));
        EXPECT_EQ(look.transactions.size(), 1u);
    }
    AnchorFsm f = fsm();
    drive_to_send(f, 0);
    const SteadyTime retry = expect<Wait>(f.step(Failed{"lost"}, kNow)).until;
    expect<CheckGates>(f.step(Ticked{BatchId(0)}, retry));
    expect<LookUp>(f.step(GatesChecked{}, retry));
}

TEST(AnchorFsm, ANonceIsGivenUpOnlyWhenTheChainSaysSoTwice) {
    AnchorFsm f = fsm();
    drive_to_send(f, 0);
    expect<LookUp>(f.step(Sent{{SendClass::nonce_low, "x"}}, kNow));
    Looked nothing;
    nothing.nonce = 6;
    const SteadyTime again = expect<Wait>(f.step(nothing, kNow)).until;
    expect<LookUp>(f.step(Ticked{BatchId(0)}, again));
    const auto prepare = expect<Prepare>(f.step(nothing, again));
    EXPECT_FALSE(prepare.replaces.has_value());
}

TEST(AnchorFsm, ResumesWhatIsOnRecordByLookingFirst) {
    Resume resume;
    resume.attempts = {attempt(3, 1), attempt(3, 1)};
    AnchorFsm f = fsm({}, std::move(resume));
    expect<CheckGates>(f.step(Ticked{BatchId(9)}, kNow));
    const auto look = expect<LookUp>(f.step(GatesChecked{}, kNow));
    EXPECT_EQ(look.batch.value, 3u);
    EXPECT_EQ(look.transactions.size(), 2u);
    Looked nothing;
    nothing.nonce = 1;
    EXPECT_EQ(expect<Send>(f.step(nothing, kNow)).attempt.nonce, 1u);
}

TEST(AnchorFsm, ABatchThatALaterAnchorCoversIsLetGo) {
    Resume resume;
    resume.attempts = {attempt(3, 1)};
    AnchorFsm f = fsm({}, std::move(resume));
    expect<CheckGates>(f.step(Ticked{BatchId(9)}, kNow));
    expect<LookUp>(f.step(GatesChecked{"", 8, true}, kNow));
    Looked nothing;
    nothing.nonce = 1;
    nothing.next_batch = 8;
    expect<CheckGates>(f.step(nothing, kNow));
    EXPECT_EQ(f.stage(), Stage::superseded);
    // The gates find the newest anchor there, which is ours and has no receipt on record.
    EXPECT_EQ(expect<FindEvent>(f.step(GatesChecked{"", 8, true}, kNow)).batch.value, 7u);
}

// Waits after 20 failures of one kind in a row.
std::vector<std::int64_t> waits(const Profile& profile, const Event& failure) {
    AnchorFsm f = fsm(profile);
    std::vector<std::int64_t> out;
    SteadyTime now = kNow;
    for (int i = 0; i < 20; ++i) {
        expect<CheckGates>(f.step(Ticked{BatchId(0)}, now));
        const SteadyTime until = expect<Wait>(f.step(failure, now)).until;
        out.push_back(until.ms - now.ms);
        now = until;
    }
    EXPECT_EQ(f.errors(), 20u);
    return out;
}

TEST(AnchorFsm, BacksOffExponentiallyAndWithinBounds) {
    Profile profile;
    profile.backoff_max_ms = 60'000;
    profile.probe_max_ms = 2'000;
    GatesChecked closed;
    closed.refusal = "another chain";
    std::int64_t low = kBackoffMinMs;
    for (const std::int64_t waited : waits(profile, closed)) {
        EXPECT_GE(waited, low * 8 / 10);
        EXPECT_LE(waited, 60'000);
        low = std::min<std::int64_t>(low * 2, 60'000);
    }
    // A node that says nothing is asked sooner: an outage is over for us only when we ask.
    low = kBackoffMinMs;
    for (const std::int64_t waited : waits(profile, Failed{"down"})) {
        EXPECT_GE(waited, low * 8 / 10);
        EXPECT_LE(waited, 2'000);
        low = std::min<std::int64_t>(low * 2, 2'000);
    }
}

TEST(AnchorFsm, AForkEndsItsWork) {
    AnchorFsm f = fsm();
    expect<CheckGates>(f.step(Ticked{BatchId(2)}, kNow));
    expect<Examine>(f.step(GatesChecked{"", 9, true}, kNow));
    EXPECT_NE(expect<RaiseFork>(f.step(Examined{true, true, "x"}, kNow)).what, "");
    expect<Wait>(f.step(ForkRaised{}, kNow));
    expect<Wait>(f.step(Ticked{BatchId(3)}, {kNow.ms + 1'000'000}));
    EXPECT_EQ(f.stage(), Stage::stalled);
}

TEST(Profile, UnknownNamesAndDepthsAreRefused) {
    EthereumTarget target;
    for (const char* name : {"ganache", "anvil", "l1", "op-stack", "custom"}) {
        target.profile = name;
        EXPECT_TRUE(profile_of(target).has_value()) << name;
    }
    target.profile = "custom";
    target.confirmations = 0;
    EXPECT_FALSE(profile_of(target).has_value());
    target.profile = "L1";
    EXPECT_FALSE(profile_of(target).has_value());
}

}  // namespace
}  // namespace anchorlog::anchor
