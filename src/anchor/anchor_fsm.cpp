#include "anchor/anchor_fsm.h"

#include <algorithm>

#include "anchor/send_class.h"

namespace anchorlog::anchor {

namespace {

SteadyTime after(SteadyTime now, std::int64_t ms) { return {now.ms + ms}; }

}  // namespace

std::string_view to_string(Stage stage) noexcept {
    switch (stage) {
        case Stage::idle:
            return "idle";
        case Stage::queued:
            return "queued";
        case Stage::prepared:
            return "prepared";
        case Stage::sending:
            return "sending";
        case Stage::pooled:
            return "pooled";
        case Stage::mined:
            return "mined";
        case Stage::confirmed:
            return "confirmed";
        case Stage::final:
            return "final";
        case Stage::adopted:
            return "adopted";
        case Stage::stalled:
            return "stalled";
        case Stage::conflict:
            return "conflict";
        case Stage::superseded:
            return "superseded";
    }
    return "stalled";
}

AnchorFsm::Flight::Flight() = default;

AnchorFsm::AnchorFsm(Profile profile, std::int64_t interval_ms, Resume resume, Now now,
                     std::uint64_t seed)
    : profile_(profile), interval_ms_(interval_ms), random_(seed | 1), retry_at_(now.steady),
      due_at_(now.steady), watch_at_(now.steady), receipts_(std::move(resume.receipts)) {
    if (resume.last_attempt_at) {
        const std::int64_t elapsed = now.wall.ms - resume.last_attempt_at->ms;
        const auto rest = std::clamp<std::int64_t>(interval_ms_ - elapsed, 0, interval_ms_);
        due_at_ = after(now.steady, rest);
    }
    for (std::size_t i = 0; i + kRewatchedMax < receipts_.size(); ++i) {
        receipts_[i].is_settled = true;
    }
    if (!receipts_.empty()) {
        stage_ = profile_.is_final_later ? Stage::confirmed : Stage::final;
        sent_batch_ = receipts_.back().batch;
        sent_transaction_ = receipts_.back().mined.transaction;
    }
    if (!resume.attempts.empty()) {
        flight_.emplace();
        flight_->batch = resume.attempts.back().batch_id;
        flight_->attempts = std::move(resume.attempts);
        flight_->look_at = now.steady;
        stage_ = Stage::sending;
        sent_batch_ = flight_->batch;
        sent_transaction_ = flight_->attempts.back().hash;
    }
}

Action AnchorFsm::step(const Event& event, SteadyTime now) {
    std::visit([&](const auto& happened) { on(happened, now); }, event);
    return decide(now);
}

Stage AnchorFsm::stage() const {
    const bool is_at_fee_cap = flight_ && !flight_->fee_refusal.empty();
    return is_forked_ || is_at_fee_cap || !hold_.empty() ? Stage::stalled : stage_;
}

const std::string& AnchorFsm::reason() const {
    if (!hold_.empty()) return hold_;
    if (flight_ && !flight_->fee_refusal.empty()) return flight_->fee_refusal;
    return stage_ == Stage::conflict ? conflict_ : hold_;
}

std::optional<BatchId> AnchorFsm::covered_to() const {
    return receipts_.empty() ? std::nullopt : std::optional(receipts_.back().batch);
}

void AnchorFsm::on(const Ticked& event, SteadyTime) { newest_ = event.newest; }

void AnchorFsm::on(const GatesChecked& event, SteadyTime now) {
    nothing_newer_ = false;
    if (!event.refusal.empty()) {
        has_asked_ = true;
        return hold(event.refusal, now);
    }
    gates_open_ = true;
    hold_.clear();
    chain_next_ = event.next_batch;
    // A head below what we have receipts for: a reorg, or another chain's data behind this node.
    if (!receipts_.empty() && receipts_.back().batch.value >= chain_next_) watch_at_ = now;
    if (chain_next_ == 0) {
        has_asked_ = true;
        nothing_newer_ = receipts_.empty();
        return;
    }
    const BatchId top(chain_next_ - 1);
    nothing_newer_ = newest_ && *newest_ >= top && event.is_newest_ours &&
                    (receipts_.empty() || receipts_.back().batch <= top);
    if (!newest_ || *newest_ < top) {
        suspect_ = Suspect{top, true};
    } else if (!event.is_newest_ours) {
        if (!conflicts_.contains(top)) suspect_ = Suspect{top, false};
    } else if (!flight_ && !has_receipt(top) && !unfindable_.contains(top)) {
        finding_ = top;
    }
    if (!suspect_) has_asked_ = true;
}

void AnchorFsm::on(const Prepared& event, SteadyTime now) {
    if (!flight_) {
        flight_.emplace();
        flight_->batch = event.attempt.batch_id;
        due_at_ = after(now, interval_ms_);
    }
    flight_->attempts.push_back(event.attempt);
    flight_->task = Task::record;
    flight_->first_sent.reset();
    flight_->answer.reset();
    stage_ = Stage::prepared;
}

void AnchorFsm::on(const PrepareRefused& event, SteadyTime now) {
    if (flight_) {
        // No higher fee to be had: what was sent stays the best, and goes out again.
        flight_->fee_refusal = event.reason;
        ++errors_;
        flight_->first_sent = now;
        flight_->task = Task::look;
        flight_->look_at = after(now, profile_.poll_ms);
        return;
    }
    ANCHORLOG_ASSERT(preparing_.has_value());
    flight_.emplace();
    flight_->batch = *preparing_;
    flight_->refusal = event.reason;
    flight_->look_at = now;
}

void AnchorFsm::on(const AttemptRecorded&, SteadyTime) {
    flight_->task = Task::send;
    stage_ = Stage::sending;
    sent_batch_ = flight_->batch;
    sent_transaction_ = flight_->attempts.back().hash;
}

void AnchorFsm::on(const Sent& event, SteadyTime now) {
    Flight& flight = *flight_;
    if (!flight.first_sent) flight.first_sent = now;
    flight.last_sent = now;
    flight.answer = event.answer;
    flight.task = Task::look;
    flight.look_at = now;
    if (event.answer.kind == SendClass::accepted || event.answer.kind == SendClass::known) {
        stage_ = Stage::pooled;
        progress();
    }
}

void AnchorFsm::on(const Looked& event, SteadyTime now) {
    switch (event.kind) {
        case Looked::Kind::mined:
            return on_mined(event, now);
        case Looked::Kind::nothing:
            return on_nothing(event, now);
        case Looked::Kind::other:
            suspect_ = Suspect{flight_->batch, false};
            return;
        case Looked::Kind::ours_elsewhere:
            flight_->task = Task::find;
            stage_ = Stage::adopted;
            return;
        case Looked::Kind::failed:
            // Its nonce is spent: whatever is newest then gets a new one.
            flight_.reset();
            gates_open_ = false;
            due_at_ = now;
            stage_ = Stage::queued;
            return hold(event.detail, now);
    }
}

void AnchorFsm::on_mined(const Looked& event, SteadyTime now) {
    Flight& flight = *flight_;
    flight.look_at = after(now, profile_.poll_ms);
    if (!event.is_canonical) {
        // A receipt of ours vanishes with its block; an adopted event is only told by the block.
        if (flight.adopted) missed_mined(now);
        return;
    }
    progress();
    flight.misses = 0;
    flight.fee_refusal.clear();
    flight.mined = event.mined;
    sent_transaction_ = event.mined.transaction;
    stage_ = flight.adopted ? Stage::adopted : Stage::mined;
    if (is_confirmed(event)) flight.task = Task::harvest;
}

bool AnchorFsm::is_confirmed(const Looked& look) const {
    if (profile_.confirm != ConfirmRule::depth) {
        return look.tagged && *look.tagged >= look.mined.block_number;
    }
    return look.head + 1 >= look.mined.block_number + profile_.depth;
}

void AnchorFsm::on_nothing(const Looked& event, SteadyTime now) {
    Flight& flight = *flight_;
    if (flight.mined || flight.adopted) return missed_mined(now);
    // Between reading recordOf and head our own transaction may have been mined; one more than
    // that, and a later anchor covers this batch.
    if (event.next_batch > flight.batch.value + 1) {
        flight_.reset();
        gates_open_ = false;
        stage_ = Stage::superseded;
        return;
    }
    if (flight.attempts.empty()) {
        std::string reason = std::move(flight.refusal);
        flight_.reset();
        gates_open_ = false;
        return hold(std::move(reason), now);
    }
    if (event.nonce != flight.attempts.back().nonce) return missed_nonce(now);
    flight.misses = 0;
    if (!flight.answer) {
        flight.task = Task::send;
        stage_ = Stage::sending;
        return;
    }
    switch (flight.answer->kind) {
        case SendClass::accepted:
        case SendClass::known:
        case SendClass::underpriced:  // Ganache says so to the very bytes it holds
            return on_pooled(now);
        default:
            return on_refused_send(now);
    }
}

void AnchorFsm::on_pooled(SteadyTime now) {
    Flight& flight = *flight_;
    stage_ = Stage::pooled;
    const bool is_slow = now.ms - flight.first_sent->ms >= profile_.bump_ms;
    if (is_slow && flight.attempts.size() < kAttemptsMax) {
        flight.task = Task::replace;
    } else if (now.ms - flight.last_sent.ms >= profile_.lost_ms) {
        flight.task = Task::send;
    } else {
        flight.look_at = after(now, profile_.poll_ms);
    }
}

void AnchorFsm::on_refused_send(SteadyTime now) {
    Flight& flight = *flight_;
    const SendAnswer answer = std::move(*flight.answer);
    flight.answer.reset();
    flight.look_at = now;
    const bool needs_other_fields =
        answer.kind == SendClass::fee_cap || answer.kind == SendClass::gas;
    if (needs_other_fields && flight.attempts.size() < kAttemptsMax) flight.task = Task::replace;
    gates_open_ = false;
    hold("the node refused the transaction (" + std::string(to_string(answer.kind)) +
             "): " + answer.message,
         now);
}

// The receipt of what was mined is gone, or the event that was adopted.
void AnchorFsm::missed_mined(SteadyTime now) {
    Flight& flight = *flight_;
    if (++flight.misses < kMissesMax) {
        flight.look_at = after(now, profile_.poll_ms);
        return;
    }
    flight.misses = 0;
    ++reorgs_;
    if (!flight.mined) flight.mined = flight.adopted;
    flight.task = Task::supersede;
}

// Another nonce is next: these bytes cannot be mined now, and perhaps never.
void AnchorFsm::missed_nonce(SteadyTime now) {
    Flight& flight = *flight_;
    if (++flight.misses < kMissesMax) {
        flight.look_at = after(now, profile_.poll_ms);
        return;
    }
    flight_.reset();
    due_at_ = now;
    stage_ = Stage::queued;
}

void AnchorFsm::on(const EventFound& event, SteadyTime now) {
    if (flight_) {
        flight_->task = Task::look;
        flight_->look_at = now;
        flight_->adopted = event.mined;
        if (!event.mined) {
            hold("the contract holds our record of batch " + std::to_string(flight_->batch.value) +
                     " but its event is not found",
                 now);
        }
        return;
    }
    ANCHORLOG_ASSERT(finding_.has_value());
    const BatchId batch = *finding_;
    finding_.reset();
    if (!event.mined) {
        unfindable_.insert(batch);
        ++errors_;
        return;
    }
    flight_.emplace();
    flight_->batch = batch;
    flight_->adopted = event.mined;
    flight_->look_at = now;
    stage_ = Stage::adopted;
}

void AnchorFsm::on(const Harvested& event, SteadyTime) {
    flight_->receipt = event.receipt;
    flight_->task = Task::keep;
}

void AnchorFsm::on(const ReceiptRecorded&, SteadyTime now) {
    const wire::AnchorReceipt& receipt = *flight_->receipt;
    std::erase_if(receipts_, [&](const LiveReceipt& r) { return r.batch == receipt.batch_id; });
    receipts_.push_back({receipt.batch_id,
                         receipt.from_batch,
                         {receipt.hash, receipt.block_number, receipt.block_hash},
                         false});
    std::sort(receipts_.begin(), receipts_.end(),
              [](const LiveReceipt& a, const LiveReceipt& b) { return a.batch < b.batch; });
    chain_next_ = std::max(chain_next_, receipt.batch_id.value + 1);
    // What was not found may have been between two blocks then: a reorganisation can bring it back.
    unfindable_.clear();
    flight_.reset();
    progress();
    stage_ = profile_.is_final_later ? Stage::confirmed : Stage::final;
    watch_at_ = &watched() == &receipts_.back() ? after(now, profile_.watch_ms) : now;
}

void AnchorFsm::on(const SupersededRecorded&, SteadyTime now) {
    if (flight_ && !flight_->attempts.empty()) {
        // The pool may have dropped it: the same bytes go out again.
        flight_->mined.reset();
        flight_->adopted.reset();
        flight_->answer.reset();
        flight_->task = Task::look;
        flight_->look_at = now;
        stage_ = Stage::sending;
        return;
    }
    if (flight_) {
        flight_.reset();
    } else {
        const auto gone =
            std::find_if(receipts_.begin(), receipts_.end(),
                         [&](const LiveReceipt& r) { return r.batch == superseding_; });
        if (gone != receipts_.begin()) std::prev(gone)->is_settled = false;
        receipts_.erase(gone);
        superseding_.reset();
    }
    unfindable_.clear();
    // Older receipts may be gone as well, and what is next on the chain is another batch.
    watch_misses_ = 0;
    watch_at_ = now;
    due_at_ = now;
    gates_open_ = false;
    stage_ = Stage::superseded;
}

// The newest one that nothing newer vouches for yet, before the newest itself.
LiveReceipt& AnchorFsm::watched() {
    for (std::size_t i = receipts_.size() - 1; i-- > 0;) {
        if (!receipts_[i].is_settled) return receipts_[i];
    }
    return receipts_.back();
}

void AnchorFsm::on(const Watched& event, SteadyTime now) {
    LiveReceipt& receipt = watched();
    if (event.stands) {
        watch_misses_ = 0;
        if (&receipt != &receipts_.back()) {
            receipt.is_settled = true;
            watch_at_ = now;
            return;
        }
        watch_at_ = after(now, profile_.watch_ms);
        const bool is_final = event.finalized && *event.finalized >= receipt.mined.block_number;
        if (stage_ == Stage::confirmed && is_final) stage_ = Stage::final;
        return;
    }
    watch_at_ = after(now, profile_.poll_ms);
    if (++watch_misses_ < kMissesMax) return;
    ++reorgs_;
    superseding_ = receipt.batch;
}

void AnchorFsm::on(const Examined& event, SteadyTime now) {
    const Suspect suspect = *suspect_;
    suspect_.reset();
    const std::string batch = "batch " + std::to_string(suspect.batch.value);
    if (suspect.is_above) {
        const std::string what = "the chain's head is above ours: " + batch +
                                 " is anchored and not in this store: " + event.detail;
        gates_open_ = false;
        if (event.is_proven && event.is_our_seal) fork_ = what;
        has_asked_ = has_asked_ || !fork_;
        return hold(what, now);
    }
    const std::string what = "the chain holds another record of " + batch + ": " + event.detail;
    if (!event.is_proven) {
        gates_open_ = false;
        has_asked_ = true;
        return hold("unproven: " + what, now);
    }
    conflicts_.insert(suspect.batch);
    conflict_ = what;
    stage_ = Stage::conflict;
    ++errors_;
    if (flight_ && flight_->batch == suspect.batch) flight_.reset();
    chain_next_ = std::max(chain_next_, suspect.batch.value + 1);
    if (event.is_our_seal) fork_ = what;
    has_asked_ = has_asked_ || !fork_;
}

void AnchorFsm::on(const ForkRaised&, SteadyTime) {
    hold_ = *fork_;
    fork_.reset();
    is_forked_ = true;
    has_asked_ = true;
}

void AnchorFsm::on(const Failed& event, SteadyTime now) {
    if (flight_) {
        // Whether it arrived is not known: the chain is asked before the bytes go out again.
        if (flight_->task == Task::send) {
            if (!flight_->first_sent) flight_->first_sent = now;
            flight_->last_sent = now;
        }
        const bool asks_chain_again = flight_->task == Task::send || flight_->task == Task::harvest;
        if (asks_chain_again) flight_->task = Task::look;
        flight_->look_at = now;
    }
    suspect_.reset();
    gates_open_ = false;
    has_asked_ = true;
    hold(event.reason, now, profile_.probe_max_ms);
}

}  // namespace anchorlog::anchor
