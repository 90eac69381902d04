#include <algorithm>
#include <utility>

#include "sim/run.h"

namespace anchorlog::sim {
namespace {

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 40;
constexpr std::uint64_t kStartsWithFaultsMax = 5;
constexpr std::uint64_t kRoundsMax = 20'000;
constexpr std::int64_t kRoundMs = 10;
constexpr std::uint64_t kStateSlack = 200;
constexpr std::int64_t kCalmMs = 5'000;
constexpr std::uint64_t kCalmRounds = 30;
constexpr std::int64_t kRestMaxMs = 60'000;

std::uint64_t faults_of(const testing::SimFileCounts& counts) {
    return counts.sync_errors + counts.other_errors + counts.full_errors;
}

}  // namespace

// Starts until it runs. A few tries may meet faults of their own; one without any must succeed,
// whatever the machine has gone through.
void Run::start() {
    for (std::uint64_t tries = 0; !process_; ++tries) {
        const bool with_faults = tries < kStartsWithFaultsMax;
        process_ = try_start(with_faults);
        if (!process_ && !with_faults) throw Violation("it does not start without faults");
    }
    network_->process_started();
    note_recovery();
    witness_.check_store();
    witness_.check_by_id(process_->entries());
    if (dice_.one_in(8)) witness_.check_by_verify_log(false);
}

std::unique_ptr<Process> Run::try_start(bool with_faults) {
    if (!with_faults) {
        machine_.files.heal();
        machine_.files.set_capacity(kPlenty);
        machine_.state->fail_after(UINT64_MAX);
    } else if (plan_.recovery_faults && dice_.one_in(3)) {
        if (dice_.one_in(2)) {
            machine_.files.die_at(dice_.between(1, 30));
        } else {
            fail_call();
        }
    }
    if (dice_.one_in(2)) machine_.clock.advance_ms(static_cast<std::int64_t>(dice_.below(40'000)));
    const std::uint64_t faults_before = faults_of(machine_.files.counts());
    auto started = Process::start(
        machine_, plan_.process,
        [this](std::vector<net::Outbound> replies) { network_->take(std::move(replies)); },
        [this](const app::Published& published) {
            if (machine_.files.dead()) return;
            witness_.shown(*published.checkpoint, published.entries);
            batches_shown_ = published.batches;
        });
    take_file_counts();
    if (machine_.files.dead()) {
        tell("power fails while it starts");
        coverage_.add(Event::death_while_recovering);
        machine_.files.crash(dice_.seed());
        return nullptr;
    }
    if (started) {
        other_key_.reset();
        return std::move(*started);
    }
    tell("it does not start: " + started.error().message);
    if (other_key_ && started.error().code == Errc::invalid_input) {
        tell("the operator gives it the other key");
        coverage_.add(Event::key_rotated);
        machine_.signer = std::exchange(other_key_, nullptr);
        machine_.files.kill();
        return nullptr;
    }
    const bool explained = faults_of(machine_.files.counts()) > faults_before ||
                           started.error().message.find("state: simulated") != std::string::npos;
    if (!explained) throw Violation("it refuses to start: " + started.error().message);
    coverage_.add(Event::start_refused_by_fault);
    machine_.files.kill();
    return nullptr;
}

void Run::note_recovery() {
    coverage_.add(Event::recovery);
    const ledger::Recovered& store = process_->store();
    if (store.tail_cut) coverage_.add(Event::tail_cut);
    if (store.batches->lines() > batches_before_) coverage_.add(Event::batch_adopted);
    if (store.sequencer->open_batch().recovered) coverage_.add(Event::recovered_entries_sealed);
    const auto kept = machine_.files.names(std::string(kDir) + "/torn");
    const auto torn = static_cast<std::uint64_t>(
        std::count_if(kept.begin(), kept.end(),
                      [](const std::string& name) { return name.starts_with("batches-"); }));
    coverage_.add(Event::batch_line_torn, torn - std::min(torn, batch_lines_torn_));
    batch_lines_torn_ = torn;
    tell("recovered " + std::to_string(store.log->lines()) + " entries and " +
         std::to_string(store.batches->lines()) + " batches" +
         (store.tail_cut ? ", cut " + std::to_string(store.tail_cut->bytes) + " bytes" : ""));
}

void Run::end_process() {
    batches_before_ = batches_shown_;
    process_.reset();
    network_->process_ended(dice_);
}

void Run::power_failure() {
    tell("power fails");
    coverage_.add(Event::power_failure);
    end_process();
    machine_.files.crash(dice_.seed());
    const std::size_t runs = machine_.state->runs();
    machine_.state->crash(dice_.seed());
    coverage_.add(Event::state_run_lost, runs - machine_.state->runs());
    start();
}

void Run::kill() {
    tell("the process is killed");
    coverage_.add(Event::process_kill);
    end_process();
    machine_.files.kill();
    start();
}

// Faults end; what is left is sent, sealed and anchored by itself, and everything is checked.
void Run::finish() {
    tell("finish");
    machine_.files.heal();
    machine_.files.set_capacity(kPlenty);
    machine_.state->fail_after(UINT64_MAX);
    machine_.clock.set_wall(machine_.true_time());
    chain_broken_ = false;
    for (auto& sender : senders_) sender->finish();
    std::int64_t rest_ms = kRoundMs;
    for (rounds_ = 0; !at_rest(); ++rounds_) {
        if (rounds_ > kRoundsMax) throw Violation("it does not come to rest");
        rest_ms = round() ? kRoundMs : std::min(rest_ms * 2, kRestMaxMs);
        machine_.clock.advance_ms(rest_ms);
    }
    const std::uint64_t in_memory = process_->store().state->entries_in_memory();
    const std::uint64_t run_entries = plan_.process.recovery.run_entries;
    if (in_memory >= 2 * run_entries + kStateSlack) {
        throw Violation("the state takes no runs any more");
    }
    process_->submit(app::StopInput{});
    // The anchor engine looks after older anchors when it has nothing else to do.
    std::uint64_t calm = 0;
    for (rounds_ = 0; calm < kCalmRounds; ++rounds_) {
        if (rounds_ > kRoundsMax) throw Violation("it does not stop, or anchor what it sealed");
        machine_.clock.advance_ms(round() ? kRoundMs : kCalmMs);
        calm = process_->stopped() && is_all_anchored() ? calm + 1 : 0;
    }
    witness_.check_store();
    witness_.check_by_id(process_->entries());
    witness_.check_by_evidence(process_->entries(), dice_.seed());
    end_process();
    machine_.files.kill();
    witness_.check_by_verify_log(true);
    witness_.check_by_verify_entry(dice_.seed());
    for (const auto& sender : senders_) sender->check_nothing_lost();
    coverage_.add(Event::entry, witness_.entries());
    coverage_.add(Event::batch, witness_.batches());
    coverage_.add(Event::anchor, machine_.chain.events(wire::log_id_of(kOrigin)).size());
    for (const std::string& name : machine_.files.names(std::string(kDir) + "/log")) {
        if (name.ends_with(".ndjson")) coverage_.add(Event::segment_rolled);
    }
}

bool Run::is_all_anchored() const {
    const auto covered = process_->anchor_status().covered_to;
    return covered && covered->value + 1 == process_->published().batches;
}

bool Run::at_rest() const {
    for (const auto& sender : senders_) {
        if (!sender->finished()) return false;
    }
    if (process_->published().gate) return false;  // it must admit again by itself
    return network_->settled() && network_->waiting_bytes() == 0 && !process_->commit_due() &&
           !process_->sync_due() && !process_->answer_due() && !process_->ingest_due();
}

bool Run::round() {
    bool moved = false;
    for (auto& sender : senders_) {
        sender->act(dice_);
        sender->read();
    }
    for (std::uint64_t i = 0; i < network_->links(); ++i) {
        Link& link = *network_->pick(i);
        moved = moved || !link.up.empty() || !link.down.empty();
        network_->read(link, link.up.size(), *process_);
    }
    network_->reap(*process_);
    if (process_->commit_due()) process_->commit(), moved = true;
    while (process_->sync_due()) process_->sync(), moved = true;
    while (process_->answer_due()) process_->answer(), moved = true;
    while (process_->ingest_due()) process_->ingest(), moved = true;
    if (process_->anchor_due()) process_->anchor(), moved = true;
    machine_.chain.mine();
    return moved;
}

}  // namespace anchorlog::sim
