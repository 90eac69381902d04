#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "anchorlog/base/types.h"

namespace anchorlog::ledger {

// A batch never holds more entries than this.
inline constexpr std::uint64_t kBatchEntriesMax = 65'536;
// A batch this large is sealed at once, so that one more commit group still fits below the cap.
inline constexpr std::uint64_t kBatchEntriesHigh = 32'768;
// Audit entries alone wait this long: nobody without a certificate can spend the owner's gas.
inline constexpr std::int64_t kAuditIntervalMs = 3'600'000;

struct BatchPolicyOptions {
    std::uint64_t entries = 50;
    std::int64_t interval_ms = 60'000;
    std::int64_t seal_interval_min_ms = 50;
};

// What the open batch looks like to the policy.
struct OpenBatch {
    std::uint64_t alerts = 0;
    std::uint64_t audits = 0;
    std::optional<SteadyTime> oldest_alert;  // when it became durable
    std::optional<SteadyTime> oldest_entry;
    bool recovered = false;  // holds entries found at start: seal them first
};

enum class SealReason { count, age, stop, recover };
[[nodiscard]] std::string_view to_string(SealReason reason) noexcept;

// When to seal (design §4). Pure.
class BatchPolicy {
public:
    explicit BatchPolicy(BatchPolicyOptions options) : options_(options) {}

    [[nodiscard]] std::optional<SealReason> due(const OpenBatch& open,
                                                std::optional<SteadyTime> last_seal,
                                                SteadyTime now) const;
    // The next moment at which due() may change its mind without a new entry.
    [[nodiscard]] std::optional<SteadyTime> next_check(const OpenBatch& open,
                                                       std::optional<SteadyTime> last_seal) const;

private:
    BatchPolicyOptions options_;
};

}  // namespace anchorlog::ledger
