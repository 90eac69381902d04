#include "anchorlog/ledger/batch_policy.h"

#include <algorithm>

namespace anchorlog::ledger {

std::string_view to_string(SealReason reason) noexcept {
    switch (reason) {
        case SealReason::count:
            return "count";
        case SealReason::age:
            return "age";
        case SealReason::stop:
            return "stop";
        case SealReason::recover:
            return "recover";
    }
    return "count";
}

std::optional<SealReason> BatchPolicy::due(const OpenBatch& open,
                                           std::optional<SteadyTime> last_seal,
                                           SteadyTime now) const {
    const std::uint64_t entries = open.alerts + open.audits;
    if (entries == 0) return std::nullopt;
    if (entries >= kBatchEntriesHigh) return SealReason::count;
    if (last_seal && now.ms - last_seal->ms < options_.seal_interval_min_ms) return std::nullopt;
    if (open.recovered) return SealReason::recover;
    if (open.alerts >= options_.entries) return SealReason::count;
    if (open.oldest_alert && now.ms - open.oldest_alert->ms >= options_.interval_ms) {
        return SealReason::age;
    }
    if (open.oldest_entry && now.ms - open.oldest_entry->ms >= kAuditIntervalMs) {
        return SealReason::age;
    }
    return std::nullopt;
}

std::optional<SteadyTime> BatchPolicy::next_check(const OpenBatch& open,
                                                  std::optional<SteadyTime> last_seal) const {
    if (open.alerts + open.audits == 0) return std::nullopt;
    std::int64_t at = open.oldest_entry->ms + kAuditIntervalMs;
    if (open.oldest_alert) at = std::min(at, open.oldest_alert->ms + options_.interval_ms);
    if (open.recovered || open.alerts >= options_.entries) at = open.oldest_entry->ms;
    if (last_seal) at = std::max(at, last_seal->ms + options_.seal_interval_min_ms);
    return SteadyTime{at};
}

}  // namespace anchorlog::ledger
