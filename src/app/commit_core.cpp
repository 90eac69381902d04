#include "app/commit_core.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "anchorlog/base/log.h"
#include "anchorlog/ledger/hardware_line.h"
#include "app/restore_hold.h"

namespace anchorlog::app {
namespace {

constexpr std::int64_t kSpaceCheckMs = 500;
constexpr std::int64_t kHoldCheckMs = 200;
constexpr std::int64_t kSealRetryMs = 1'000;
// A device may lock itself after some tries with a PIN that was changed.
constexpr std::int64_t kHardwareRetryMs = 5'000;
// While stopping. What is not sealed then is sealed at the next start.
constexpr std::int64_t kHardwareStopMs = 1'500;
constexpr std::int64_t kClockStepMs = 2'000;
constexpr std::int64_t kHeartbeatMs = 3'600'000;
constexpr std::int64_t kIdleWakeMs = 1'000;
constexpr std::int64_t kSendersShownMs = 1'000;

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

CommitCore::CommitCore(FileSystem& fs, CommitOptions options, ledger::Recovered& store,
                       CommitNeighbours neighbours)
    : fs_(fs), options_(std::move(options)), store_(store), neighbours_(std::move(neighbours)),
      intake_(*store.sequencer, audits_, options_.origin), hints_(fs, options_.store_dir + "/log"),
      checkpoint_(std::make_shared<const std::string>(store.checkpoint)), hold_(options_.hold) {
    if (options_.hardware_key) shown_.hardware.emplace();
    intake_.set_gate(gate());
}

void CommitCore::start(Now now) {
    last_entry_ = now.steady;
    // First, so that a torn group cannot keep the start without it: once an entry follows the
    // change, it is not told again.
    if (const auto& change = store_.key_change) {
        const auto id = [](const std::string& vkey) {
            const auto key = wire::parse_vkey(vkey);
            return key ? wire::format_key_id(key->key_id) : std::string();
        };
        audits_.add("key_change", "signing key",
                    R"({"new":")" + id(change->new_key) + R"(","old":")" + id(change->old_key) +
                        R"(","why":")" + change->why + "\"}",
                    now, true);
    }
    audits_.add("start", "daemon", options_.start_data, now, true);
    if (const auto& cut = store_.tail_cut) {
        audits_.add("tail_cut", cut->complete_lines ? "complete lines were cut" : "torn write",
                    "{\"bytes\":" + std::to_string(cut->bytes) +
                        ",\"complete_lines\":" + (cut->complete_lines ? "true" : "false") +
                        ",\"first\":" + std::to_string(cut->first.value) + ",\"sha256\":\"" +
                        to_hex(cut->digest) + "\"}",
                    now, true);
    }
}

void CommitCore::turn(std::vector<CommitInput>& inputs, Now now) {
    for (CommitInput& input : inputs) take(input, now);
    inputs.clear();
    watch_clock(now);
    watch_space(now);
    watch_hold(now);
    watch_backlog();
    form_group(now);
    hand_over(now);
    seal_if_due(now);
    for (Question& question : intake_.take_questions()) neighbours_.ask(std::move(question));
    if (stopping_) stopped_ = finish(now);
    show_senders(now);
    tell_neighbours();
}

SteadyTime CommitCore::next_turn(SteadyTime now) const {
    // Behind a full group nothing is admitted before the writer is free.
    const bool waits = seal_written_ || hardware_asked_;
    if (!in_flight_ && (!intake_.idle() || (stopping_ && !waits))) return now;
    std::int64_t at = now.ms + kIdleWakeMs;
    if (takes_audits()) {
        if (!audits_due_.empty() && !in_flight_) return now;
        if (const auto due = audits_.next_due()) at = std::min(at, due->ms);
    }
    if (!sealing_) {
        const auto check = store_.sequencer->next_check();
        if (check && may_seal()) at = std::min(at, check->ms);
    } else if (seal_retry_ && !waits && may_seal()) {
        at = std::min(at, seal_retry_->ms);
    }
    if (group_since_ && !in_flight_) at = std::min(at, group_since_->ms + options_.delay_ms);
    return SteadyTime{at};
}

void CommitCore::take(CommitInput& input, Now now) {
    std::visit(Overloaded{
                   [&](net::Inbound& inbound) {
                       see_sender(inbound, now);
                       intake_.add(std::move(inbound));
                   },
                   [&](Answer& answer) {
                       if (auto* welcome = std::get_if<WelcomeAnswer>(&answer.content)) {
                           take_fork(welcome->fork, now);
                       }
                       intake_.answer(answer, now);
                   },
                   [&](AuditInput& audit) {
                       audits_.add(std::move(audit.event), std::move(audit.subject),
                                   std::move(audit.data), now, audit.urgent);
                   },
                   [&](ForkInput& fork) { take_fork(fork.what, now); },
                   [&](WriteDone& done) { take_write(done, now); },
                   [&](HardwareDone& done) { take_hardware(done, now); },
                   [&](StopInput&) {
                       stopping_ = true;
                       stop_since_ = now.steady;
                   },
               },
               input);
}

void CommitCore::see_sender(const net::Inbound& inbound, Now now) {
    if (inbound.frames.empty()) return;
    SenderSeen& seen = senders_[inbound.sender];
    seen.last_seen = now.wall;
    seen.frames += inbound.frames.size();
    if (!senders_unshown_since_) senders_unshown_since_ = now.steady;
}

void CommitCore::show_senders(Now now) {
    if (!senders_unshown_since_) return;
    if (now.steady.ms - senders_unshown_since_->ms < kSendersShownMs) return;
    senders_unshown_since_.reset();
    for (const auto& [sender, gaps] : intake_.gaps()) senders_[sender].gaps = gaps;
    shown_.senders = std::make_shared<const SendersSeen>(senders_);
    changed_ = true;
}

void CommitCore::take_fork(const std::string& what, Now now) {
    if (what.empty() || !fork_.empty()) return;
    fork_ = what;
    log(LogLevel::error, "forked", {{"what", fork_}});
    audits_.add("forked", fork_, "", now, true);
    update_gate();
}

void CommitCore::take_write(WriteDone& done, Now now) {
    if (done.kind == WriteJob::Kind::group) {
        take_group_done(done, now);
    } else {
        take_seal_done(done, now);
    }
    changed_ = true;
    intake_.settled();
}

void CommitCore::take_group_done(WriteDone& done, Now now) {
    ledger::Group group = std::move(*in_flight_);
    in_flight_.reset();
    const auto since = std::exchange(in_flight_since_, std::nullopt);
    if (!done.at) {
        log(LogLevel::error, "storage_full", {{"error", done.at.error().message}});
        store_.sequencer->abandon();
        take_back_audits();
        group_since_.reset();
        // Not even the reserve can be used: nothing is tried before the next look at the disk.
        space_low_ = space_none_ = true;
        update_gate();
        for (Promises& promises : std::exchange(promises_, {})) {
            done.unsent.push_back(std::move(promises.behind));
        }
        neighbours_.deliver(intake_.refuse_unwritten(done.unsent, *gate(), now));
        return;
    }
    make_promises(group, std::move(done.unsent));
    if (group.empty()) return;
    audits_written_.clear();
    group.at = *done.at;
    store_.sequencer->committed(group, now.steady);
    last_entry_ = now.steady;
    ++shown_.groups;
    shown_.group_bytes += group.lines.size();
    shown_.sync_us.add(done.sync_us);
    shown_.group_entries.add(static_cast<std::int64_t>(group.count()));
    if (since) shown_.commit_us.add((now.steady.ms - since->ms) * 1'000);
    store_.sequencer->reuse(std::move(group));
}

// The group is durable: what its alerts are promised is known, and may be said behind the acks.
// Were these sent by the sync thread, a receipt could overtake them.
void CommitCore::make_promises(const ledger::Group& group, std::vector<net::Outbound> acks) {
    if (promises_.empty()) return;
    neighbours_.deliver(std::move(acks));
    for (Promises& promises : promises_) {
        for (Promises::Promise& made : promises.all) {
            if (made.is_stored) continue;
            made.receipt.leaf = group.leaves[made.receipt.index.value - group.first.value];
            made.receipt.received_at = group.received_at;
        }
    }
    neighbours_.promise(std::exchange(promises_, {}));
}

void CommitCore::take_seal_done(WriteDone& done, Now now) {
    seal_written_ = false;
    if (!done.at) {
        log(LogLevel::error, "seal_delayed", {{"error", done.at.error().message}});
        seal_retry_ = SteadyTime{now.steady.ms + kSealRetryMs};
        return;
    }
    const ledger::SealedBatch batch = std::move(*sealing_);
    sealing_.reset();
    shown_.sync_us.add(done.sync_us);
    for (const wire::Source& source : batch.sources) shown_.sequence_gaps += source.gaps;
    seal_retry_.reset();
    sealed_ = true;
    checkpoint_ = std::make_shared<const std::string>(batch.checkpoint);
    store_.state->add(batch, *done.at);
    hints_.add(batch);
    log(LogLevel::info, "batch_sealed",
        {{"batch_id", batch.header.batch_id.value},
         {"count", batch.header.count},
         {"reason", batch.header.reason}});
}

// A checkpoint without the hardware key's line would be worth as little as one that a thief of the
// log's own key makes, and would be his excuse: so a batch waits, and is tried again.
void CommitCore::take_hardware(HardwareDone& done, Now now) {
    hardware_asked_ = false;
    HardwareSeen& seen = *shown_.hardware;
    changed_ = true;
    if (!done.signature) {
        ++seen.failed;
        seen.error = done.signature.error().message;
        log(LogLevel::error, "hardware_key_failed",
            {{"batch_id", sealing_->header.batch_id.value},
             {"error", seen.error},
             {"mend", "bring the device back; until then alerts are kept, and nothing is sealed"}});
        seal_retry_ = SteadyTime{now.steady.ms + kHardwareRetryMs};
        return;
    }
    ++seen.made;
    seen.error.clear();
    seen.made_us.add(done.took_us);
    seen.waiting_since.reset();
    hardware_signed_ = true;
    ledger::add_hardware_line(*sealing_, *options_.hardware_key, *done.signature);
    seal_retry_ = now.steady;  // at once, if it may be sealed still
    seal_if_due(now);
}

void CommitCore::watch_clock(Now now) {
    const std::int64_t offset = now.wall.ms - now.steady.ms;
    const std::int64_t step = clock_offset_ms_ ? offset - *clock_offset_ms_ : 0;
    clock_offset_ms_ = offset;
    if (step <= kClockStepMs && step >= -kClockStepMs) return;
    log(LogLevel::warn, "clock_step", {{"ms", step}});
    audits_.add("clock_step", "wall clock", "{\"ms\":" + std::to_string(step) + "}", now, true);
}

void CommitCore::watch_space(Now now) {
    if (now.steady.ms - kSpaceCheckMs < space_checked_.ms) return;
    space_checked_ = now.steady;
    const auto space = fs_.space(options_.store_dir);
    if (!space) return;
    const std::uint64_t reserve =
        std::min(options_.reserve_bytes, std::max<std::uint64_t>(space->total_bytes / 100, 1));
    const bool low = space->free_bytes < reserve;
    space_none_ = space->free_bytes < reserve / 4;
    if (low == space_low_) return;
    log(low ? LogLevel::error : LogLevel::info, low ? "storage_full" : "storage_free",
        {{"free_bytes", space->free_bytes}, {"reserve_bytes", reserve}});
    space_low_ = low;
    update_gate();
}

// What was sealed after the backup is not known here: going on before anybody has said that there
// was nothing would be a second history. The mark goes before anything is sealed: a crash in
// between finds the store held again, or rightly free.
void CommitCore::watch_hold(Now now) {
    if (hold_.empty() || !fork_.empty() || !neighbours_.chain_agrees) return;
    if (now.steady.ms - kHoldCheckMs < hold_checked_.ms) return;
    hold_checked_ = now.steady;
    if (!neighbours_.chain_agrees()) return;
    if (auto done = clear_hold(fs_, options_.store_dir); !done) {
        log(LogLevel::error, "restore_held", {{"error", done.error().message}});
        return;
    }
    hold_.clear();
    log(LogLevel::info, "restore_cleared", {{"by", "chain"}});
    audits_.add("config_change", "restored store goes on: the chain holds nothing newer", "", now,
                true);
    update_gate();
}

std::optional<Gate> CommitCore::gate() const {
    if (!fork_.empty()) return Gate{wire::RejectCode::forked, fork_};
    if (!hold_.empty()) return Gate{wire::RejectCode::forked, hold_, "restored"};
    if (backlog_) {
        return Gate{wire::RejectCode::busy,
                    "the hardware key does not sign and the open batch is full: nothing is lost, "
                    "keep the alert and come back",
                    "hardware_key"};
    }
    if (space_low_) {
        return Gate{wire::RejectCode::storage_full,
                    "the log's disk is full: nothing is lost, keep the alert and come back"};
    }
    return std::nullopt;
}

void CommitCore::update_gate() {
    intake_.set_gate(gate());
    changed_ = true;
}

void CommitCore::form_group(Now now) {
    if (now.steady.ms - last_entry_.ms >= kHeartbeatMs) {
        audits_.add("heartbeat", "daemon", "", now, true);
        last_entry_ = now.steady;
    }
    if (takes_audits()) add_audits(now);
    intake_.run(now, *checkpoint_);
    if (!group_since_ && !store_.sequencer->group_empty()) group_since_ = now.steady;
}

void CommitCore::add_audits(Now now) {
    for (wire::Audit& audit : audits_.take(now)) audits_due_.push_back(std::move(audit));
    while (!audits_due_.empty() && store_.sequencer->has_room(0)) {
        store_.sequencer->add_audit(audits_due_.front(), now);
        audits_formed_.push_back(std::move(audits_due_.front()));
        audits_due_.pop_front();
    }
}

// Their groups were not written: they keep their order in front of what came later.
void CommitCore::take_back_audits() {
    for (auto* audits : {&audits_formed_, &audits_written_}) {
        audits_due_.insert(audits_due_.begin(), std::make_move_iterator(audits->begin()),
                           std::make_move_iterator(audits->end()));
        audits->clear();
    }
}

void CommitCore::hand_over(Now now) {
    if (in_flight_) return;
    if (store_.sequencer->group_empty() && !intake_.has_replies()) return;
    const bool early = group_since_ && now.steady.ms - group_since_->ms < options_.delay_ms;
    const bool full = !intake_.idle() || !audits_due_.empty();
    if (early && !stopping_ && !full) return;
    in_flight_since_ = std::exchange(group_since_, std::nullopt);
    in_flight_ = store_.sequencer->take_group();
    audits_written_.swap(audits_formed_);
    auto replies = intake_.take_replies();
    promises_ = intake_.take_promises();
    neighbours_.write({WriteJob::Kind::group, &in_flight_->lines, in_flight_->count(),
                       std::move(replies), !promises_.empty()});
    ledger::hash_group(*in_flight_);
}

void CommitCore::seal_if_due(Now now) {
    if (!may_seal()) return;
    if (sealing_) {
        const bool waits = seal_written_ || hardware_asked_;
        if (waits || !seal_retry_ || now.steady < *seal_retry_) return;
        return sign_or_write(now);
    }
    if (const auto reason = store_.sequencer->seal_due(now.steady)) seal(*reason, now);
}

void CommitCore::seal(ledger::SealReason reason, Now now) {
    sealing_oldest_ = store_.sequencer->open_batch().oldest_entry;
    auto sealed = store_.sequencer->seal(reason, now);
    if (!sealed) neighbours_.fatal(sealed.error());
    sealing_ = std::move(*sealed);
    hardware_signed_ = !options_.hardware_key;
    sign_or_write(now);
}

// The next step of the batch being sealed.
void CommitCore::sign_or_write(Now now) {
    seal_retry_.reset();
    if (!hardware_signed_) {
        hardware_asked_ = true;
        if (!shown_.hardware->waiting_since) shown_.hardware->waiting_since = now.steady;
        changed_ = true;
        return neighbours_.sign(ledger::checkpoint_text(*sealing_));
    }
    seal_written_ = true;
    neighbours_.write({WriteJob::Kind::seal, &sealing_->line, 1, {}, false});
}

// What a batch can hold is kept free for the groups under way: nothing more is taken in.
void CommitCore::watch_backlog() {
    const auto& open = store_.sequencer->open_batch();
    const bool is_full =
        sealing_ && options_.hardware_key && open.alerts + open.audits >= ledger::kBatchEntriesHigh;
    if (is_full == backlog_) return;
    backlog_ = is_full;
    update_gate();
}

// True when there is nothing left to do; else has done the next thing.
bool CommitCore::finish(Now now) {
    if (in_flight_ || seal_written_ || !intake_.idle()) return false;
    if (!audits_due_.empty() && takes_audits()) return false;
    if (intake_.has_replies() || !store_.sequencer->group_empty()) return false;
    if (!stop_audited_) {
        stop_audited_ = true;
        for (wire::Audit& audit : audits_.take_all(now)) audits_due_.push_back(std::move(audit));
        audits_.add("stop", "daemon", "", now, true);
        return false;
    }
    if (!may_seal()) return true;
    if (hardware_asked_) return now.steady.ms - stop_since_->ms >= kHardwareStopMs;
    if (sealing_) {  // put off by a full disk or a device that failed
        if (std::exchange(last_seal_tried_, true)) return true;
        sign_or_write(now);
        return false;
    }
    const auto& open = store_.sequencer->open_batch();
    if (open.alerts + open.audits == 0) return true;
    seal(ledger::SealReason::stop, now);
    return false;
}

// What is published first is what those who are woken look at.
void CommitCore::tell_neighbours() {
    if (std::exchange(changed_, false)) neighbours_.publish(published());
    if (!std::exchange(sealed_, false)) return;
    neighbours_.sealed();
    if (store_.state->run_due()) neighbours_.ingest_state();
}

Published CommitCore::published() const {
    const ledger::Sequencer& sequencer = *store_.sequencer;
    const auto& open = sequencer.open_batch();
    Published out = shown_;
    out.entries = sequencer.durable_entries().value;
    out.batches = sequencer.next_batch().value - (sealing_ ? 1 : 0);
    out.checkpoint = checkpoint_;
    out.open_entries = open.alerts + open.audits;
    out.open_oldest = open.oldest_entry;
    if (sealing_) {  // open until its line is on disk, which a full one may hold back for long
        out.open_entries += sealing_->leaves.size();
        out.open_oldest = sealing_oldest_;
    }
    out.gate = gate();
    out.counts = intake_.counts();
    out.devices = sequencer.window().devices();
    return out;
}

}  // namespace anchorlog::app
