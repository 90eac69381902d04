#include "anchor/stamp_fsm.h"

#include <algorithm>

#include "anchor/backoff.h"

namespace anchorlog::anchor {

namespace {

constexpr std::int64_t kIdleWaitMs = 60'000;
constexpr std::int64_t kBackoffMaxMs = 60'000;
// Nobody may hold a target back for longer by asking to be left alone.
constexpr std::int64_t kRetryAfterMaxMs = 600'000;

// A clock that was set back must not defer the next stamp by more than the interval.
std::int64_t rest_of(std::int64_t interval_ms, const StampFsm::Resume& resume, WallTime now) {
    if (!resume.last_at) return 0;
    return std::clamp<std::int64_t>(resume.last_at->ms + interval_ms - now.ms, 0, interval_ms);
}

}  // namespace

StampFsm::StampFsm(std::int64_t interval_ms, const Resume& resume, Now now, std::uint64_t seed)
    : interval_ms_(interval_ms), random_(seed | 1), covered_to_(resume.covered_to),
      due_at_{now.steady.ms + rest_of(interval_ms, resume, now.wall)}, retry_at_(now.steady) {}

StampFsm::Action StampFsm::step(const Event& event, SteadyTime now) {
    std::visit([&](const auto& happened) { on(happened, now); }, event);
    const SteadyTime start{std::max(due_at_.ms, retry_at_.ms)};
    if (line_) return now < retry_at_ ? Action(Wait{retry_at_}) : Action(Record{*line_});
    // What was sealed while a line was being made and written has woken nobody: look once more.
    if (std::holds_alternative<Recorded>(event)) return Wait{now};
    if (!is_behind()) return Wait{{now.ms + kIdleWaitMs}};
    if (now < start) return Wait{start};
    // While a failing place is waited for, newer batches may have been sealed: they are looked up
    // by the Ticked that ends the wait.
    stamping_ = newest_;
    return Stamp{*newest_};
}

void StampFsm::on(const Ticked& event, SteadyTime) {
    if (event.newest) newest_ = event.newest;
}

void StampFsm::on(const Stamped& event, SteadyTime) {
    line_ = event.line;
    failures_ = 0;
    reason_.clear();
}

void StampFsm::on(const Recorded&, SteadyTime now) {
    covered_to_ = stamping_;
    line_.reset();
    failures_ = 0;
    reason_.clear();
    due_at_ = {now.ms + interval_ms_};
}

void StampFsm::on(const Failed& event, SteadyTime now) {
    ++failures_;
    ++errors_;
    reason_ = event.reason;
    const std::int64_t asked = std::min(event.retry_after_ms, kRetryAfterMaxMs);
    retry_at_ = {now.ms + std::max(asked, backoff_ms(failures_, kBackoffMaxMs, random_))};
}

bool StampFsm::is_behind() const { return newest_ && (!covered_to_ || *covered_to_ < *newest_); }

const char* StampFsm::state(SteadyTime now) const {
    if (failures_ > 0) return "stalled";
    if (line_) return "sending";
    if (!is_behind()) return covered_to_ ? "final" : "idle";
    return now < due_at_ ? "queued" : "sending";
}

}  // namespace anchorlog::anchor
