#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "anchorlog/base/types.h"
#include "anchorlog/net/ingest.h"
#include "net/activity_meter.h"
#include "net/rate_bucket.h"

namespace anchorlog::net {

// Devices of one sender whose rates are told apart; those beyond share one.
inline constexpr std::size_t kRatedDevicesMax = 4'096;
// A sender that is held to its rate is on record once in this time.
inline constexpr std::int64_t kRateAuditMs = 60'000;

// What one sender's sessions read, held against its rate and its devices' rates. Any thread.
class SenderRates {
public:
    struct Limited {
        std::string subject;  // as IngestSink::rate_limited wants it
        std::uint32_t per_s = 0;
    };
    struct Charge {
        std::int64_t wait_ms = 0;      // before the session is read on
        std::optional<Limited> audit;  // set: to be put on record
    };

    SenderRates(std::string sender, const RateLimits& limits);

    // What a session has just read. Every frame counts for the sender, every alert for its device,
    // and, of a session that asked for them, as a receipt.
    [[nodiscard]] Charge charge(const Inbound& inbound, SteadyTime now, bool with_receipts = false);
    // Forgetting it changes nothing.
    [[nodiscard]] bool is_at_rest(SteadyTime now);

private:
    [[nodiscard]] RateBucket& bucket_of(std::string_view device, SteadyTime now);

    const std::string sender_;
    const RateLimits limits_;
    std::mutex mutex_;
    RateBucket all_;
    RateBucket receipts_;
    std::map<std::string, RateBucket, std::less<>> devices_;  // "": those beyond the limit
    std::optional<SteadyTime> told_;
    std::optional<SteadyTime> swept_;
};

// The sessions of all senders, counted. Any thread.
class SenderTable {
public:
    struct Seat {
        std::shared_ptr<SenderRates> rates;  // null: no rate is limited
        std::shared_ptr<ActivityMeter::Mark> activity;
        std::string refusal;  // not empty: there is no room, and why
    };

    explicit SenderTable(const IngestOptions& options)
        : sessions_max_(options.connections_max),
          sessions_per_sender_max_(options.sessions_per_sender_max), limits_(options.rates) {}

    [[nodiscard]] Seat enter(const std::string& sender);
    // One of its sessions is gone. What it owes is kept: coming back does not pay for it.
    void leave(const std::string& sender, SteadyTime now);

private:
    struct Sender {
        std::uint32_t sessions = 0;
        std::shared_ptr<SenderRates> rates;
        std::shared_ptr<ActivityMeter::Mark> activity;
    };

    const std::uint32_t sessions_max_;
    const std::uint32_t sessions_per_sender_max_;
    const RateLimits limits_;
    std::mutex mutex_;
    std::uint64_t sessions_ = 0;
    std::map<std::string, Sender> senders_;  // registered names only: no stranger makes it grow
};

}  // namespace anchorlog::net
