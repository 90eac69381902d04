#include <algorithm>

#include "anchor/anchor_fsm.h"

namespace anchorlog::anchor {

namespace {

constexpr std::int64_t kIdleWaitMs = 60'000;

}  // namespace

Action AnchorFsm::decide(SteadyTime now) {
    if (fork_) return RaiseFork{*fork_};
    // Only a restart, after the operator cleared it, leads out of a fork.
    if (is_forked_) return Wait{{now.ms + kIdleWaitMs}};
    if (now < retry_at_) return Wait{retry_at_};
    if (!gates_open_) return CheckGates{};
    if (suspect_) return Examine{suspect_->batch};
    return flight_ ? decide_flight(now) : decide_idle(now);
}

Action AnchorFsm::decide_flight(SteadyTime now) {
    const Flight& flight = *flight_;
    switch (flight.task) {
        case Task::replace: {
            const wire::AnchorAttempt& last = flight.attempts.back();
            return Prepare{flight.batch, Replaced{last.nonce, last.max_fee, last.priority_fee}};
        }
        case Task::record:
            return RecordAttempt{flight.attempts.back()};
        case Task::send:
            return Send{flight.attempts.back()};
        case Task::look:
            if (now < flight.look_at) return Wait{flight.look_at};
            return look_up();
        case Task::find:
            return FindEvent{flight.batch};
        case Task::harvest:
            return Harvest{flight.batch, *flight.mined};
        case Task::keep:
            return RecordReceipt{*flight.receipt};
        case Task::supersede:
            return RecordSuperseded{flight.batch, flight.mined->transaction,
                                    "its block left the chain before it was confirmed"};
    }
    return Wait{{now.ms + kIdleWaitMs}};
}

Action AnchorFsm::look_up() const {
    LookUp out{flight_->batch, {}, flight_->adopted};
    for (auto it = flight_->attempts.rbegin(); it != flight_->attempts.rend(); ++it) {
        out.transactions.push_back(it->hash);
    }
    return out;
}

Action AnchorFsm::decide_idle(SteadyTime now) {
    if (!superseding_) superseding_ = overlapped_receipt();
    if (superseding_) {
        const auto gone = std::find_if(receipts_.begin(), receipts_.end(),
                                       [&](const auto& r) { return r.batch == superseding_; });
        return RecordSuperseded{gone->batch, gone->mined.transaction, "its block left the chain"};
    }
    if (!receipts_.empty() && now >= watch_at_) return Watch{watched().mined};
    if (watch_misses_ > 0) return Wait{watch_at_};  // nothing is sent onto ground that moves
    if (!finding_) finding_ = missing_receipt();
    if (finding_) return FindEvent{*finding_};
    const SteadyTime next_watch = receipts_.empty() ? SteadyTime{now.ms + kIdleWaitMs} : watch_at_;
    if (!newest_ || !is_wanted(*newest_)) return Wait{next_watch};
    if (stage_ != Stage::conflict) stage_ = Stage::queued;
    if (now < due_at_) return Wait{std::min(due_at_, next_watch)};
    preparing_ = newest_;
    return Prepare{*newest_, std::nullopt};
}

bool AnchorFsm::is_wanted(BatchId batch) const {
    return batch.value >= chain_next_ && !conflicts_.contains(batch) && !has_receipt(batch);
}

bool AnchorFsm::has_receipt(BatchId batch) const {
    return std::any_of(receipts_.begin(), receipts_.end(),
                       [&](const LiveReceipt& receipt) { return receipt.batch == batch; });
}

// Every batch has exactly one anchor. Where the batch just before an anchor's first one has no
// receipt of its own on record, that anchor exists on the chain and its proof is missing here; or
// it is somebody else's, which is how a conflict is found again after a restart.
std::optional<BatchId> AnchorFsm::missing_receipt() const {
    for (auto it = receipts_.rbegin(); it != receipts_.rend(); ++it) {
        if (it->from.value == 0) continue;
        const BatchId before(it->from.value - 1);
        const bool is_next = std::next(it) != receipts_.rend() && std::next(it)->batch == before;
        const bool is_told = unfindable_.contains(before) || conflicts_.contains(before);
        if (!is_next && !is_told) return before;
    }
    return std::nullopt;
}

// Two anchors never cover one batch. Where two receipts say so, the older block left the chain
// before the newer one came.
std::optional<BatchId> AnchorFsm::overlapped_receipt() const {
    for (std::size_t i = 1; i < receipts_.size(); ++i) {
        if (receipts_[i - 1].batch >= receipts_[i].from) return receipts_[i - 1].batch;
    }
    return std::nullopt;
}

void AnchorFsm::hold(std::string reason, SteadyTime now) {
    hold(std::move(reason), now, profile_.backoff_max_ms);
}

void AnchorFsm::hold(std::string reason, SteadyTime now, std::int64_t rest_max_ms) {
    hold_ = std::move(reason);
    ++failures_;
    ++errors_;
    retry_at_ = {now.ms + backoff_ms(failures_, rest_max_ms, random_)};
}

void AnchorFsm::progress() {
    hold_.clear();
    failures_ = 0;
}

}  // namespace anchorlog::anchor
