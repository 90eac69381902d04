#include "app/offline_store.h"

#include <utility>

#include "anchorlog/ledger/hardware_line.h"
#include "app/restore_hold.h"

namespace anchorlog::app {
namespace {

Result<void> must_be_whole(FileSystem& fs, const Config& config) {
    auto log = store::Journal::open(fs, config.store_dir + "/log", config.journal,
                                    ledger::check_entry_line);
    if (!log) return std::move(log).error();
    if ((*log)->tail().bytes == 0) return {};
    return Error{Errc::refused,
                 "log/ ends in a torn line: start the daemon and stop it again, it "
                 "cuts the line and puts that on record"};
}

}  // namespace

Result<OfflineStore> open_offline(FileSystem& fs, const Config& config,
                                  std::shared_ptr<const crypto::Signer> signer) {
    const std::string& dir = config.store_dir;
    auto exists = fs.exists(dir + "/batches");
    if (!exists) return std::move(exists).error();
    if (!*exists) return Error{Errc::not_found, dir + " is no store: it has no batches/"};
    OfflineStore out;
    auto lock = fs.lock(dir + "/LOCK");
    if (!lock && lock.error().code == Errc::refused) {
        return Error{Errc::refused, "the daemon runs on " + dir + ": stop it first"};
    }
    if (!lock) return std::move(lock).error();
    out.lock = std::move(*lock);
    auto hold = read_hold(fs, dir);
    if (!hold) return std::move(hold).error();
    if (*hold) return Error{Errc::refused, dir + " is " + describe(**hold)};
    if (auto whole = must_be_whole(fs, config); !whole) return std::move(whole).error();
    ledger::RecoveryOptions options = recovery_options(config);
    if (!config.hardware_key.uri.empty()) {
        auto hardware = crypto::open_provider_key(config.hardware_key);
        if (!hardware) return std::move(hardware).error().in("hardware_key");
        out.hardware = std::move(*hardware);
        options.hardware_key = wire::make_hardware_key(config.origin, out.hardware->public_key());
    }
    auto state = store::open_rocks_state(dir + "/state");
    if (!state) {
        return std::move(state).error().in("start the daemon and stop it again, it rebuilds state");
    }
    auto recovered = ledger::recover(fs, options, std::move(*state), std::move(signer), nullptr);
    if (!recovered) return std::move(recovered).error().in("store " + dir);
    out.store = std::move(*recovered);
    auto end = ledger::sealed_end(out.store);
    if (!end) return std::move(end).error();
    out.end = std::move(*end);
    return out;
}

Result<void> append_control(OfflineStore& store, ledger::SealedBatch& batch) {
    if (store.hardware) {
        if (auto done = ledger::sign_in_hardware(batch, *store.hardware); !done) return done;
    }
    if (auto done = ledger::append_batch(store.store, batch); !done) return done;
    store.end.next_batch = store.end.next_batch.plus(1);
    store.end.history.append(merkle::hash_leaf(as_bytes(batch.header_text)));
    return {};
}

}  // namespace anchorlog::app
