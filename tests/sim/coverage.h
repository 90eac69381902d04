#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace anchorlog::sim {

// What a run can meet. Every one of the faults must have been met by the seeds of a test, or the
// test has shown nothing about it.
enum class Event {
    // The machine.
    power_failure,
    process_kill,
    death_inside_a_call,
    death_while_recovering,
    unsynced_bytes_dropped,
    write_torn,
    writes_reordered,
    length_lied,
    name_lost,
    sync_failed,
    call_failed,
    disk_full,
    start_refused_by_fault,
    clean_stop,
    clock_step,
    key_rotated,
    death_while_rotating,
    segment_archived,
    entry_erased,
    death_while_pruning,
    // The store.
    tail_cut,
    batch_line_torn,
    batch_adopted,
    recovered_entries_sealed,
    segment_rolled,
    state_run_lost,
    state_deleted,
    state_failed,
    gate_closed,
    // The senders.
    reconnect,
    resend,
    duplicate,
    reorder,
    equivocation,
    replay,
    epoch_opened,
    epoch_too_far,
    sender_restored,
    outside_window,
    identity_lie,
    bad_signature,
    schema_lie,
    length_lie,
    session_race,
    // The chain.
    chain_error,
    answer_lost,
    reorganisation,
    // What was reached in spite of it; not faults.
    ack,
    entry,
    batch,
    anchor,
    welcome,
    consistency_path,
    recovery,
    log_verified,
    entry_verified,
    entry_found,
    step,
};
inline constexpr std::size_t kEvents = static_cast<std::size_t>(Event::step) + 1;

[[nodiscard]] const char* to_string(Event event) noexcept;

// How often each was met; sums over runs.
class Coverage {
public:
    void add(Event event, std::uint64_t count = 1) {
        counts_[static_cast<std::size_t>(event)] += count;
    }
    [[nodiscard]] std::uint64_t operator[](Event event) const {
        return counts_[static_cast<std::size_t>(event)];
    }
    void merge(const Coverage& other);
    // Adds one to each that the other has met.
    void merge_met(const Coverage& other);
    // One line a group of faults, each with how often it was tried and, in brackets if any, in how
    // many runs that ended in a violation it had been met; then what was reached.
    [[nodiscard]] std::string to_text(const Coverage& violated) const;
    // The names of those never met, empty when there are none.
    [[nodiscard]] std::string missing() const;

private:
    std::array<std::uint64_t, kEvents> counts_{};
};

}  // namespace anchorlog::sim
