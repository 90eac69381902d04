#include "net/sender_table.h"

#include <algorithm>
#include <utility>

namespace anchorlog::net {

namespace {

constexpr std::int64_t kSweepMs = 1'000;  // between two looks for devices that can be forgotten

}  // namespace

SenderRates::SenderRates(std::string sender, const RateLimits& limits)
    : sender_(std::move(sender)), limits_(limits), all_(limits.sender_per_s, limits.sender_burst),
      receipts_(limits.receipts_per_s, limits.receipts_per_s) {}

SenderRates::Charge SenderRates::charge(const Inbound& inbound, SteadyTime now,
                                        bool with_receipts) {
    const std::lock_guard lock(mutex_);
    Charge charge;
    Limited limited{sender_, limits_.sender_per_s};
    if (limits_.sender_per_s > 0) charge.wait_ms = all_.take(inbound.frames.size(), now);
    if (limits_.device_per_s > 0) {
        for (const InboundFrame& frame : inbound.frames) {
            const auto* alert = std::get_if<wire::Alert>(&frame.content);
            if (alert == nullptr) continue;
            const std::string_view device = alert->device_id.of(inbound.arena);
            const std::int64_t wait_ms = bucket_of(device, now).take(1, now);
            if (wait_ms <= charge.wait_ms) continue;
            charge.wait_ms = wait_ms;
            limited = {sender_ + " " + std::string(device), limits_.device_per_s};
        }
    }
    if (with_receipts && limits_.receipts_per_s > 0) {
        const std::int64_t wait_ms = receipts_.take(inbound.frames.size(), now);
        if (wait_ms > charge.wait_ms) {
            charge.wait_ms = wait_ms;
            limited = {sender_ + " receipts", limits_.receipts_per_s};
        }
    }
    if (charge.wait_ms > 0 && (!told_ || now.ms - told_->ms >= kRateAuditMs)) {
        told_ = now;
        charge.audit = std::move(limited);
    }
    return charge;
}

RateBucket& SenderRates::bucket_of(std::string_view device, SteadyTime now) {
    const auto found = devices_.find(device);
    if (found != devices_.end()) return found->second;
    const bool is_due = !swept_ || now.ms - swept_->ms >= kSweepMs;
    if (devices_.size() >= kRatedDevicesMax && is_due) {
        swept_ = now;
        std::erase_if(devices_, [now](const auto& each) { return each.second.is_full(now); });
    }
    if (devices_.size() >= kRatedDevicesMax) device = "";
    return devices_.try_emplace(std::string(device), limits_.device_per_s, limits_.device_burst)
        .first->second;
}

bool SenderRates::is_at_rest(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    return all_.is_full(now) && receipts_.is_full(now) &&
           std::all_of(devices_.begin(), devices_.end(),
                       [now](const auto& each) { return each.second.is_full(now); });
}

SenderTable::Seat SenderTable::enter(const std::string& sender) {
    const std::lock_guard lock(mutex_);
    if (sessions_ >= sessions_max_) return {{}, {}, "too many sessions"};
    Sender& entry = senders_[sender];
    if (entry.sessions >= sessions_per_sender_max_) {
        return {{}, {}, "too many sessions of this sender"};
    }
    const bool is_limited =
        limits_.sender_per_s > 0 || limits_.device_per_s > 0 || limits_.receipts_per_s > 0;
    if (!entry.rates && is_limited) {
        entry.rates = std::make_shared<SenderRates>(sender, limits_);
    }
    if (!entry.activity) entry.activity = std::make_shared<ActivityMeter::Mark>();
    ++entry.sessions;
    ++sessions_;
    return {entry.rates, entry.activity, {}};
}

void SenderTable::leave(const std::string& sender, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    const auto found = senders_.find(sender);
    --sessions_;
    if (--found->second.sessions > 0) return;
    if (!found->second.rates || found->second.rates->is_at_rest(now)) senders_.erase(found);
}

}  // namespace anchorlog::net
