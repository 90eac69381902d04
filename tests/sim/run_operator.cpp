#include <algorithm>
#include <utility>

#include "anchorlog/ledger/retention.h"
#include "sim/run.h"

// What the operator does to a log whose daemon is stopped: changes its key, takes lines out of it.
// The commands may meet every fault that the daemon may, and are not always tried again.
namespace anchorlog::sim {

// The log's end as a control batch needs it.
struct Run::Offline {
    ledger::Recovered store;
    ledger::HistoryEnd end;

    Result<void> append(const ledger::SealedBatch& batch) {
        if (auto done = ledger::append_batch(store, batch); !done) return done;
        end.next_batch = end.next_batch.plus(1);
        end.history.append(merkle::hash_leaf(as_bytes(batch.header_text)));
        return {};
    }
};

Result<Run::Offline> Run::open_offline() {
    const ledger::RecoveryOptions& options = plan_.process.recovery;
    {
        auto log = store::Journal::open(machine_.files, std::string(kDir) + "/log", options.journal,
                                        ledger::check_entry_line);
        if (!log) return std::move(log).error();
        if ((*log)->tail().bytes > 0) return Error{Errc::refused, "log/ ends in a torn line"};
    }
    Offline out;
    auto store = ledger::recover(machine_.files, options,
                                 std::make_unique<testing::FakeStateDb>(machine_.state),
                                 machine_.signer, nullptr);
    if (!store) return std::move(store).error();
    out.store = std::move(*store);
    auto end = ledger::sealed_end(out.store);
    if (!end) return std::move(end).error();
    out.end = std::move(*end);
    return out;
}

// The end of every command, however it went.
void Run::leave_command(const char* name, const Result<void>& done, Event death) {
    if (machine_.files.dead()) {
        tell(std::string("power fails while it is to ") + name);
        coverage_.add(death);
        machine_.files.crash(dice_.seed());
    } else {
        tell(std::string(name) + (done ? ": done" : ": " + done.error().message));
        machine_.files.kill();
    }
    take_file_counts();
    start();
}

void Run::rotate_key() {
    if (!end_cleanly()) return;
    if (dice_.one_in(3)) machine_.files.die_at(dice_.between(1, 12));
    const auto number = static_cast<std::uint8_t>(machine_.keys.size());
    const std::shared_ptr<const crypto::Signer> after = crypto::signer_from_seed({4, 2, number});
    const auto changed = change_key(*after);
    // Whoever saw the command succeed writes the new key into the configuration. Whoever did not
    // leaves the old one there and does as the daemon says.
    if (changed) {
        coverage_.add(Event::key_rotated);
        machine_.signer = after;
    } else {
        other_key_ = after;
    }
    leave_command("change the key", changed, Event::death_while_rotating);
}

Result<void> Run::change_key(const crypto::Signer& after) {
    auto offline = open_offline();
    if (!offline) return std::move(offline).error();
    const auto batch = ledger::make_key_change(kOrigin, *machine_.signer, after, "planned",
                                               offline->end, machine_.clock.now().wall);
    if (!batch) return batch.error();
    machine_.keys.push_back(wire::make_verifier_key(kOrigin, after.public_key()));
    return offline->append(*batch);
}

void Run::prune() {
    const auto covered = process_->anchor_status().covered_to;
    if (!end_cleanly() || !covered) return process_ ? void() : start();
    machine_.files.heal();  // so that the witness sees all there is
    witness_.check_store();
    if (dice_.one_in(3)) machine_.files.die_at(dice_.between(1, 40));
    if (dice_.one_in(4)) fail_call();
    leave_command("prune", take_lines_out(*covered), Event::death_while_pruning);
}

Result<void> Run::take_lines_out(BatchId covered) {
    auto offline = open_offline();
    if (!offline) return std::move(offline).error();
    ledger::Retention retention(machine_.files, kDir, *offline->store.log, *offline->store.batches);
    if (auto done = retention.read(); !done) return done;
    std::vector<ledger::KeptSegment> candidates;
    std::copy_if(retention.segments().begin(), retention.segments().end(),
                 std::back_inserter(candidates), [&](const ledger::KeptSegment& one) {
                     return one.is_closed && !one.is_pruned && one.batch && *one.batch <= covered;
                 });
    if (candidates.empty()) return {};
    const auto seal = [&](const wire::PruneRecord& record) -> Result<void> {
        const auto batch = ledger::make_prune(kOrigin, *machine_.signer, record, offline->end,
                                              machine_.clock.now().wall);
        return batch ? offline->append(*batch) : Result<void>(batch.error());
    };
    if (dice_.one_in(2)) {
        candidates.resize(dice_.between(1, candidates.size()));
        std::vector<EntryIndex> firsts;
        for (const ledger::KeptSegment& one : candidates) {
            firsts.push_back(one.first);
            witness_.may_go(one.first, one.last);
        }
        auto done = retention.archive(firsts, dice_.one_in(2) ? "/archive" : "", "old", seal);
        if (done) coverage_.add(Event::segment_archived);
        return done;
    }
    const ledger::KeptSegment& one = candidates[dice_.below(candidates.size())];
    const EntryIndex index(dice_.between(one.first.value, one.last.value));
    witness_.may_go(index, index);
    auto done = retention.erase(index, "asked", seal, [&]() -> Result<void> {
        offline->store.state.reset();
        machine_.state->clear();
        return {};
    });
    if (done) coverage_.add(Event::entry_erased);
    return done;
}

}  // namespace anchorlog::sim
