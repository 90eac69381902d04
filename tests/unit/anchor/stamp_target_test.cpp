#include "anchor/stamp_target.h"

#include <map>
#include <thread>
#include <nlohmann/json.hpp>

#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

using anchor::AnchorTarget;

// A place that gives stamps, or not, as the test says.
class SimStamper final : public anchor::Stamper {
public:
    struct State {
        int to_fail = 0;  // so many calls fail first
        std::int64_t retry_after_ms = 0;
        std::vector<std::uint64_t> asked;
    };
    SimStamper(State& state, const Clock& clock) : state_(state), clock_(clock) {}

    const char* type() const override { return "sim"; }
    Result<wire::AnchorStep> stamp(const anchor::SealedCheckpoint& checkpoint) override {
        state_.asked.push_back(checkpoint.batch_id.value);
        if (state_.to_fail > 0) {
            --state_.to_fail;
            return Error{Errc::unavailable, "it does not answer"};
        }
        return wire::AnchorStep(
            wire::AnchorWritten{"sim", checkpoint.batch_id, checkpoint.hash, clock_.now().wall});
    }
    Result<void> check(const wire::AnchorStep& line) const override {
        if (std::holds_alternative<wire::AnchorWritten>(line)) return {};
        return Error{Errc::corruption, "another type"};
    }
    std::int64_t retry_after_ms() const override { return state_.retry_after_ms; }

private:
    State& state_;
    const Clock& clock_;
};

// Targets that stamp, in virtual time, on files that can be lost.
class StampRig {
public:
    StampRig() {
        batches.seal_to(0);
        open();
    }
    void open() {
        auto opened =
            store::Journal::open(fs, "anchors", {64u << 10, 16u << 10, 64u << 10, 64u << 10},
                                 [](std::uint64_t, std::string_view) { return Result<void>(); });
        ASSERT_TRUE(opened.has_value());
        journal = std::move(*opened);
        ASSERT_TRUE(journal->settle().has_value());
        anchors = std::make_unique<anchor::AnchorJournal>(*journal);
    }
    [[nodiscard]] anchor::TargetBase base() { return {*anchors, batches, clock}; }
    Result<std::unique_ptr<AnchorTarget>> make_sim(std::uint32_t interval_s = 0) {
        return anchor::make_stamp_target("sim", interval_s,
                                         std::make_unique<SimStamper>(stamps, clock), base(), 7);
    }
    Result<std::unique_ptr<AnchorTarget>> make_file() {
        return anchor::make_file_target({"copy", "outside/copy.ndjson", 0}, fs, base());
    }
    void run_for(AnchorTarget& target, std::int64_t ms) {
        const std::int64_t end = clock.now().steady.ms + ms;
        for (int i = 0; i < 10'000; ++i) {
            const SteadyTime until = target.run_one();
            const std::int64_t wait = until.ms - clock.now().steady.ms;
            if (wait <= 0) continue;
            if (clock.now().steady.ms + wait >= end) break;
            clock.advance_ms(wait);
        }
        clock.advance_ms(std::max<std::int64_t>(0, end - clock.now().steady.ms));
    }
    [[nodiscard]] std::vector<std::string> copied() const {
        std::vector<std::string> out;
        std::string text = fs.content("outside/copy.ndjson");
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = text.find('\n', at);
            out.push_back(text.substr(at, end - at));
            if (end == std::string::npos) break;
            at = end + 1;
        }
        return out;
    }

    SimClock clock;
    SimFileSystem fs;
    RigBatches batches;
    SimStamper::State stamps;
    std::unique_ptr<store::Journal> journal;
    std::unique_ptr<anchor::AnchorJournal> anchors;
};

