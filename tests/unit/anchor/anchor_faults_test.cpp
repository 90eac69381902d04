// Faults that need more than one engine, another clock or another size than the other tests have.

#include <cstdio>

#include "anchorlog/base/log.h"
#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

// A second daemon with the key of the rig's, on files of its own.
class SecondDaemon {
    SimFileSystem fs_;
    std::unique_ptr<store::Journal> journal_;
    std::unique_ptr<anchor::AnchorJournal> anchors_;

public:
    SecondDaemon(Rig& rig, RigBatches& batches) {
        auto opened =
            store::Journal::open(fs_, "anchors", {64u << 10, 16u << 10, 64u << 10, 64u << 10},
                                 [](std::uint64_t, std::string_view) { return Result<void>(); });
        journal_ = std::move(*opened);
        EXPECT_TRUE(journal_->settle().has_value());
        anchors_ = std::make_unique<anchor::AnchorJournal>(*journal_);
        engine = std::move(*anchor::AnchorEngine::create(
            rig.target, rig.key(), rig.chain, anchor::TargetBase{*anchors_, batches, rig.clock},
            [this](const std::string& what) { forks.push_back(what); }, 99));
    }

    std::vector<std::string> forks;
    std::unique_ptr<anchor::AnchorEngine> engine;  // holds on to all of the above
};

// Both take a step when their time has come, in an order that `seed` gives.
void run_both(Rig& rig, SecondDaemon& other, std::uint64_t seed, std::int64_t ms) {
    const std::int64_t end = rig.clock.now().steady.ms + ms;
    SteadyTime due[2] = {rig.clock.now().steady, rig.clock.now().steady};
    std::uint64_t random = seed * 2 + 1;
    for (int i = 0; i < 20'000 && rig.clock.now().steady.ms < end; ++i) {
        random = random * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
        std::size_t who = random >> 63;
        const std::int64_t now = rig.clock.now().steady.ms;
        if (due[who].ms > now) who = 1 - who;
        if (due[who].ms > now) {
            rig.clock.advance_ms(std::min(due[0].ms, due[1].ms) - now);
            continue;
        }
        due[who] = who == 0 ? rig.engine->run_one() : other.engine->run_one();
    }
}

// Every batch under exactly one event.
void expect_whole(const Rig& rig, const Hash& log_id, std::uint64_t newest) {
    std::uint64_t next = 0;
    for (const eth::AnchoredEvent& event : rig.chain.events(log_id)) {
        EXPECT_EQ(event.from_batch.value, next);
        EXPECT_GE(event.batch_id.value, next);
        next = event.batch_id.value + 1;
    }
    EXPECT_EQ(next, newest + 1);
}

TEST(AnchorFaults, TwoDaemonsWithOneKeyAndOneLog) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Rig rig;
        rig.start();
        SecondDaemon other(rig, rig.batches);
        for (std::uint64_t batch = 1; batch <= 6; ++batch) {
            rig.batches.seal_to(batch);
            run_both(rig, other, seed * 100 + batch, 3'000);
        }
        run_both(rig, other, seed, 60'000);
        SCOPED_TRACE("seed " + std::to_string(seed));
        EXPECT_EQ(rig.engine->status().covered_to, BatchId(6)) << rig.reason();
        EXPECT_EQ(other.engine->status().covered_to, BatchId(6)) << other.engine->status().reason;
        EXPECT_TRUE(rig.forks.empty() && other.forks.empty());
        expect_whole(rig, rig.batches.log_id(), 6);
    }
}

TEST(AnchorFaults, TwoLogsWithOneKeyTakeEachOthersNonces) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Rig rig;
        RigBatches theirs("anchorlog.example/other");
        rig.chain.create_log(theirs.log_id(), rig.key().address());
        theirs.seal_to(0);
        rig.start();
        SecondDaemon other(rig, theirs);
        for (std::uint64_t batch = 1; batch <= 6; ++batch) {
            rig.batches.seal_to(batch);
            theirs.seal_to(batch);
            run_both(rig, other, seed * 100 + batch, 3'000);
        }
        run_both(rig, other, seed, 120'000);
        SCOPED_TRACE("seed " + std::to_string(seed));
        EXPECT_EQ(rig.engine->status().covered_to, BatchId(6)) << rig.reason();
        EXPECT_EQ(other.engine->status().covered_to, BatchId(6)) << other.engine->status().reason;
        expect_whole(rig, rig.batches.log_id(), 6);
        expect_whole(rig, theirs.log_id(), 6);
    }
}

TEST(AnchorFaults, TheClockJumpsByADayInFlight) {
    for (const std::int64_t jump : {-kDayMs, kDayMs}) {
        for (int at = 0; at < 12; ++at) {
            Rig rig;
            rig.chain.answers_to_lose = 1;
            rig.batches.seal_to(1);
            rig.start();
            for (int i = 0; i < at; ++i) rig.step();
            rig.clock.set_wall({rig.clock.now().wall.ms + jump});
            for (int i = 0; i < 3; ++i) rig.step();
            rig.crash(static_cast<std::uint64_t>(at));
            ASSERT_TRUE(rig.run_until_covered(1)) << jump << " " << at << ": " << rig.reason();
            rig.expect_events({1});
            rig.batches.seal_to(2);
            ASSERT_TRUE(rig.run_until_covered(2)) << rig.reason();
            rig.expect_events({1, 2});
        }
    }
}

