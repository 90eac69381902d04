#include "app/intake.h"

#include <algorithm>
#include <utility>

#include "anchorlog/base/assert.h"
#include "anchorlog/wire/frame.h"

namespace anchorlog::app {

void Intake::add(net::Inbound inbound) {
    const net::SessionId id = inbound.session;
    Session& session = sessions_[id];
    session.pending.push_back(std::move(inbound));
    queue(id, session);
}

void Intake::queue(net::SessionId id, Session& session) {
    if (session.queued || session.asked || session.waiting || session.pending.empty()) return;
    session.queued = true;
    ready_.push_back(id);
}

void Intake::settled() {
    for (auto& [id, session] : sessions_) {
        if (!session.waiting) continue;
        session.waiting = false;
        queue(id, session);
    }
}

void Intake::run(Now now, const std::string& checkpoint) {
    while (!ready_.empty()) {
        const net::SessionId id = ready_.front();
        ready_.pop_front();
        Session& session = sessions_[id];
        session.queued = false;
        if (work_on(id, session, now, checkpoint)) continue;
        session.queued = true;
        ready_.push_front(id);
        return;
    }
}

// One Inbound of one session: the unit of fairness.
bool Intake::work_on(net::SessionId id, Session& session, Now now, const std::string& checkpoint) {
    const net::Inbound& inbound = session.pending.front();
    while (session.next_frame < inbound.frames.size()) {
        const net::InboundFrame& frame = inbound.frames[session.next_frame];
        if (!session.ended) {
            if (const auto* alert = std::get_if<wire::Alert>(&frame.content)) {
                if (!sequencer_.has_room(alert->canonical.size)) return false;
                if (take_alert(id, session, frame, *alert, now) == Step::hold) return true;
            } else if (const auto* hello = std::get_if<wire::Hello>(&frame.content)) {
                take_hello(id, session, *hello, checkpoint);
                return true;
            } else {
                refuse(id, session, frame.frame, std::get<wire::Refusal>(frame.content), now);
            }
        }
        ++session.next_frame;
    }
    finish_frame(id, session);
    return true;
}

// Leaves the Inbound when its last frame is done.
void Intake::finish_frame(net::SessionId id, Session& session) {
    const net::Inbound& inbound = session.pending.front();
    if (session.next_frame < inbound.frames.size()) return queue(id, session);
    replies_to(id).released_bytes += inbound.bytes;
    const bool last = inbound.last;
    session.pending.pop_front();
    session.next_frame = 0;
    if (last) {
        sessions_.erase(id);
    } else {
        queue(id, session);
    }
}

wire::Refusal Intake::refusal_of(wire::RejectCode code, std::string detail,
                                 const wire::Alert& alert, std::string_view arena) {
    return {code, std::move(detail),
            wire::AlertNumber{std::string(alert.device_id.of(arena)), alert.epoch, alert.seq_no}};
}

Intake::Step Intake::take_alert(net::SessionId id, Session& session, const net::InboundFrame& frame,
                                const wire::Alert& alert, Now now) {
    const net::Inbound& inbound = session.pending.front();
    if (gate_) {
        refuse(id, session, frame.frame,
               refusal_of(gate_->code, gate_->detail, alert, inbound.arena), now);
        return Step::next;
    }
    const ledger::Admission admission =
        sequencer_.admit({alert, inbound.arena, inbound.sender, inbound.cert}, now);
    switch (admission.kind) {
        case ledger::Admission::Kind::admitted:
            ++counts_.accepted;
            if (admission.gap > 0) gaps_[inbound.sender] += admission.gap;
            if (admission.opened_epoch) {
                audits_.add("epoch_opened",
                            inbound.sender + " " + std::string(alert.device_id.of(inbound.arena)),
                            "{\"epoch\":" + std::to_string(alert.epoch.value) + "}", now);
            }
            ack(id, frame.frame, alert, admission.device, admission.index);
            promise(id, session, alert, admission.index, nullptr);
            return Step::next;
        case ledger::Admission::Kind::seen:
            return take_seen(id, session, alert);
        case ledger::Admission::Kind::refused:
            refuse(id, session, frame.frame,
                   refusal_of(admission.code, admission.detail, alert, inbound.arena), now);
            return Step::next;
    }
    return Step::next;
}

// The number was used. Whether the same alert came again is in the files: in a group that is not
// durable yet (wait), in the open batch or the one sealed last (known place), or the state knows.
Intake::Step Intake::take_seen(net::SessionId id, Session& session, const wire::Alert& alert) {
    const net::Inbound& inbound = session.pending.front();
    CompareQuestion question{std::string(alert.device_id.of(inbound.arena)),
                             alert.epoch,
                             alert.seq_no,
                             std::string(alert.canonical.of(inbound.arena)),
                             {}};
    const auto slot = sequencer_.window().find(question.device_id);
    const ledger::DeviceNumber durable = sequencer_.window().durable(slot);
    if (durable.epoch < alert.epoch ||
        (durable.epoch == alert.epoch && durable.highest < alert.seq_no)) {
        session.waiting = true;
        return Step::hold;
    }
    question.open = sequencer_.find_open(question.device_id, alert.epoch, alert.seq_no);
    session.asked = true;
    questions_.push_back({id, std::move(question)});
    return Step::hold;
}

void Intake::take_hello(net::SessionId id, Session& session, const wire::Hello& hello,
                        const std::string& checkpoint) {
    WelcomeQuestion question;
    question.welcome.origin = origin_;
    question.welcome.entries = sequencer_.durable_entries().value;
    question.welcome.checkpoint = checkpoint;
    for (const std::string& device : hello.devices) {
        if (const auto* number = sequencer_.window().find_durable(device)) {
            question.welcome.durable.push_back({device, number->epoch, number->highest});
        }
    }
    question.seen = hello.seen;
    session.receipts = hello.receipts;
    session.asked = true;
    questions_.push_back({id, std::move(question)});
}

void Intake::answer(const Answer& answer, Now now) {
    const auto found = sessions_.find(answer.session);
    if (found == sessions_.end() || !found->second.asked) return;
    Session& session = found->second;
    session.asked = false;
    if (session.ended) {
        // Its group was refused meanwhile, and perhaps rejects with it: an ack now would speak for
        // alerts that were neither stored nor answered.
    } else if (const auto* welcome = std::get_if<WelcomeAnswer>(&answer.content)) {
        take_welcome(answer.session, session, *welcome, now);
    } else {
        take_compared(answer.session, session, std::get<CompareAnswer>(answer.content), now);
    }
    ++session.next_frame;
    finish_frame(answer.session, session);
}

void Intake::take_welcome(net::SessionId id, Session& session, const WelcomeAnswer& welcome,
                          Now now) {
    if (!welcome.json.empty()) return wire::append_frame(replies_to(id).welcome, welcome.json);
    const std::uint64_t frame = session.pending.front().frames[session.next_frame].frame;
    refuse(id, session, frame,
           {wire::RejectCode::busy, "the store cannot be read now: keep the alerts and come back",
            std::nullopt},
           now);
}

void Intake::take_compared(net::SessionId id, Session& session, const CompareAnswer& compared,
                           Now now) {
    using Verdict = CompareAnswer::Verdict;
    const net::Inbound& inbound = session.pending.front();
    const net::InboundFrame& frame = inbound.frames[session.next_frame];
    const auto& alert = std::get<wire::Alert>(frame.content);
    if (compared.verdict == Verdict::same) {
        ++counts_.resent;
        const auto device = sequencer_.window().find(alert.device_id.of(inbound.arena));
        ack(id, frame.frame, alert, device, compared.index);
        return promise(id, session, alert, compared.index, &compared);
    }
    wire::RejectCode code = wire::RejectCode::replay;
    std::string detail = "the number is not above the highest one and nothing is stored under it";
    if (compared.verdict == Verdict::other) {
        code = wire::RejectCode::equivocation;
        detail = "another alert is stored under this number";
    } else if (compared.verdict == Verdict::unreadable) {
        code = wire::RejectCode::busy;
        detail = "the store cannot be read now: keep the alert and come back";
    }
    refuse(id, session, frame.frame, refusal_of(code, detail, alert, inbound.arena), now);
}

void Intake::refuse(net::SessionId id, Session& session, std::uint64_t frame, wire::Refusal refusal,
                    Now now) {
    ++counts_.rejected[static_cast<std::size_t>(refusal.code)];
    const std::string& sender = session.pending.front().sender;
    const std::string device = refusal.number ? " " + refusal.number->device_id : std::string();
    switch (refusal.code) {
        case wire::RejectCode::identity:
        case wire::RejectCode::replay:
        case wire::RejectCode::equivocation:
            audits_.add(std::string(wire::to_string(refusal.code)), sender + device, "", now);
            break;
        default:
            break;
    }
    Replies& replies = replies_to(id);
    const std::string json = wire::format_reject(frame, refusal, now.wall);
    if (wire::is_permanent(refusal.code)) {
        wire::append_frame(replies.rejects, json);
        return;
    }
    session.ended = true;
    replies.close = true;
    wire::append_frame(replies.ending, json);
}

Intake::Replies& Intake::replies_to(net::SessionId id) {
    if (last_replies_ == nullptr || last_session_ != id) {
        last_replies_ = &replies_[id];
        last_session_ = id;
    }
    return *last_replies_;
}

void Intake::forget_replies() {
    replies_.clear();
    last_replies_ = nullptr;
}

void Intake::ack(net::SessionId id, std::uint64_t frame, const wire::Alert& alert,
                 ledger::ReplayWindow::Slot device, EntryIndex index) {
    Replies& replies = replies_to(id);
    std::vector<Ack>& acks = replies.acks;
    if (acks.empty()) replies.first_frame = frame;
    // Alerts of one device come in rows; take_replies() puts rows together.
    if (!acks.empty() && acks.back().device == device && acks.back().epoch == alert.epoch) {
        Ack& known = acks.back();
        if (known.seq_no < alert.seq_no) {
            known.seq_no = alert.seq_no;
            known.index = index;
        }
        return;
    }
    acks.push_back({device, alert.epoch, alert.seq_no, index});
}

void Intake::promise(net::SessionId id, const Session& session, const wire::Alert& alert,
                     EntryIndex index, const CompareAnswer* stored) {
    if (!session.receipts) return;
    Promises::Promise made;
    made.receipt.device_id = alert.device_id.of(session.pending.front().arena);
    made.receipt.epoch = alert.epoch;
    made.receipt.seq_no = alert.seq_no;
    made.receipt.index = index;
    if (stored != nullptr) {
        made.receipt.leaf = stored->leaf;
        made.receipt.received_at = stored->received_at;
        made.is_stored = true;
    }
    replies_to(id).promises.push_back(std::move(made));
}

// Leaves the highest number of each device and epoch: it speaks for those below.
void Intake::keep_highest(std::vector<Ack>& acks) {
    std::sort(acks.begin(), acks.end(), [](const Ack& a, const Ack& b) {
        if (a.device != b.device) return a.device < b.device;
        return a.epoch != b.epoch ? a.epoch < b.epoch : a.seq_no > b.seq_no;
    });
    const auto is_same = [](const Ack& a, const Ack& b) {
        return a.device == b.device && a.epoch == b.epoch;
    };
    acks.erase(std::unique(acks.begin(), acks.end(), is_same), acks.end());
}

std::vector<net::Outbound> Intake::take_replies() {
    std::vector<net::Outbound> out;
    out.reserve(replies_.size());
    taken_.clear();
    for (auto& [id, replies] : replies_) {
        taken_[id] = replies.first_frame;
        net::Outbound outbound{id, std::move(replies.rejects), replies.released_bytes,
                               replies.close};
        keep_highest(replies.acks);
        for (const Ack& ack : replies.acks) {
            wire::append_frame(outbound.frames,
                               wire::format_ack(sequencer_.window().device_id(ack.device),
                                                ack.epoch, ack.seq_no, ack.index));
        }
        outbound.frames += replies.welcome;
        if (replies.promises.empty()) {
            outbound.frames += replies.ending;
        } else {
            net::Outbound behind{id, std::move(replies.ending),
                                 std::exchange(outbound.released_bytes, 0),
                                 std::exchange(outbound.close, false)};
            promises_.push_back({std::move(replies.promises), std::move(behind)});
        }
        out.push_back(std::move(outbound));
    }
    forget_replies();
    return out;
}

std::vector<Promises> Intake::take_promises() { return std::exchange(promises_, {}); }

std::vector<net::Outbound> Intake::refuse_unwritten(const std::vector<net::Outbound>& unsent,
                                                    const Gate& why, Now now) {
    std::map<net::SessionId, std::uint64_t> released;
    for (const net::Outbound& outbound : unsent) {
        released[outbound.session] += outbound.released_bytes;
    }
    for (const auto& [id, replies] : replies_) {
        released[id] += replies.released_bytes;
        taken_.try_emplace(id, replies.first_frame);
    }
    forget_replies();
    std::vector<net::Outbound> out;
    for (const auto& [id, bytes] : released) {
        net::Outbound outbound{id, {}, bytes, true};
        wire::append_frame(outbound.frames,
                           wire::format_reject(taken_[id], {why.code, why.detail, {}}, now.wall));
        ++counts_.rejected[static_cast<std::size_t>(why.code)];
        if (const auto found = sessions_.find(id); found != sessions_.end()) {
            found->second.ended = true;
        }
        out.push_back(std::move(outbound));
    }
    return out;
}

std::vector<Question> Intake::take_questions() { return std::exchange(questions_, {}); }

}  // namespace anchorlog::app