TEST(StampTarget, StampsTheNewestBatchAndOnlyThat) {
    StampRig rig;
    rig.batches.seal_to(5);
    auto target = *rig.make_sim();
    EXPECT_EQ(target->status().state, "idle");
    rig.run_for(*target, 1'000);
    EXPECT_EQ(rig.stamps.asked, std::vector<std::uint64_t>{5});
    EXPECT_EQ(target->status().covered_to, BatchId(5));
    EXPECT_EQ(target->status().state, "final");
    rig.run_for(*target, 1'000'000);
    EXPECT_EQ(rig.stamps.asked.size(), 1u);
    EXPECT_TRUE(target->has_asked());
}

TEST(StampTarget, AnOutageIsHealedByOneStampAndBacksOff) {
    StampRig rig;
    rig.stamps.to_fail = 20;
    auto target = *rig.make_sim();
    rig.run_for(*target, 1);
    EXPECT_EQ(target->status().state, "stalled");
    EXPECT_EQ(target->status().reason, "it does not answer");
    for (std::uint64_t batch = 1; batch <= 600; ++batch) {
        rig.batches.seal_to(batch);
        rig.run_for(*target, 1'000);
    }
    // 0.5 s, doubled up to 60 s: fewer calls than one each half minute, more than one each two.
    EXPECT_GE(rig.stamps.asked.size(), 10u);
    EXPECT_LE(rig.stamps.asked.size(), 20u);
    EXPECT_EQ(target->status().errors, rig.stamps.asked.size());
    rig.stamps.to_fail = 0;
    rig.run_for(*target, 61'000);
    EXPECT_EQ(target->status().covered_to, BatchId(600));
    EXPECT_EQ(target->status().confirmed, 1u);
    EXPECT_EQ(rig.journal->lines(), 1u);
}

TEST(StampTarget, LeavesAPlaceAloneForAsLongAsItAsks) {
    StampRig rig;
    rig.stamps.to_fail = 1;
    rig.stamps.retry_after_ms = 90'000;
    auto target = *rig.make_sim();
    rig.run_for(*target, 89'000);
    EXPECT_EQ(rig.stamps.asked.size(), 1u);
    rig.run_for(*target, 2'000);
    EXPECT_EQ(rig.stamps.asked.size(), 2u);
    // Nobody is left alone for more than ten minutes.
    rig.stamps.to_fail = 1;
    rig.stamps.retry_after_ms = 86'400'000;
    rig.batches.seal_to(1);
    rig.run_for(*target, 601'000);
    EXPECT_EQ(rig.stamps.asked.size(), 4u);
}

TEST(StampTarget, KeepsItsIntervalOverARestartAndAClockThatJumped) {
    StampRig rig;
    auto target = *rig.make_sim(3'600);
    rig.run_for(*target, 1'000);
    rig.batches.seal_to(9);
    rig.run_for(*target, 1'000);
    EXPECT_EQ(target->status().state, "queued");
    rig.clock.set_wall({rig.clock.now().wall.ms - 86'400'000});
    target = *rig.make_sim(3'600);
    rig.run_for(*target, 3'500'000);
    EXPECT_EQ(rig.stamps.asked.size(), 1u);
    rig.run_for(*target, 200'000);
    EXPECT_EQ(rig.stamps.asked.size(), 2u);
    rig.batches.seal_to(10);
    rig.clock.set_wall({rig.clock.now().wall.ms + 2 * 86'400'000});
    target = *rig.make_sim(3'600);
    rig.run_for(*target, 1'000);
    EXPECT_EQ(target->status().covered_to, BatchId(10));
}

TEST(StampTarget, AStampThatCouldNotBeRecordedIsKept) {
    StampRig rig;
    auto target = *rig.make_sim();
    rig.fs.fail(SimCall::write, 1, Errc::storage_full);
    rig.run_for(*target, 100);
    EXPECT_EQ(rig.stamps.asked.size(), 1u);
    EXPECT_EQ(rig.journal->lines(), 0u);
    EXPECT_FALSE(target->has_failed());
    rig.run_for(*target, 10'000);
    EXPECT_EQ(rig.stamps.asked.size(), 1u);
    EXPECT_EQ(rig.journal->lines(), 1u);
    EXPECT_EQ(target->status().covered_to, BatchId(0));
}

TEST(StampTarget, AFailedSyncIsFinalForEveryTarget) {
    StampRig rig;
    ASSERT_TRUE(rig.fs.create_dir("outside").has_value());
    auto one = *rig.make_sim();
    auto other = *rig.make_file();
    rig.fs.fail(SimCall::sync_data, 1, Errc::io);
    rig.run_for(*one, 100);
    EXPECT_TRUE(one->has_failed());
    rig.run_for(*other, 100);
    EXPECT_TRUE(other->has_failed());
}

TEST(StampTarget, GoesOnFromWhatIsOnRecordAfterAnyCrash) {
    for (int at = 0; at < 8; ++at) {
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
            StampRig rig;
            ASSERT_TRUE(rig.fs.create_dir("outside").has_value());
            rig.batches.seal_to(2);
            auto target = *rig.make_file();
            for (int i = 0; i < at; ++i) target->run_one();
            const bool is_covered = target->status().covered_to.has_value();
            target.reset();
            rig.anchors.reset();
            rig.journal.reset();
            rig.fs.crash(seed);
            rig.open();
            auto made = rig.make_file();
            ASSERT_TRUE(made.has_value()) << made.error().message;
            if (is_covered) {
                EXPECT_EQ((*made)->status().covered_to, BatchId(2));
            }
            rig.run_for(**made, 1'000);
            EXPECT_EQ((*made)->status().covered_to, BatchId(2));
            EXPECT_EQ(rig.journal->lines(), 1u);
            const std::string line =
                wire::format_checkpoint_line(BatchId(2), *rig.batches.checkpoint(BatchId(2)));
            EXPECT_EQ(rig.copied().back(), line) << at << " " << seed;
        }
    }
}

TEST(StampTarget, ALineOfAnotherHistoryOrTypeIsRefused) {
    StampRig rig;
    rig.batches.seal_to(3);
    const Hash good = crypto::sha256(as_bytes(*rig.batches.checkpoint(BatchId(1))));
    wire::AnchorToken token{"sim", BatchId(1), good, {1}, {}};
    const std::vector<wire::AnchorStep> bad{wire::AnchorWritten{"sim", BatchId(1), Hash(), {}},
                                            wire::AnchorWritten{"sim", BatchId(2), good, {}},
                                            wire::AnchorWritten{"sim", BatchId(4), good, {}},
                                            token};
    for (const wire::AnchorStep& line : bad) {
        ASSERT_TRUE(rig.anchors->write(line).has_value());
        const auto made = rig.make_sim();
        ASSERT_FALSE(made.has_value());
        EXPECT_NE(made.error().message.find("line 0"), std::string::npos) << made.error().message;
        ASSERT_TRUE(rig.journal->cut_to(0).has_value());
    }
    ASSERT_TRUE(rig.anchors->write(wire::AnchorWritten{"sim", BatchId(1), good, {}}).has_value());
    token.target = "another";
    ASSERT_TRUE(rig.anchors->write(token).has_value());
    const auto made = rig.make_sim();
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_EQ((*made)->status().covered_to, BatchId(1));
}

TEST(AnchorJournal, TakesLinesOfManyThreadsOneByOne) {
    constexpr std::uint64_t kThreads = 4;
    constexpr std::uint64_t kLines = 50;
    StampRig rig;
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < kThreads; ++i) {
        threads.emplace_back([&rig, i] {
            for (std::uint64_t n = 0; n < kLines; ++n) {
                const wire::AnchorWritten line{"t" + std::to_string(i), BatchId(n), Hash(), {}};
                EXPECT_TRUE(rig.anchors->write(line).has_value());
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::map<std::string, std::uint64_t> next;
    const auto read = rig.journal->for_each(
        0, [&](std::uint64_t, std::string_view text, store::LinePosition) -> Result<void> {
            const auto step = wire::parse_anchor_step(text);
            if (!step) return step.error();
            const auto& line = std::get<wire::AnchorWritten>(*step);
            EXPECT_EQ(line.batch_id.value, next[line.target]++);
            return {};
        });
    EXPECT_TRUE(read.has_value());
    EXPECT_EQ(rig.journal->lines(), kThreads * kLines);
}

TEST(FileTarget, KeepsItsLinesApartFromAPartialOne) {
    StampRig rig;
    ASSERT_TRUE(rig.fs.create_dir("outside").has_value());
    rig.fs.set_content("outside/copy.ndjson", "{\"batch_id\":0,\"check");
    auto target = *rig.make_file();
    rig.run_for(*target, 100);
    rig.batches.seal_to(1);
    rig.run_for(*target, 100);
    ASSERT_EQ(rig.copied().size(), 3u);
    for (std::uint64_t batch = 0; batch < 2; ++batch) {
        const auto line = nlohmann::json::parse(rig.copied()[batch + 1]);
        EXPECT_EQ(line["batch_id"], batch);
        EXPECT_EQ(line["checkpoint"], *rig.batches.checkpoint(BatchId(batch)));
    }
}

TEST(FileTarget, AFailedSyncThereWritesTheLineAgainAndHarmsNobodyElse) {
    StampRig rig;
    ASSERT_TRUE(rig.fs.create_dir("outside").has_value());
    auto target = *rig.make_file();
    rig.fs.fail(SimCall::sync_data, 1, Errc::io);
    rig.run_for(*target, 5'000);
    EXPECT_FALSE(target->has_failed());
    EXPECT_EQ(target->status().errors, 1u);
    EXPECT_EQ(target->status().covered_to, BatchId(0));
    EXPECT_EQ(rig.copied().size(), 2u);
}

}  // namespace
}  // namespace anchorlog::testing