TEST(AnchorFaults, AReorganisationDuringTheHarvest) {
    for (const bool keeps_transactions : {true, false}) {
        for (const char* call : {"receipt", "block", "receipts"}) {
            Rig rig;
            bool is_done = false;
            std::uint64_t seen = 0;
            rig.chain.on_call = [&](std::string_view method) -> std::optional<Error> {
                // The anchor is mined once its receipt was asked for.
                if (method == "receipt") ++seen;
                if (is_done || seen == 0 || method != call || rig.chain.sends() == 0) return {};
                is_done = true;
                rig.chain.reorg(1, keeps_transactions);
                rig.chain.mine();
                return {};
            };
            rig.start();
            ASSERT_TRUE(rig.run_until_covered(0)) << call << ": " << rig.reason();
            EXPECT_TRUE(is_done) << call;
            rig.run_for(10'000);
            rig.expect_events({0});
            // What is on record last is where the event stands now.
            const auto receipt = rig.lines_of<wire::AnchorReceipt>().back();
            const auto block = rig.chain.block(receipt.block_number);
            ASSERT_TRUE(block.has_value() && block->has_value());
            EXPECT_EQ((*block)->hash, receipt.block_hash) << call;
        }
    }
}

TEST(AnchorFaults, AReorganisationDeeperThanThePolicy) {
    Rig rig;
    rig.target.profile = "custom";
    rig.target.confirmations = 3;
    rig.mine_every_ms = 1'000;
    rig.chain.mines_at_once = false;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.batches.seal_to(1);
    ASSERT_TRUE(rig.run_until_covered(1));
    rig.chain.reorg(30, false);
    rig.batches.seal_to(2);
    rig.run_for(120'000);
    EXPECT_EQ(rig.engine->status().covered_to, BatchId(2)) << rig.reason();
    EXPECT_GE(rig.engine->status().reorgs, 1u);
    expect_whole(rig, rig.batches.log_id(), 2);
    EXPECT_GE(rig.lines_of<wire::AnchorSuperseded>().size(), 1u);
}

TEST(AnchorFaults, TenThousandBatchesPendingAtStart) {
    Rig rig;
    rig.batches.seal_to(10'000);
    rig.start();
    const std::int64_t before = rig.clock.now().steady.ms;
    ASSERT_TRUE(rig.run_until_covered(10'000));
    rig.expect_events({10'000});
    EXPECT_EQ(rig.chain.sends(), 1u);
    EXPECT_LE(rig.clock.now().steady.ms - before, 1'000);
}

// A node that hangs and goes on in time: what was sealed meanwhile is in the one transaction.
TEST(AnchorFaults, BatchesSealedWhileTheNonceIsAskedFor) {
    Rig rig;
    rig.start();
    ASSERT_TRUE(rig.run_until_covered(0));
    rig.chain.on_call = [&](std::string_view method) -> std::optional<Error> {
        if (method == "nonce") rig.batches.seal_to(5);
        return std::nullopt;
    };
    rig.batches.seal_to(1);
    ASSERT_TRUE(rig.run_until_covered(5));
    rig.expect_events({0, 5});
    EXPECT_EQ(rig.chain.sends(), 2u);
}

// How a chain is away: it refuses at once, or swallows what it is sent until the deadline to
// connect.
struct Absence {
    const char* name;
    std::int64_t call_ms;
};

// The worker's part of the time between the return of the chain and the confirmed anchor. What it
// knows of the outage are failed calls alone.
std::int64_t recovery_ms(const Absence& absence, const std::string& profile,
                         std::int64_t phase_ms) {
    Rig rig;
    rig.target.profile = profile;
    rig.start();
    EXPECT_TRUE(rig.run_until_covered(0));
    bool is_away = true;
    rig.chain.on_call = [&](std::string_view) -> std::optional<Error> {
        if (!is_away) return std::nullopt;
        rig.clock.advance_ms(absence.call_ms);
        return Error{Errc::unavailable, "no route"};
    };
    const std::int64_t begin_ms = rig.clock.now().steady.ms;
    for (std::int64_t batch = 1; batch <= 600; ++batch) {
        rig.batches.seal_to(static_cast<std::uint64_t>(batch));
        rig.wake();
        rig.run_to(begin_ms + batch * 1'000);
    }
    rig.run_to(begin_ms + 600'000 + phase_ms);
    const std::uint64_t sends = rig.chain.sends();
    const std::int64_t back_ms = begin_ms + 600'000 + phase_ms;
    is_away = false;
    EXPECT_TRUE(rig.run_until_covered(600)) << rig.reason();
    EXPECT_EQ(rig.chain.sends() - sends, 1u);
    rig.expect_events({0, 600});
    return rig.clock.now().steady.ms - back_ms;
}

// Figure: 10 min outage at 1 batch/s → all covered ≤ 5 s after the chain is back, one transaction.
TEST(AnchorFigures, AnOutageOfTenMinutesIsOverWithinSeconds) {
    configure_log(LogLevel::error, LogFormat::text);
    for (const Absence& absence : {Absence{"refuses", 0}, Absence{"swallows", 2'000}}) {
        std::int64_t slowest_ms = 0;
        for (std::int64_t phase_ms = 0; phase_ms < 5'000; phase_ms += 100) {
            slowest_ms = std::max(slowest_ms, recovery_ms(absence, "ganache", phase_ms));
        }
        std::printf(
            "outage of 600 s, 600 batches, the node %s: covered %lld ms after the chain is "
            "back at most, of 50 moments\n",
            absence.name, static_cast<long long>(slowest_ms));
        EXPECT_GT(slowest_ms, 0) << "the moments were not spread";
        EXPECT_LE(slowest_ms, 5'000);
    }
}

}  // namespace
}  // namespace anchorlog::testing
