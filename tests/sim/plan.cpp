#include "sim/plan.h"

namespace anchorlog::sim {
namespace {

constexpr const char* kNames[kActions] = {
    "send",       "read_wire",    "read_answer", "reap",       "commit",      "sync",
    "answer",     "ingest",       "anchor",      "mine",       "pass_time",   "power_failure",
    "kill",       "die_inside",   "fail_sync",   "fail_call",  "fill_disk",   "free_disk",
    "stop",       "delete_state", "fail_state",  "step_clock", "break_chain", "lose_answer",
    "reorganise", "rotate_key",   "prune"};

// Of one step in a thousand, roughly.
constexpr std::uint64_t kWeights[kActions] = {120, 120, 120, 20, 160, 120, 80, 20, 80,
                                              30,  60,  4,   4,  4,   4,   6,  4,  12,
                                              3,   3,   4,   4,  10,  8,   4,  2,  5};

void choose_sizes(Plan& plan, Dice& dice) {
    ledger::RecoveryOptions& recovery = plan.process.recovery;
    recovery.dir = kDir;
    recovery.run_entries = dice.between(1, 30);
    recovery.sequencer.origin = kOrigin;
    // The same relation as in the product's configuration (config.cpp).
    const std::uint64_t group_sizes[] = {3'072, 6'144, 65'536};
    recovery.sequencer.group_bytes_max = dice.of(group_sizes);
    recovery.journal.tail_rewrite_bytes = recovery.sequencer.group_bytes_max;
    const std::uint64_t segment_sizes[] = {1'024, 4'096, 16'384, 1u << 20};
    recovery.journal.segment_bytes = dice.of(segment_sizes);
    const std::uint64_t steps[] = {0, 512, 4'096, 16'384};
    recovery.journal.preallocate_bytes = dice.of(steps);
    recovery.journal.line_size_max = 1u << 17;
    recovery.sequencer.batch.entries = dice.between(1, 12);
    recovery.sequencer.batch.interval_ms = dice.one_in(2) ? 60'000 : 2'000;
    recovery.sequencer.batch.seal_interval_min_ms = dice.one_in(2) ? 0 : 50;
    app::CommitOptions& commit = plan.process.commit;
    commit.store_dir = kDir;
    commit.origin = kOrigin;
    commit.reserve_bytes = 4'096;
    commit.delay_ms = dice.one_in(4) ? 5 : 0;
    commit.start_data = "{\"version\":\"sim\"}";
}

SenderPlan choose_sender(Dice& dice) {
    SenderPlan plan;
    plan.reconnects = dice.one_in(2);
    plan.pads = dice.one_in(3);
    if (dice.one_in(2)) return plan;  // honest
    plan.duplicates = dice.one_in(2);
    plan.reorders = dice.one_in(3);
    plan.equivocates = dice.one_in(2);
    plan.jumps = dice.one_in(3);
    plan.lies = dice.one_in(2);
    plan.restored = dice.one_in(3);
    return plan;
}

}  // namespace

const char* to_string(Action action) noexcept { return kNames[static_cast<std::size_t>(action)]; }

Plan::Plan(std::uint64_t seed, const Machine& machine, Dice& dice) {
    steps = dice.between(200, 1'200);
    constexpr auto kFirstFault = static_cast<std::size_t>(Action::power_failure);
    const std::uint64_t speeds[] = {1, 2, 4};
    for (std::size_t i = 0; i < kActions; ++i) {
        const bool on = i < kFirstFault || dice.one_in(2);
        weights[i] = on ? kWeights[i] * dice.of(speeds) : 0;
    }
    // What is filled is freed again some time.
    weights[static_cast<std::size_t>(Action::free_disk)] =
        weights[static_cast<std::size_t>(Action::fill_disk)] * 3;
    for (const std::uint64_t weight : weights) weight_sum += weight;
    recovery_faults = dice.one_in(2);
    mines_at_once = dice.one_in(2);
    choose_sizes(*this, dice);
    process.anchor_seed = seed;
    process.target.id = "sim";
    process.target.chain_id = testing::SimChain::kChainId;
    process.target.contract = machine.chain.contract();
    process.target.code_hash = eth::log_anchor_code_hash();
    process.target.profile = "custom";
    process.target.confirmations = dice.between(1, 3);
    const std::uint64_t count = dice.between(1, 3);
    for (std::uint64_t i = 0; i < count; ++i) senders.push_back(choose_sender(dice));
    senders[0].signs = dice.one_in(8);
}

Action Plan::next(Dice& dice) const {
    std::uint64_t roll = dice.below(weight_sum);
    for (std::size_t i = 0; i < kActions; ++i) {
        if (roll < weights[i]) return static_cast<Action>(i);
        roll -= weights[i];
    }
    return Action::commit;
}

}  // namespace anchorlog::sim
