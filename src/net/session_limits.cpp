// What holds a session to its limits: how much of it is read, how fast, and how long it may take.
#include <algorithm>
#include <utility>

#include "anchorlog/base/log.h"
#include "net/session.h"

namespace anchorlog::net {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

void Session::note_activity() {
    const SteadyTime now = steady_now();
    if (!ActivityMeter::is_due(activity_, now)) return;
    const auto active = shared_.activity.count(activity_, *sender_activity_, now);
    shared_.budget.set_crowd(active.senders > 1 ? active.sessions : 0);
}

void Session::slow_down(const Inbound& inbound) {
    for (const InboundFrame& frame : inbound.frames) {
        const auto* hello = std::get_if<wire::Hello>(&frame.content);
        if (hello != nullptr) with_receipts_ = hello->receipts;
    }
    const auto charge = rates_->charge(inbound, steady_now(), with_receipts_);
    if (charge.audit) shared_.sink.rate_limited(charge.audit->subject, charge.audit->per_s);
    if (charge.wait_ms == 0) return;
    shared_.counters.rate_pauses.fetch_add(1);
    set_due(resume_due_, steady_clock::now() + milliseconds(charge.wait_ms));
}

void Session::read_on() {
    if (worker_.reading_stopped) return;
    held_back_ = true;
    if (!may_read()) return;
    let_go();
    await_readable();
}

bool Session::may_read() {
    if (resume_due_ != Deadline::max() || unsent() > kUnsentReadMax) return false;
    if (shared_.budget.allows(unanswered_)) return true;
    // Says that it waits before it looks again, so that a release in between is not missed.
    if (!std::exchange(in_line_, true)) worker_.hold_back(id_);
    return shared_.budget.allows(unanswered_);
}

// What has begun before it was held back gets its time anew.
void Session::wake_reader() {
    if (phase_ != Phase::open || !held_back_ || !may_read()) return;
    let_go();
    expect_bytes();
    if (frame_due_ != Deadline::max()) expect_frame(true);
    await_readable();
}

void Session::let_go() {
    held_back_ = false;
    if (std::exchange(in_line_, false)) worker_.let_go(id_);
}

std::size_t Session::unsent() {
    return tls_ ? pending_.size() + tls_->records().size() - sent_ : 0;
}

void Session::count_unsent() {
    const std::uint64_t held = phase_ == Phase::closed ? 0 : unsent();
    shared_.output.change(std::exchange(counted_unsent_, held), held);
}

void Session::on_due() {
    const auto now = steady_clock::now();
    if (resume_due_ <= now) {
        resume_due_ = Deadline::max();
        wake_reader();
    }
    if (next_due() > now) return;
    if (phase_ == Phase::open && write_due_ > now) return on_silence(now);
    if (phase_ == Phase::handshake) {
        refuse(ConnectionRefusal::unfinished,
               "no TLS handshake within " + std::to_string(shared_.options.handshake_timeout_ms) +
                   " ms");
    } else if (write_due_ <= now) {
        log_line(LogLevel::warn, "session_not_reading", {{"session", id_.value}, {"peer", peer_}});
    }
    log(LogLevel::debug, "session_deadline", {{"session", id_.value}, {"peer", peer_}});
    abort();
}

// What was expected did not come. That is the peer's doing while it is read from.
void Session::on_silence(Deadline now) {
    const bool is_frame_late = frame_due_ <= now;
    const bool is_read = !held_back_ && !worker_.reading_stopped;
    expect_bytes();
    if (is_frame_late) expect_frame(true);
    if (!is_read || (!is_frame_late && unanswered_ > 0)) return;
    log_line(LogLevel::info, is_frame_late ? "session_slow" : "session_idle",
             {{"session", id_.value}, {"peer", peer_}});
    request_close();
}

void Session::expect_bytes() {
    set_due(read_due_, steady_clock::now() + milliseconds(shared_.options.idle_timeout_ms));
}

// Between two frames none is expected, unless none has come yet. `is_new`: what is expected is
// not what was expected before.
void Session::expect_frame(bool is_new) {
    const IngestOptions& options = shared_.options;
    const bool has_begun = !tls_->release_buffers() || !reader_->at_border();
    if (!has_begun && reader_->frames() > 0) {
        frame_due_ = Deadline::max();
    } else if (is_new || frame_due_ == Deadline::max()) {
        const milliseconds timeout(has_begun ? options.frame_timeout_ms
                                             : options.first_frame_timeout_ms);
        set_due(frame_due_, steady_clock::now() + timeout);
    }
}

void Session::expect_no_more() { frame_due_ = resume_due_ = Deadline::max(); }

// A later deadline needs no wake-up: the timer looks again when the earlier one passes.
void Session::set_due(Deadline& which, Deadline due) {
    which = due;
    if (due < timer_.expiry()) timer_.cancel();
}

Session::Deadline Session::next_due() const {
    return std::min({read_due_, write_due_, frame_due_, resume_due_});
}

}  // namespace anchorlog::net
