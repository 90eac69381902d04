#include "sim/coverage.h"

#include <algorithm>

namespace anchorlog::sim {
namespace {

constexpr const char* kNames[kEvents] = {
    "power_failure",
    "process_kill",
    "death_inside_a_call",
    "death_while_recovering",
    "unsynced_bytes_dropped",
    "write_torn",
    "writes_reordered",
    "length_lied",
    "name_lost",
    "sync_failed",
    "call_failed",
    "disk_full",
    "start_refused_by_fault",
    "clean_stop",
    "clock_step",
    "key_rotated",
    "death_while_rotating",
    "segment_archived",
    "entry_erased",
    "death_while_pruning",
    "tail_cut",
    "batch_line_torn",
    "batch_adopted",
    "recovered_entries_sealed",
    "segment_rolled",
    "state_run_lost",
    "state_deleted",
    "state_failed",
    "gate_closed",
    "reconnect",
    "resend",
    "duplicate",
    "reorder",
    "equivocation",
    "replay",
    "epoch_opened",
    "epoch_too_far",
    "sender_restored",
    "outside_window",
    "identity_lie",
    "bad_signature",
    "schema_lie",
    "length_lie",
    "session_race",
    "chain_error",
    "answer_lost",
    "reorganisation",
    "ack",
    "entry",
    "batch",
    "anchor",
    "welcome",
    "consistency_path",
    "recovery",
    "log_verified",
    "entry_verified",
    "entry_found",
    "step",
};

struct Group {
    const char* name;
    Event first;
    Event last;
};

constexpr Group kFaults[] = {
    {"machine", Event::power_failure, Event::death_while_pruning},
    {"store", Event::tail_cut, Event::gate_closed},
    {"senders", Event::reconnect, Event::session_race},
    {"chain", Event::chain_error, Event::reorganisation},
};
constexpr auto kReached = static_cast<std::size_t>(Event::reorganisation) + 1;

}  // namespace

const char* to_string(Event event) noexcept { return kNames[static_cast<std::size_t>(event)]; }

void Coverage::merge(const Coverage& other) {
    for (std::size_t i = 0; i < kEvents; ++i) counts_[i] += other.counts_[i];
}

void Coverage::merge_met(const Coverage& other) {
    for (std::size_t i = 0; i < kEvents; ++i) counts_[i] += other.counts_[i] > 0 ? 1 : 0;
}

std::string Coverage::to_text(const Coverage& violated) const {
    std::string out;
    for (const Group& group : kFaults) {
        out += std::string("faults: sim, ") + group.name + ":";
        std::uint64_t violations = 0;
        const auto first = static_cast<std::size_t>(group.first);
        const auto last = static_cast<std::size_t>(group.last);
        for (std::size_t i = first; i <= last; ++i) {
            const std::uint64_t bad = violated.counts_[i];
            out += std::string(i == first ? " " : ", ") + kNames[i] + " " +
                   std::to_string(counts_[i]) + (bad > 0 ? " (" + std::to_string(bad) + ")" : "");
            violations = std::max(violations, bad);
        }
        out += " tried, " + std::to_string(violations) + " violations\n";
    }
    out += "reached:";
    for (std::size_t i = kReached; i < kEvents; ++i) {
        out +=
            std::string(i == kReached ? " " : ", ") + kNames[i] + " " + std::to_string(counts_[i]);
    }
    return out + "\n";
}

std::string Coverage::missing() const {
    std::string out;
    for (std::size_t i = 0; i < kEvents; ++i) {
        if (counts_[i] == 0) out += (out.empty() ? "" : ", ") + std::string(kNames[i]);
    }
    return out;
}

}  // namespace anchorlog::sim
