#include "app/commit_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "anchorlog/base/log.h"

namespace anchorlog::app {
namespace {

constexpr std::int64_t kSpaceCheckMs = 500;
constexpr std::int64_t kSealRetryMs = 1'000;
constexpr std::int64_t kClockStepMs = 2'000;
constexpr std::int64_t kHeartbeatMs = 3'600'000;
constexpr std::int64_t kIdleWakeMs = 1'000;

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

CommitLoop::CommitLoop(FileSystem& fs, const Clock& clock, CommitOptions options,
                       ledger::Recovered& store, CommitNeighbours neighbours)
    : fs_(fs), clock_(clock), options_(std::move(options)), store_(store),
      neighbours_(std::move(neighbours)),
      writer_(
          *store.log, *store.batches, [this](WriteDone done) { push(std::move(done)); },
          neighbours_.deliver, neighbours_.fatal),
      intake_(*store.sequencer, audits_, options_.origin), hints_(fs, options_.store_dir + "/log"),
      checkpoint_(store.checkpoint) {
    publish();
}

CommitLoop::~CommitLoop() { stop(); }

void CommitLoop::start() {
    const Now now = clock_.now();
    last_entry_ = now.steady;
    audits_.add("start", "daemon", options_.start_data, now, true);
    if (const auto& cut = store_.tail_cut) {
        audits_.add("tail_cut", cut->complete_lines ? "complete lines were cut" : "torn write",
                    "{\"bytes\":" + std::to_string(cut->bytes) +
                        ",\"complete_lines\":" + (cut->complete_lines ? "true" : "false") +
                        ",\"first\":" + std::to_string(cut->first.value) + ",\"sha256\":\"" +
                        to_hex(cut->digest) + "\"}",
                    now, true);
    }
    writer_.start();
    thread_ = std::thread([this] { run(); });
}

void CommitLoop::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_one();
    if (thread_.joinable()) thread_.join();
    writer_.stop();
}

void CommitLoop::push(Input input) {
    {
        const std::lock_guard lock(mutex_);
        inputs_.push_back(std::move(input));
    }
    work_.notify_one();
}

void CommitLoop::submit(net::Inbound inbound) { push(std::move(inbound)); }

void CommitLoop::connection_refused(const std::string& subject, const std::string& reason) {
    push(AuditInput{"cert_refused", subject + ": " + reason, "", false});
}

void CommitLoop::answer(Answer answer) { push(std::move(answer)); }

void CommitLoop::fork_found(const std::string& what) { push(ForkInput{what}); }

void CommitLoop::note(std::string event, std::string subject, std::string data) {
    push(AuditInput{std::move(event), std::move(subject), std::move(data), true});
}

std::shared_ptr<const Published> CommitLoop::published() const {
    const std::lock_guard lock(mutex_);
    return published_;
}

void CommitLoop::run() {
    while (true) {
        wait();
        const Now now = clock_.now();
        take_inputs(now);
        watch_clock(now);
        watch_space(now);
        form_group(now);
        hand_over(now);
        seal_if_due(now);
        for (Question& question : intake_.take_questions()) neighbours_.ask(std::move(question));
        if (stopped(now)) return;
    }
}

std::optional<SteadyTime> CommitLoop::deadline() const {
    const SteadyTime now = clock_.now().steady;
    std::int64_t at = now.ms + kIdleWakeMs;
    if (const auto due = audits_.next_due()) at = std::min(at, due->ms);
    if (!sealing_) {
        const auto check = store_.sequencer->next_check();
        if (check && may_seal()) at = std::min(at, check->ms);
    } else if (seal_retry_ && !seal_written_) {
        at = std::min(at, seal_retry_->ms);
    }
    if (group_since_ && !in_flight_) at = std::min(at, group_since_->ms + options_.delay_ms);
    return SteadyTime{std::max(at, now.ms)};
}

void CommitLoop::wait() {
    const SteadyTime now = clock_.now().steady;
    const auto at = deadline();
    std::unique_lock lock(mutex_);
    if (stopping_ && !in_flight_ && !seal_written_) return;
    const auto ready = [this] {
        return !inputs_.empty();
    };
    // More of the same group may be formed only when something arrives or the writer is free.
    if (!intake_.idle() && !in_flight_) return;
    work_.wait_for(lock, std::chrono::milliseconds(at->ms - now.ms),
                   [&] { return ready() || (stopping_ && !in_flight_ && !seal_written_); });
}

void CommitLoop::take_inputs(Now now) {
    std::deque<Input> inputs;
    {
        const std::lock_guard lock(mutex_);
        inputs.swap(inputs_);
    }
    for (Input& input : inputs) {
        std::visit(Overloaded{
                       [&](net::Inbound& inbound) { intake_.add(std::move(inbound)); },
                       [&](Answer& answer) {
                           if (auto* welcome = std::get_if<WelcomeAnswer>(&answer.content);
                               welcome != nullptr && !welcome->fork.empty()) {
                               fork_found(welcome->fork);
                           }
                           intake_.answer(answer, now);
                       },
                       [&](AuditInput& audit) {
                           audits_.add(std::move(audit.event), std::move(audit.subject),
                                       std::move(audit.data), now, audit.urgent);
                       },
                       [&](ForkInput& fork) {
                           if (!fork_.empty()) return;
                           fork_ = fork.what;
                           log(LogLevel::error, "forked", {{"what", fork_}});
                           audits_.add("forked", fork_, "", now, true);
                           update_gate();
                       },
                       [&](WriteDone& done) { take_write(done, now); },
                   },
                   input);
    }
}

void CommitLoop::take_write(WriteDone& done, Now now) {
    if (done.kind == WriteJob::Kind::group) {
        take_group_done(done, now);
    } else {
        take_seal_done(done, now);
    }
    publish();
    intake_.settled();
}

void CommitLoop::take_group_done(WriteDone& done, Now now) {
    ledger::Group group = std::move(*in_flight_);
    in_flight_.reset();
    sync_us_last_ = done.sync_us;
    if (!done.at) {
        log(LogLevel::error, "storage_full", {{"error", done.at.error().message}});
        store_.sequencer->abandon();
        space_low_ = true;
        update_gate();
        neighbours_.deliver(intake_.refuse_unwritten(done.unsent, *gate(), now));
        return;
    }
    if (group.empty()) return;
    group.at = *done.at;
    store_.sequencer->committed(group, now.steady);
    last_entry_ = now.steady;
    ++groups_;
    group_bytes_ += group.lines.size();
}

void CommitLoop::take_seal_done(WriteDone& done, Now now) {
    seal_written_ = false;
    if (!done.at) {
        log(LogLevel::error, "seal_delayed", {{"error", done.at.error().message}});
        seal_retry_ = SteadyTime{now.steady.ms + kSealRetryMs};
        return;
    }
    const ledger::SealedBatch batch = std::move(*sealing_);
    sealing_.reset();
    seal_retry_.reset();
    checkpoint_ = batch.checkpoint;
    store_.state->add(batch, *done.at);
    intake_.set_sealing(false);
    hints_.add(batch);
    log(LogLevel::info, "batch_sealed",
        {{"batch_id", batch.header.batch_id.value},
         {"count", batch.header.count},
         {"reason", batch.header.reason}});
    neighbours_.sealed();
    if (store_.state->run_due()) neighbours_.ingest_state();
}

void CommitLoop::watch_clock(Now now) {
    const std::int64_t offset = now.wall.ms - now.steady.ms;
    const std::int64_t step = clock_offset_ms_ ? offset - *clock_offset_ms_ : 0;
    clock_offset_ms_ = offset;
    if (step <= kClockStepMs && step >= -kClockStepMs) return;
    log(LogLevel::warn, "clock_step", {{"ms", step}});
    audits_.add("clock_step", "wall clock", "{\"ms\":" + std::to_string(step) + "}", now, true);
}

void CommitLoop::watch_space(Now now) {
    if (now.steady.ms - kSpaceCheckMs < space_checked_.ms) return;
    space_checked_ = now.steady;
    const auto space = fs_.space(options_.store_dir);
    if (!space) return;
    const std::uint64_t reserve =
        std::min(options_.reserve_bytes, std::max<std::uint64_t>(space->total_bytes / 100, 1));
    const bool low = space->free_bytes < reserve;
    if (low != space_low_) {
        log(low ? LogLevel::error : LogLevel::info, low ? "storage_full" : "storage_free",
            {{"free_bytes", space->free_bytes}, {"reserve_bytes", reserve}});
    }
    space_low_ = low;
    space_none_ = space->free_bytes < reserve / 4;
    update_gate();
}

std::optional<Gate> CommitLoop::gate() const {
    if (!fork_.empty()) return Gate{wire::RejectCode::forked, fork_};
    if (space_low_) {
        return Gate{wire::RejectCode::storage_full,
                    "the log's disk is full: nothing is lost, keep the alert and come back"};
    }
    return std::nullopt;
}

void CommitLoop::update_gate() {
    intake_.set_gate(gate());
    publish();
}

void CommitLoop::form_group(Now now) {
    if (now.steady.ms - last_entry_.ms >= kHeartbeatMs) {
        audits_.add("heartbeat", "daemon", "", now, true);
        last_entry_ = now.steady;
    }
    if (!space_none_) {
        for (const wire::Audit& audit : audits_.take(now)) {
            store_.sequencer->add_audit(audit, now);
        }
    }
    intake_.run(now, checkpoint_);
    if (!group_since_ && !store_.sequencer->group_empty()) group_since_ = now.steady;
}

void CommitLoop::hand_over(Now now) {
    if (in_flight_) return;
    if (store_.sequencer->group_empty() && !intake_.has_replies()) return;
    const bool early = group_since_ && now.steady.ms - group_since_->ms < options_.delay_ms;
    if (early && !store_.sequencer->group_full()) return;
    group_since_.reset();
    in_flight_ = store_.sequencer->take_group();
    writer_.write(
        {WriteJob::Kind::group, &in_flight_->lines, in_flight_->count(), intake_.take_replies()});
    ledger::hash_group(*in_flight_);
}

void CommitLoop::seal_if_due(Now now) {
    if (!may_seal()) return;
    if (sealing_) {
        if (seal_written_ || !seal_retry_ || now.steady < *seal_retry_) return;
        seal_written_ = true;
        writer_.write({WriteJob::Kind::seal, &sealing_->line, 1, {}});
        return;
    }
    if (const auto reason = store_.sequencer->seal_due(now.steady)) seal(*reason, now);
}

void CommitLoop::seal(ledger::SealReason reason, Now now) {
    auto sealed = store_.sequencer->seal(reason, now);
    if (!sealed) neighbours_.fatal(sealed.error());
    sealing_ = std::move(*sealed);
    intake_.set_sealing(true);
    seal_written_ = true;
    writer_.write({WriteJob::Kind::seal, &sealing_->line, 1, {}});
}

bool CommitLoop::stopped(Now now) {
    {
        const std::lock_guard lock(mutex_);
        if (!stopping_ || !inputs_.empty()) return false;
    }
    if (in_flight_ || seal_written_ || !intake_.idle()) return false;
    if (intake_.has_replies() || !store_.sequencer->group_empty()) return false;
    if (!stop_audited_) {
        stop_audited_ = true;
        audits_.add("stop", "daemon", "", now, true);
        return false;
    }
    const auto& open = store_.sequencer->open_batch();
    if (open.alerts + open.audits == 0 || sealing_ || !may_seal()) return true;
    seal(ledger::SealReason::stop, now);
    return false;
}

void CommitLoop::publish() {
    auto next = std::make_shared<Published>();
    const ledger::Sequencer& sequencer = *store_.sequencer;
    const auto& open = sequencer.open_batch();
    next->entries = sequencer.durable_entries().value;
    next->batches = sequencer.next_batch().value - (sealing_ ? 1 : 0);
    next->checkpoint = checkpoint_;
    next->open_entries = open.alerts + open.audits;
    next->open_oldest = open.oldest_entry;
    next->gate = gate();
    next->counts = intake_.counts();
    next->groups = groups_;
    next->group_bytes = group_bytes_;
    next->devices = sequencer.window().devices();
    next->sync_us_last = sync_us_last_;
    const std::lock_guard lock(mutex_);
    published_ = std::move(next);
}

}  // namespace anchorlog::app
