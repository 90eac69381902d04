#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "anchorlog/ledger/recovery.h"
#include "support/alert_builder.h"
#include "support/fake_state_db.h"
#include "support/sim_clock.h"
#include "support/sim_file_system.h"

namespace anchorlog::testing {

// The daemon's commit order without its threads, over simulated files: admit, write, sync,
// seal. What `acked` holds was synced before it was put there.
class LogMachine {
public:
    static constexpr const char* kDir = "/store";
    static constexpr const char* kOrigin = "anchorlog.test/gw";

    LogMachine();

    // Makes the log; start() recovers it, also after crash().
    Result<void> init();
    Result<void> start();
    void crash(std::uint64_t seed);
    void delete_state() { state_disk_->clear(); }
    // The key in the configuration, from the next start on.
    void use_key(std::shared_ptr<const crypto::Signer> signer) { signer_ = std::move(signer); }
    // Of what reached the state's disk.
    store::Through state_through() { return FakeStateDb(state_disk_).through().value(); }

    // One alert of `device` through the parser into the group being formed.
    ledger::Admission admit(const std::string& device, std::uint64_t seq_no,
                            std::uint64_t epoch = 0, std::uint64_t variant = 0);
    Result<void> commit();
    Result<void> seal(ledger::SealReason reason = ledger::SealReason::count);

    ledger::Recovered& store() { return store_; }
    ledger::Sequencer& sequencer() { return *store_.sequencer; }
    SimFileSystem& files() { return files_; }
    SimClock& clock() { return clock_; }
    const std::vector<std::string>& acked() const { return acked_; }
    std::vector<std::string> lines(store::Journal& journal) const;

    ledger::RecoveryOptions options;
    std::shared_ptr<const crypto::HardwareSigner> hardware;  // of init()

private:
    SimFileSystem files_;
    SimClock clock_;
    std::shared_ptr<FakeStateDisk> state_disk_ = std::make_shared<FakeStateDisk>();
    std::shared_ptr<const crypto::Signer> signer_;
    ledger::Recovered store_;
    std::vector<std::string> acked_;    // lines of log/, synced
    std::vector<std::string> pending_;  // alerts in the group being formed
};

}  // namespace anchorlog::testing
