#include <random>

#include "anchor/anchor_engine.h"
#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

// What a bad hour does: calls fail, answers are lost, blocks come when they like, the pool forgets,
// the chain reorganises, the power fails, and batches are sealed all the while.
class Chaos {
public:
    explicit Chaos(std::uint32_t seed) : random_(seed) {
        rig_.batches.seal_to(0);
        rig_.chain.mines_at_once = chance(50);
        rig_.target.profile = chance(50) ? "ganache" : "anvil";
        rig_.chain.on_call = [this](std::string_view) -> std::optional<Error> {
            if (is_calm_ || !chance(5)) return std::nullopt;
            return Error{Errc::unavailable, "chaos"};
        };
        rig_.start();
    }

    void run() {
        for (int i = 0; i < 600; ++i) {
            rig_.step();
            if (chance(5)) rig_.batches.seal_to(++newest_);
            if (chance(2)) rig_.chain.answers_to_lose = 1;
            if (chance(20)) rig_.chain.mine();
            if (chance(1)) rig_.chain.drop_pool();
            if (chance(1)) rig_.chain.reorg(1 + random_() % 4, chance(50));
            if (chance(3)) rig_.crash(random_());
            if (::testing::Test::HasFatalFailure()) return;
        }
        is_calm_ = true;
        rig_.chain.mines_at_once = true;
        rig_.chain.mine(4);
        for (int i = 0; i < 40; ++i) {
            rig_.run_for(5'000);
            rig_.chain.mine();
        }
    }

    // Every batch has exactly one anchor on the chain, and its proof is on record.
    void check() {
        ASSERT_EQ(rig_.engine->status().covered_to, BatchId(newest_))
            << rig_.state() << ": " << rig_.reason();
        std::map<BatchId, wire::AnchorReceipt> live;
        for (const auto& line : rig_.lines()) {
            if (const auto* receipt = std::get_if<wire::AnchorReceipt>(&line)) {
                live[receipt->batch_id] = *receipt;
            } else if (const auto* gone = std::get_if<wire::AnchorSuperseded>(&line)) {
                const auto found = live.find(gone->batch_id);
                if (found != live.end() && found->second.hash == gone->hash) live.erase(found);
            }
        }
        std::uint64_t next = 0;
        const auto events = rig_.chain.events(rig_.batches.log_id());
        for (const auto& event : events) {
            EXPECT_EQ(event.from_batch.value, next);
            next = event.batch_id.value + 1;
            ASSERT_TRUE(live.contains(event.batch_id)) << event.batch_id.value;
            const auto& receipt = live[event.batch_id];
            EXPECT_EQ(receipt.block_hash, (*rig_.chain.block(receipt.block_number))->hash);
        }
        EXPECT_EQ(live.size(), events.size());
        EXPECT_EQ(next, newest_ + 1);
        EXPECT_TRUE(rig_.forks.empty());
    }

private:
    bool chance(std::uint32_t percent) { return random_() % 100 < percent; }

    Rig rig_;
    std::mt19937 random_;
    std::uint64_t newest_ = 0;
    bool is_calm_ = false;
};

TEST(AnchorChaos, ExactlyOneAnchorForEveryBatch) {
    for (std::uint32_t seed = 0; seed < 25; ++seed) {
        SCOPED_TRACE(seed);
        Chaos chaos(seed);
        chaos.run();
        chaos.check();
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace anchorlog::testing
