#include "sim/run.h"

#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

#include "anchorlog/crypto/sha256.h"

namespace anchorlog::sim {
namespace {

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 40;

constexpr std::size_t kDumpedLineMax = 400;

// Files on their way to their name have a process id and a count in it, which no seed decides.
std::string without_temporary(const std::string& path) {
    return path.substr(0, path.find(".tmp-"));
}

}  // namespace

Run::Run(std::uint64_t seed, std::ostream* trace)
    : seed_(seed), trace_(trace), dice_(seed), plan_(seed, machine_, dice_),
      witness_(machine_, coverage_) {}

void Run::tell(const std::string& what) const {
    if (trace_ == nullptr) return;
    *trace_ << step_ << " " << machine_.clock.now().steady.ms << " " << without_temporary(what)
            << "\n";
}

std::string Run::where() const { return "step " + std::to_string(step_); }

void Run::make_log() {
    const auto made =
        ledger::init_log(machine_.files, kDir, plan_.process.recovery.journal, kOrigin,
                         *machine_.signer, {}, Hash{}, machine_.clock.now().wall);
    if (!made) throw Violation("the log could not be made: " + made.error().message);
    nlohmann::json registry = {{"senders", nlohmann::json::object()}};
    for (std::size_t i = 0; i < plan_.senders.size(); ++i) {
        senders_.push_back(
            std::make_unique<Sender>(i, plan_.senders[i], machine_, witness_, coverage_));
        registry["senders"][senders_.back()->name()] = senders_.back()->registration();
    }
    auto parsed = net::Registry::parse(registry.dump());
    if (!parsed) throw Violation("the registry is refused: " + parsed.error().message);
    network_ = std::make_unique<Network>(machine_, witness_, coverage_,
                                         std::make_shared<const net::Registry>(std::move(*parsed)));
    for (auto& sender : senders_) sender->use(*network_);
    machine_.chain.mines_at_once = plan_.mines_at_once;
    machine_.chain.on_call = [this](std::string_view) -> std::optional<Error> {
        if (!chain_broken_ || dice_.one_in(2)) return std::nullopt;
        coverage_.add(Event::chain_error);
        return Error{Errc::unavailable, "simulated"};
    };
}

void Run::go() {
    if (trace_ != nullptr) {
        machine_.files.on_change(
            [this](testing::SimCall call, const std::string& path, const char* fate) {
                tell(std::string("    ") + testing::to_string(call) + " " +
                     without_temporary(path) + " " + fate);
            });
    }
    make_log();
    start();
    for (; step_ < plan_.steps; ++step_) step();
    finish();
}

void Run::step() {
    coverage_.add(Event::step);
    const Action action = plan_.next(dice_);
    try {
        perform(action);
    } catch (const ProcessEnded& ended) {
        tell("the process ends: " + ended.error.message);
        if (!machine_.files.dead()) kill();
    }
    // What was sent in the same step after the machine had died was not sent.
    if (machine_.files.dead()) power_failure();
    take_file_counts();
}

void Run::perform(Action action) {
    if (trace_ != nullptr) tell(to_string(action));
    switch (action) {
        case Action::send:
            return senders_[dice_.below(senders_.size())]->act(dice_);
        case Action::read_wire:
            return read_wire();
        case Action::read_answer:
            return senders_[dice_.below(senders_.size())]->read();
        case Action::reap:
            return network_->reap(*process_);
        case Action::commit:
            if (process_->commit_due()) process_->commit();
            return;
        case Action::sync:
            if (process_->sync_due()) process_->sync();
            return;
        case Action::answer:
            if (process_->answer_due()) process_->answer();
            return;
        case Action::ingest:
            if (process_->ingest_due() && !process_->ingest()) coverage_.add(Event::state_failed);
            return;
        case Action::anchor:
            if (process_->anchor_due()) process_->anchor();
            return;
        case Action::mine:
            return machine_.chain.mine(dice_.between(1, 2));
        case Action::pass_time:
            return pass_time();
        default:
            return perform_fault(action);
    }
}

void Run::perform_fault(Action action) {
    switch (action) {
        case Action::power_failure:
            return power_failure();
        case Action::kill:
            return kill();
        case Action::die_inside:
            return machine_.files.die_at(dice_.between(1, 12));
        case Action::fail_sync:
            return machine_.files.fail(
                dice_.one_in(4) ? testing::SimCall::sync_all : testing::SimCall::sync_data,
                dice_.between(1, 4), Errc::io);
        case Action::fail_call:
            return fail_call();
        case Action::fill_disk:
            return machine_.files.set_capacity(machine_.files.used() + dice_.below(6'000));
        case Action::free_disk:
            return machine_.files.set_capacity(kPlenty);
        case Action::stop:
            return stop();
        case Action::delete_state:
            coverage_.add(Event::state_deleted);
            machine_.state->clear();
            return kill();
        case Action::fail_state:
            return machine_.state->fail_after(dice_.below(2));
        case Action::step_clock: {
            coverage_.add(Event::clock_step);
            const auto by = static_cast<std::int64_t>(dice_.below(3'600'000));
            const std::int64_t away = dice_.one_in(2) ? by : -by;
            const std::int64_t true_ms = machine_.true_time().ms;
            const bool back = machine_.clock.now().wall.ms != true_ms;
            return machine_.clock.set_wall({back ? true_ms : true_ms + away});
        }
        case Action::break_chain:
            chain_broken_ = !chain_broken_;
            return;
        case Action::lose_answer:
            coverage_.add(Event::answer_lost);
            machine_.chain.answers_to_lose = 1;
            return;
        case Action::rotate_key:
            return rotate_key();
        case Action::prune:
            return prune();
        default:
            coverage_.add(Event::reorganisation);
            return machine_.chain.reorg(dice_.between(1, 3), !dice_.one_in(3));
    }
}

void Run::pass_time() {
    const std::uint64_t kind = dice_.below(60);
    const std::uint64_t ms = kind == 0   ? dice_.between(31'000, 4'000'000)
                             : kind < 4  ? dice_.between(1'000, 10'000)
                             : kind < 15 ? dice_.between(50, 500)
                                         : dice_.between(1, 20);
    machine_.clock.advance_ms(static_cast<std::int64_t>(ms));
}

void Run::read_wire() {
    Link* link = network_->pick(dice_.below(64));
    if (link == nullptr) return;
    const std::uint64_t most = std::max<std::uint64_t>(link->up.size(), 1);
    network_->read(*link, dice_.one_in(2) ? most : dice_.between(1, most), *process_);
}

void Run::fail_call() {
    using testing::SimCall;
    const SimCall writing[] = {SimCall::write, SimCall::allocate, SimCall::create};
    const SimCall any[] = {SimCall::open,     SimCall::create,     SimCall::read,
                           SimCall::write,    SimCall::allocate,   SimCall::truncate,
                           SimCall::sync_all, SimCall::sync_dir,   SimCall::list,
                           SimCall::rename,   SimCall::create_dir, SimCall::remove};
    const bool full = dice_.one_in(3);
    machine_.files.fail(full ? dice_.of(writing) : dice_.of(any), dice_.between(1, 6),
                        full ? Errc::storage_full : Errc::io);
}

void Run::stop() {
    if (end_cleanly()) start();
}

// SIGTERM: what is queued is worked off, what is open is sealed.
bool Run::end_cleanly() {
    coverage_.add(Event::clean_stop);
    process_->submit(app::StopInput{});
    for (rounds_ = 0; !process_->stopped(); ++rounds_) {
        if (rounds_ > 10'000) throw Violation("the daemon does not stop");
        bool moved = true;
        if (process_->sync_due()) {
            process_->sync();
        } else if (process_->commit_due()) {
            process_->commit();
        } else if (process_->answer_due()) {
            process_->answer();
        } else {
            moved = false;
        }
        if (machine_.files.dead()) return false;
        if (!moved) machine_.clock.advance_ms(1'000);
    }
    const app::Published& last = process_->published();
    const bool was_full = machine_.files.counts().full_errors > 0 || last.gate;
    if (!was_full && last.open_entries > 0) throw Violation("stopped with a batch left open");
    if (!process_->save()) coverage_.add(Event::state_failed);
    end_process();
    machine_.files.kill();
    return true;
}

void Run::take_file_counts() {
    const testing::SimFileCounts now = machine_.files.counts();
    const auto take = [&](Event event, std::uint64_t testing::SimFileCounts::* count) {
        coverage_.add(event, now.*count - counted_.*count);
    };
    using Counts = testing::SimFileCounts;
    take(Event::sync_failed, &Counts::sync_errors);
    take(Event::call_failed, &Counts::other_errors);
    take(Event::disk_full, &Counts::full_errors);
    take(Event::death_inside_a_call, &Counts::deaths);
    take(Event::unsynced_bytes_dropped, &Counts::dropped);
    take(Event::write_torn, &Counts::torn);
    take(Event::writes_reordered, &Counts::reordered);
    take(Event::length_lied, &Counts::lying_lengths);
    take(Event::name_lost, &Counts::names_lost);
    counted_ = now;
}

// For a person who looks at a violation.
void Run::dump() const {
    if (trace_ == nullptr) return;
    for (const char* journal : {"log", "batches", "anchors"}) {
        const std::string dir = std::string(kDir) + "/" + journal;
        for (const std::string& name : machine_.files.names(dir)) {
            if (!name.ends_with(".ndjson")) continue;
            *trace_ << "--- " << journal << "/" << name << "\n";
            std::istringstream lines(machine_.files.content(dir + "/" + name));
            for (std::string line; std::getline(lines, line);) {
                *trace_ << line.substr(0, kDumpedLineMax) << "\n";
            }
        }
    }
    *trace_ << "--- on the chain\n";
    for (const auto& event : machine_.chain.events(wire::log_id_of(kOrigin))) {
        *trace_ << "batches " << event.from_batch.value << " to " << event.batch_id.value << "\n";
    }
}

Hash Run::digest() const {
    std::string all;
    for (const char* dir : {"", "/log", "/batches", "/anchors", "/torn"}) {
        const std::string path = std::string(kDir) + dir;
        for (const std::string& name : machine_.files.names(path)) {
            all += without_temporary(name) + "\n" + machine_.files.content(path + "/" + name);
        }
    }
    for (const Bytes& sent : machine_.chain.sent()) all += as_text(sent);
    all += coverage_.to_text({});
    return crypto::sha256(as_bytes(all));
}

}  // namespace anchorlog::sim
