#include <cstdio>
#include <cstdlib>
#include <random>

#include "anchor/anchor_engine.h"
#include "anchorlog/base/log.h"
#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

// What a bad hour does: calls fail, nodes go, come back, lag and ask for peace, answers are lost,
// blocks come when they like, fees jump, the pool forgets, the chain reorganises, somebody else
// sends from our account, the account runs dry, the clock jumps, a second daemon runs on a copy of
// the store, the power fails, and batches are sealed all the while.
using Faults = std::map<std::string, std::uint64_t>;

class Chaos {
public:
    Chaos(std::uint32_t seed, Faults& faults) : random_(seed), faults_(faults) {
        rig_.batches.seal_to(0);
        rig_.chain.mines_at_once = chance(50);
        rig_.target.profile = chance(50) ? "ganache" : "anvil";
        rig_.target.max_fee_cap_wei = 10'000'000'000'000;
        if (chance(60)) rig_.use_nodes(1 + random_() % 3);
        rig_.chain.on_call = [this](std::string_view) -> std::optional<Error> {
            if (is_calm_ || !happens("failed call", 5)) return std::nullopt;
            return Error{Errc::unavailable, "chaos"};
        };
        rig_.start();
    }

    void run() {
        for (int i = 0; i < 600; ++i) {
            rig_.step();
            if (chance(5)) rig_.batches.seal_to(++newest_);
            if (chance(20)) rig_.chain.mine();
            break_chain();
            break_nodes();
            break_account();
            if (happens("clock jump of a day", 1)) {
                const std::int64_t day = chance(50) ? 86'400'000 : -86'400'000;
                rig_.clock.set_wall({rig_.clock.now().wall.ms + day});
            }
            if (happens("power loss", 3)) rig_.crash(random_());
            if (::testing::Test::HasFatalFailure()) return;
        }
        is_calm_ = true;
        for (auto& node : rig_.node) node->heal();
        rig_.chain.forges_receipts = false;
        rig_.chain.base_fee = kBaseFee;
        rig_.chain.set_balance(rig_.key().address(), kRich);
        rig_.chain.mines_at_once = true;
        rig_.chain.mine(4);
        for (int i = 0; i < 40; ++i) {
            rig_.run_for(i < 20 ? 5'000 : 60'000);
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
    static constexpr std::uint64_t kBaseFee = 1'000'000'000;
    static constexpr const char* kRich = "1000000000000000000000";

    bool chance(std::uint32_t percent) { return random_() % 100 < percent; }
    bool happens(const char* fault, std::uint32_t percent) {
        if (!chance(percent)) return false;
        ++faults_[fault];
        return true;
    }

    void break_chain() {
        if (happens("lost answer", 2)) rig_.chain.answers_to_lose = 1;
        if (happens("pool emptied", 1)) rig_.chain.drop_pool();
        if (happens("reorganisation", 1)) {
            const bool keeps = chance(50);
            ++faults_[keeps ? "reorganisation, moved" : "reorganisation, gone"];
            rig_.chain.reorg(1 + random_() % 4, keeps);
        }
        if (happens("base fee times ten", 1)) rig_.chain.base_fee = 10 * kBaseFee;
        if (chance(3)) rig_.chain.base_fee = kBaseFee;
        if (happens("forged receipts", 1)) rig_.chain.forges_receipts = true;
        if (chance(5)) rig_.chain.forges_receipts = false;
    }

    void break_nodes() {
        for (auto& node : rig_.node) {
            if (happens("node out", 2)) node->is_out = true;
            if (chance(5)) node->is_out = false;
            if (happens("node behind", 1)) node->lag = 1 + random_() % 5;
            if (chance(5)) node->lag = 0;
            if (happens("Retry-After", 1)) node->retry_after_ms = 5'000;
            if (chance(5)) node->retry_after_ms = 0;
            if (happens("node of another chain", 1)) node->chain_id_answer = 5;
            if (chance(10)) node->chain_id_answer.reset();
        }
    }

    void break_account() {
        if (happens("foreign transaction", 1)) rig_.send_foreign();
        if (happens("balance gone", 1)) rig_.chain.set_balance(rig_.key().address(), "0");
        if (chance(10)) rig_.chain.set_balance(rig_.key().address(), kRich);
    }

    Rig rig_;
    std::mt19937 random_;
    Faults& faults_;
    std::uint64_t newest_ = 0;
    bool is_calm_ = false;
};

std::uint32_t number_of(const char* variable, std::uint32_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::stoul(text));
}

// ANCHOR_CHAOS_SEED runs one seed, ANCHOR_CHAOS_SEEDS so many.
TEST(AnchorChaos, ExactlyOneAnchorForEveryBatch) {
    configure_log(LogLevel::error, LogFormat::text);
    constexpr std::uint32_t kSeeds = 75;
    const std::uint32_t first = number_of("ANCHOR_CHAOS_SEED", 0);
    const std::uint32_t count =
        std::getenv("ANCHOR_CHAOS_SEED") != nullptr ? 1 : number_of("ANCHOR_CHAOS_SEEDS", kSeeds);
    Faults faults;
    for (std::uint32_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("run again with: ANCHOR_CHAOS_SEED=" + std::to_string(seed) +
                     " build/release/tests/anchor_test --gtest_filter=AnchorChaos.*");
        Chaos chaos(seed, faults);
        chaos.run();
        if (!HasFatalFailure()) chaos.check();
        if (HasFailure()) {
            std::printf(
                "faults: fake chain: a double or lost anchor; again: ANCHOR_CHAOS_SEED=%u "
                "build/release/tests/anchor_test --gtest_filter=AnchorChaos.*\n",
                seed);
            return;
        }
    }
    std::uint64_t total = 0;
    for (const auto& [fault, times] : faults) {
        std::printf("%-24s %llu\n", fault.c_str(), static_cast<unsigned long long>(times));
        if (!fault.starts_with("reorganisation,")) total += times;  // both counted as one already
    }
    std::printf("faults: fake chain: %llu tried over %u seeds, 0 double and 0 lost anchors\n",
                static_cast<unsigned long long>(total), count);
    if (count < kSeeds) return;
    EXPECT_GE(total, 10'000u);
    EXPECT_EQ(faults.size(), 16u) << "a kind of fault never happened";
}

}  // namespace
}  // namespace anchorlog::testing
