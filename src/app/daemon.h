#pragma once

#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/ledger/recovery.h"
#include "anchorlog/net/ingest.h"
#include "anchorlog/net/local_http.h"
#include "app/commit_loop.h"
#include "app/config.h"
#include "app/identity_files.h"
#include "app/read_side.h"
#include "app/restore_hold.h"
#include "app/service_notify.h"
#include "app/status_page.h"
#include "app/target_wiring.h"
#include "app/tile_page.h"

namespace anchorlog::app {

// Exit codes, stable (sysexits.h).
inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitStorage = 74;
inline constexpr int kExitConfig = 78;

// A running anchorlogd. Members stand in the order they depend on each other; shutdown goes the
// other way (design §6): stop reading, drain, last group, last seal, close sessions, anchor, read.
//
// Threads: this one (signals), I/O (in IngestListener), commit and sync (in CommitLoop), read (in
// LocalHttp), one a target (in AnchorWorker).
class Daemon {
public:
    // `manager` hears when the daemon is ready, reloads, stops, and that its threads move.
    Daemon(Config config, FileSystem& fs, const Clock& clock, ServiceNotify& manager);
    ~Daemon();

    // Checks everything that can be checked without touching the store.
    [[nodiscard]] Result<void> check();
    // Recovers the store and starts all threads.
    [[nodiscard]] Result<void> start();
    // Returns after SIGTERM or SIGINT, with all threads joined. On SIGHUP, and when one of the
    // files was changed, certificates, revocation list and registry are reloaded, all or nothing.
    void serve(const sigset_t& signals);

private:
    [[nodiscard]] Result<void> load_identity();
    [[nodiscard]] std::optional<wire::HardwareKey> hardware_key() const;
    [[nodiscard]] Result<void> lock_store();
    [[nodiscard]] Result<ledger::Recovered> recover_once();
    [[nodiscard]] Result<void> recover_store();
    [[nodiscard]] Result<void> listen();
    [[nodiscard]] Result<void> announce();
    void wire_commit();
    void reload();
    [[nodiscard]] int next_signal(const sigset_t& signals);
    void feed_watchdog();
    void stop();
    void ask(Question question);
    void ingest_state();
    void save_state();
    [[nodiscard]] Surroundings surroundings() const;
    [[nodiscard]] StatusSources status_sources();

    const Config config_;
    FileSystem& fs_;
    const Clock& clock_;
    ServiceNotify& manager_;
    std::shared_ptr<const crypto::Signer> signer_;
    std::shared_ptr<const crypto::HardwareSigner> hardware_;  // null: the log has no such key
    IdentityFiles identity_;
    std::shared_ptr<const net::Registry> registry_;
    std::unique_ptr<FileLock> lock_;
    std::optional<RestoreHold> hold_;  // as found at start
    std::unique_ptr<net::LocalHttp> http_;
    ledger::Recovered store_;
    std::int64_t recovery_ms_ = 0;
    std::unique_ptr<CommitLoop> commit_;
    std::unique_ptr<SealedBook> book_;
    std::unique_ptr<EntryBook> entries_;
    std::unique_ptr<Answerer> answerer_;
    std::unique_ptr<net::IngestListener> listener_;
    AnchorSet anchors_;
    bool state_damaged_ = false;         // met while recovering
    bool stalled_ = false;               // told once
    std::atomic<bool> serving_ = false;  // the pages may use everything above
    std::atomic<bool> stopping_ = false;
};

// anchorlogd's command line; returns the exit code.
int run_anchorlogd(int argc, char** argv);

}  // namespace anchorlog::app
