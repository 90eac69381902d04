#pragma once

#include <array>
#include <vector>

#include "sim/process.h"
#include "sim/sender.h"

namespace anchorlog::sim {

// Who or what moves next.
enum class Action {
    send,
    read_wire,
    read_answer,
    reap,
    commit,
    sync,
    answer,
    ingest,
    anchor,
    mine,
    pass_time,
    // From here on: faults.
    power_failure,
    kill,
    die_inside,
    fail_sync,
    fail_call,
    fill_disk,
    free_disk,
    stop,
    delete_state,
    fail_state,
    step_clock,
    break_chain,
    lose_answer,
    reorganise,
    rotate_key,
    prune,
};
inline constexpr std::size_t kActions = static_cast<std::size_t>(Action::prune) + 1;
[[nodiscard]] const char* to_string(Action action) noexcept;

// What a seed decides before the first step: which kinds of fault it has at all (each seed turns
// some off, so that runs differ in kind and not only in detail), how often each actor moves, and
// how the log is configured.
struct Plan {
    explicit Plan(std::uint64_t seed, const Machine& machine, Dice& dice);

    std::uint64_t steps = 0;
    std::array<std::uint64_t, kActions> weights{};  // 0: never
    std::uint64_t weight_sum = 0;
    bool recovery_faults = false;
    bool mines_at_once = false;
    ProcessOptions process;
    std::vector<SenderPlan> senders;

    [[nodiscard]] Action next(Dice& dice) const;
};

}  // namespace anchorlog::sim
