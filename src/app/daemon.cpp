#include "app/daemon.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "anchorlog/base/log.h"
#include "anchorlog/crypto/sealed_key.h"

namespace anchorlog::app {
namespace {

constexpr std::uint32_t kCloseTimeoutMs = 2'000;
constexpr std::chrono::milliseconds kFirstAnswerTimeout{5'000};
// A thousand batches are replayed in a fraction of it.
constexpr std::chrono::seconds kRecoveryStepMax{120};
// How often files are looked at for changes. Twice that, and what a session has to end, is how long
// a sender that was withdrawn may still be connected.
constexpr std::chrono::microseconds kPollPeriod{1'000'000};

// A failed sync leaves the page cache in an unknown state: nothing may be acked, sealed or
// synced after it, and the next start rewrites the end of every journal.
[[noreturn]] void die_of_storage(const Error& error) {
    log(LogLevel::error, "storage_failed", {{"error", error.message}});
    std::_Exit(kExitStorage);
}

// As many open files as the limits on connections ask for, if the system allows them. If it does
// not, the listener leaves connections waiting while none is free.
void raise_file_limit(const net::IngestOptions& listen) {
    const rlim_t wanted =
        rlim_t{listen.connections_max} + listen.handshakes_max + net::kDescriptorsKept;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted) return;
    log(LogLevel::warn, "open_files_few",
        {{"limit", std::uint64_t{limit.rlim_cur}}, {"wanted", std::uint64_t{wanted}}});
}

Result<std::unique_ptr<store::StateDb>> open_state(
    const std::string& dir, const std::function<void(const Error&)>& on_damage) {
    auto opened = store::open_rocks_state(dir, on_damage);
    if (opened || opened.error().code != Errc::corruption) return opened;
    log(LogLevel::warn, "state_rebuilt", {{"reason", opened.error().message}});
    if (auto removed = store::remove_rocks_state(dir); !removed) return std::move(removed).error();
    return store::open_rocks_state(dir, on_damage);
}

}  // namespace

Daemon::Daemon(Config config, FileSystem& fs, const Clock& clock, ServiceNotify& manager)
    : config_(std::move(config)), fs_(fs), clock_(clock), manager_(manager),
      identity_(fs, config_.tls, config_.registry_path) {}

Daemon::~Daemon() { stop(); }

Result<void> Daemon::load_identity() {
    auto signer = crypto::load_signer(config_.signing_key_path, config_.passphrase_path);
    if (!signer) return std::move(signer).error().in("signing_key");
    signer_ = std::move(*signer);
    if (!config_.hardware_key.uri.empty()) {
        auto hardware = crypto::open_provider_key(config_.hardware_key);
        if (!hardware) return std::move(hardware).error().in("hardware_key");
        hardware_ = std::move(*hardware);
    }
    auto registry = identity_.read_registry();
    if (!registry) return std::move(registry).error();
    registry_ = std::move(*registry);
    return {};
}

std::optional<wire::HardwareKey> Daemon::hardware_key() const {
    if (!hardware_) return std::nullopt;
    return wire::make_hardware_key(config_.origin, hardware_->public_key());
}

Result<void> Daemon::check() {
    if (auto loaded = load_identity(); !loaded) return loaded;
    class NoSink final : public net::IngestSink {
        void submit(std::vector<net::Inbound>) override {}
        void connection_refused(const std::string&, const std::string&) override {}
        void rate_limited(const std::string&, std::uint32_t) override {}
    } sink;
    net::IngestOptions options = config_.listen;
    options.port = 0;  // a running daemon may hold the configured one
    auto listener = net::IngestListener::create(options, config_.tls, registry_, sink);
    if (!listener) return std::move(listener).error();
    auto http = net::LocalHttp::create(config_.http.address, 0);
    if (!http) return std::move(http).error().in("http");
    for (const TargetConfig& target : config_.targets) {
        if (auto checked = check_target(target); !checked) return checked;
    }
    return {};
}

Result<void> Daemon::lock_store() {
    const std::string& dir = config_.store_dir;
    auto exists = fs_.exists(dir);
    if (!exists) return std::move(exists).error();
    if (!*exists) {
        return Error{Errc::not_found, "store.dir " + dir +
                                          " does not exist; `anchorlogctl log "
                                          "init --config FILE` makes a new log"};
    }
    auto type = fs_.volatile_type(dir);
    if (!type) return std::move(type).error();
    if (!type->empty() && !config_.storage.allow_volatile) {
        return Error{Errc::invalid_input,
                     "store.dir " + dir + " is on " + *type +
                         ", which does not survive a crash of the machine: move it to a disk, or "
                         "set storage.allow_volatile for a test"};
    }
    auto lock = fs_.lock(dir + "/LOCK");
    if (!lock) return std::move(lock).error();
    lock_ = std::move(*lock);
    auto hold = read_hold(fs_, dir);
    if (!hold) return std::move(hold).error();
    hold_ = std::move(*hold);
    // Ports of an earlier run would send the operator's tools elsewhere.
    auto removed = fs_.remove(dir + "/ports.json");
    if (!removed && removed.error().code != Errc::not_found) return removed;
    return {};
}

// Damage in the state is no damage of the log: met while recovering it is rebuilt at once, met
// while serving the process ends, because who resends an old alert would be turned away for ever,
// and the next start rebuilds it.
Result<ledger::Recovered> Daemon::recover_once() {
    auto db = open_state(config_.store_dir + "/state", [this](const Error& error) {
        if (commit_) die_of_storage(error);
        state_damaged_ = true;
    });
    if (!db) return std::move(db).error().in("state");
    ledger::RecoveryOptions options = recovery_options(config_);
    options.hardware_key = hardware_key();
    return ledger::recover(
        fs_, options, std::move(*db), signer_, [this](std::uint64_t done, std::uint64_t all) {
            log(LogLevel::info, "rebuilding", {{"batches", done}, {"of", all}});
            manager_.starting(
                "Rebuilding: batch " + std::to_string(done) + " of " + std::to_string(all),
                kRecoveryStepMax);
        });
}

Result<void> Daemon::recover_store() {
    const SteadyTime began = clock_.now().steady;
    auto recovered = recover_once();
    if (!recovered && state_damaged_) recovered = recover_once();
    if (!recovered) return std::move(recovered).error().in("store " + config_.store_dir);
    store_ = std::move(*recovered);
    recovery_ms_ = clock_.now().steady.ms - began.ms;
    log(LogLevel::info, "recovered",
        {{"entries", store_.log->lines()},
         {"batches", store_.batches->lines()},
         {"batches_replayed", store_.batches_replayed},
         {"entries_replayed", store_.entries_replayed},
         {"cut_bytes", store_.tail_cut ? store_.tail_cut->bytes : 0}});
    if (const auto& cut = store_.tail_cut) {
        log(cut->complete_lines ? LogLevel::error : LogLevel::warn, "tail_cut",
            {{"first", cut->first.value},
             {"bytes", cut->bytes},
             {"complete_lines", cut->complete_lines},
             {"kept_at", cut->kept_at}});
    }
    return {};
}

void Daemon::wire_commit() {
    CommitOptions options;
    options.store_dir = config_.store_dir;
    options.origin = config_.origin;
    options.reserve_bytes = config_.storage.reserve_bytes;
    options.delay_ms = config_.commit_delay_ms;
    options.hardware_key = hardware_key();
    options.start_data = std::string("{\"version\":\"") + ANCHORLOG_VERSION + "\"}";
    if (hold_) {
        options.hold = describe(*hold_);
        options.start_data =
            "{\"restored\":" + to_json(*hold_) + "," + options.start_data.substr(1);
        log(LogLevel::warn, "restored", {{"what", options.hold}});
    }
    LoopNeighbours neighbours;
    neighbours.deliver = [this](std::vector<net::Outbound> replies) {
        listener_->deliver(std::move(replies));
    };
    neighbours.ask = [this](Question question) {
        ask(std::move(question));
    };
    neighbours.promise = [this](std::vector<Promises> promises) {
        http_->post([this, promises = std::move(promises)] {
            listener_->deliver(sign_promises(promises, config_.origin, *signer_));
        });
    };
    neighbours.ingest_state = [this] {
        ingest_state();
    };
    neighbours.sealed = [this] {
        anchors_.wake();
    };
    neighbours.chain_agrees = [this] {
        return anchors_.chain_agrees();
    };
    neighbours.fatal = die_of_storage;
    neighbours.hardware = hardware_;
    commit_ = std::make_unique<CommitLoop>(fs_, clock_, std::move(options), store_,
                                           std::move(neighbours));
    book_ = std::make_unique<SealedBook>(*store_.state, *store_.batches, config_.origin,
                                         signer_->public_key(),
                                         [this] { return commit_->published()->batches; });
    entries_ = std::make_unique<EntryBook>(*store_.state, *store_.log, *book_);
    answerer_ = std::make_unique<Answerer>(
        *store_.state, *store_.log, *book_,
        wire::make_verifier_key(config_.origin, signer_->public_key()));
}

void Daemon::ask(Question question) {
    http_->post(
        [this, question = std::move(question)] { commit_->answer(answerer_->answer(question)); });
}

void Daemon::ingest_state() {
    http_->post([this] {
        if (auto done = store_.state->ingest(); !done) {
            log(LogLevel::error, "state_ingest_failed", {{"error", done.error().message}});
        }
    });
}

Result<void> Daemon::listen() {
    raise_file_limit(config_.listen);
    auto listener = net::IngestListener::create(config_.listen, config_.tls, registry_, *commit_);
    if (!listener) return std::move(listener).error();
    listener_ = std::move(*listener);
    identity_.note_taken();
    return {};
}

Surroundings Daemon::surroundings() const {
    Surroundings out;
    if (auto space = fs_.space(config_.store_dir)) out.disk = *space;
    out.clock_synchronised = is_clock_synchronised();
    out.state_entries_in_memory = store_.state->entries_in_memory();
    out.identity = identity_.standing();
    out.recovery_entries = store_.entries_replayed;
    out.recovery_batches = store_.batches_replayed;
    out.recovery_cut_bytes = store_.tail_cut ? store_.tail_cut->bytes : 0;
    out.recovery_ms = recovery_ms_;
    return out;
}

StatusSources Daemon::status_sources() {
    return {config_.origin,
            clock_,
            *book_,
            *entries_,
            [this] { return commit_->published(); },
            [this] { return listener_->stats(); },
            [this] { return anchors_.shown(); },
            [this] { return surroundings(); },
            [this] { return stopping_.load(); },
            [this] { return commit_->step_held_ms(); },
            listener_->port(),
            http_->port()};
}

Result<void> Daemon::announce() {
    const std::string ports = "{\"http\":" + std::to_string(http_->port()) +
                              ",\"ingest\":" + std::to_string(listener_->port()) + "}\n";
    auto written = replace_file(fs_, config_.store_dir + "/ports.json", as_bytes(ports));
    if (!written) return written;
    log(LogLevel::info, "listening",
        {{"ingest_port", listener_->port()}, {"http_port", http_->port()}});
    log(LogLevel::info, "ready", {{"origin", config_.origin}});
    manager_.ready("Serving " + config_.origin);
    return {};
}

Result<void> Daemon::start() {
    if (auto done = check(); !done) return done;
    if (auto done = lock_store(); !done) return done;
    auto http = net::LocalHttp::create(config_.http.address, config_.http.port);
    if (!http) return std::move(http).error().in("http");
    http_ = std::move(*http);
    http_->start([this](const std::string& path) {
        if (!serving_) return recovering_page(path);
        auto tile = tile_page(*store_.state, *book_, *commit_->published(), path);
        return tile ? std::move(*tile) : status_page(status_sources(), path);
    });
    if (auto done = recover_store(); !done) return done;
    wire_commit();
    if (auto done = listen(); !done) return done;
    auto opened = anchors_.open(
        config_.targets, fs_, *store_.anchors, *book_, clock_,
        [this](const std::string& what) { commit_->fork_found(what); }, die_of_storage);
    if (!opened) return opened;
    anchors_.start();
    // A store put back from an old copy must be found out before anything is sealed or admitted
    // on top of it. A chain that does not answer in time holds nothing up.
    anchors_.await_answers(kFirstAnswerTimeout);
    commit_->start();
    serving_ = true;
    listener_->start();
    return announce();
}

void Daemon::serve(const sigset_t& signals) {
    while (true) {
        const int signal = next_signal(signals);
        if (signal == SIGTERM || signal == SIGINT) break;
        if (identity_.poll(clock_.now().wall) || signal == SIGHUP) reload();
        feed_watchdog();
    }
    log(LogLevel::info, "stopping", {});
    manager_.stopping();
    stop();
    log(LogLevel::info, "stopped", {});
    if (commit_ && commit_->is_hardware_stuck()) {
        log(LogLevel::error, "hardware_key_hangs", {{"left", "its thread, at a signature"}});
        std::_Exit(kExitOk);
    }
}

// -1 when it is time to look at the files and to feed the watchdog, or for an interrupted wait.
int Daemon::next_signal(const sigset_t& signals) {
    // The watchdog twice as often as needed, as sd_watchdog_enabled(3) has it.
    const auto watchdog = manager_.watchdog();
    const std::int64_t wait_us =
        watchdog ? std::min(watchdog->count() / 2, kPollPeriod.count()) : kPollPeriod.count();
    const timespec timeout{wait_us / 1'000'000, wait_us % 1'000'000 * 1'000};
    return sigtimedwait(&signals, nullptr, &timeout);
}

// A daemon that takes alerts and acks none is worse than one that is restarted.
void Daemon::feed_watchdog() {
    const std::int64_t held_ms = commit_->step_held_ms();
    const bool stalled = held_ms > kStepHeldMsMax;
    if (stalled && !stalled_) log(LogLevel::error, "stalled", {{"step_held_ms", held_ms}});
    stalled_ = stalled;
    if (!stalled) manager_.alive();
}

void Daemon::reload() {
    manager_.reloading(clock_.now().steady);
    auto registry = identity_.read_registry();
    const auto done = registry ? listener_->reload(identity_.tls(), std::move(*registry))
                               : Result<void>(std::move(registry).error());
    identity_.note_reload(done.has_value());
    if (done) {
        identity_.note_taken();
        commit_->note("config_change", "certificates and registry reloaded", "");
        log(LogLevel::info, "reloaded", {});
    } else {
        log(LogLevel::error, "reload_refused", {{"error", done.error().message}});
    }
    manager_.ready("Serving " + config_.origin);
}

void Daemon::stop() {
    stopping_ = true;
    if (listener_) listener_->stop_reading();
    if (commit_) commit_->stop();
    if (listener_) listener_->close(kCloseTimeoutMs);
    anchors_.stop();
    serving_ = false;
    if (http_) http_->stop();
    save_state();
}

// What the state does not hold yet, the next start would have to read from the journals again. A
// failure costs only that.
void Daemon::save_state() {
    // One run may be left from an ingest that failed, and a newer one behind it.
    for (int run = 0; run < 2; ++run) {
        if (!store_.state || store_.state->entries_in_memory() == 0) return;
        if (auto done = store_.state->ingest(); !done) {
            log(LogLevel::warn, "state_ingest_failed", {{"error", done.error().message}});
            return;
        }
    }
}

}  // namespace anchorlog::app
