#include <utility>

#include "anchorlog/ledger/control_batch.h"
#include "sim/run.h"

// The operator changes the log's key: the daemon is stopped, the command runs, and the daemon
// starts with the new key. The command may meet every fault that the daemon may.
namespace anchorlog::sim {

void Run::rotate_key() {
    if (!end_cleanly()) return;
    if (dice_.one_in(3)) machine_.files.die_at(dice_.between(1, 12));
    const auto number = static_cast<std::uint8_t>(machine_.keys.size());
    const std::shared_ptr<const crypto::Signer> after = crypto::signer_from_seed({4, 2, number});
    const auto changed = change_key(*after);
    if (machine_.files.dead()) {
        tell("power fails while the key is changed");
        coverage_.add(Event::death_while_rotating);
    } else {
        tell(changed ? "the key is changed" : "no new key: " + changed.error().message);
    }
    // Whoever saw the command succeed writes the new key into the configuration. Whoever did not
    // leaves the old one there and does as the daemon says.
    if (changed) {
        coverage_.add(Event::key_rotated);
        machine_.signer = after;
    } else {
        other_key_ = after;
    }
    machine_.files.dead() ? machine_.files.crash(dice_.seed()) : machine_.files.kill();
    take_file_counts();
    start();
}

Result<void> Run::change_key(const crypto::Signer& after) {
    const ledger::RecoveryOptions& options = plan_.process.recovery;
    {
        auto log = store::Journal::open(machine_.files, std::string(kDir) + "/log", options.journal,
                                        ledger::check_entry_line);
        if (!log) return std::move(log).error();
        if ((*log)->tail().bytes > 0) return Error{Errc::refused, "log/ ends in a torn line"};
    }
    auto store = ledger::recover(machine_.files, options,
                                 std::make_unique<testing::FakeStateDb>(machine_.state),
                                 machine_.signer, nullptr);
    if (!store) return std::move(store).error();
    const auto end = ledger::sealed_end(*store);
    if (!end) return end.error();
    const auto batch = ledger::make_key_change(kOrigin, *machine_.signer, after, "planned", *end,
                                               machine_.clock.now().wall);
    if (!batch) return batch.error();
    machine_.keys.push_back(wire::make_verifier_key(kOrigin, after.public_key()));
    return ledger::append_batch(*store, *batch);
}

}  // namespace anchorlog::sim
