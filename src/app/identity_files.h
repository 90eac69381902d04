#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/crypto/x509.h"
#include "anchorlog/net/ingest.h"
#include "app/file_watch.h"

namespace anchorlog::app {

// How far a revocation list is through its life.
enum class CrlAge {
    fresh,
    half,   // it should have been replaced
    stale,  // nobody is let in
};
[[nodiscard]] CrlAge crl_age(const crypto::CrlDates& dates, WallTime now);

// What is known of the files that say who may connect.
struct IdentityStanding {
    std::optional<WallTime> certificate_end;  // of the server's chain, its first to expire
    std::optional<WallTime> client_ca_end;    // likewise
    std::optional<crypto::CrlDates> crl;
    std::uint64_t reloads_done = 0;
    std::uint64_t reloads_refused = 0;
    bool is_last_refused = false;  // what stands in the files is not what is in use
};

// The files that say who may connect (certificate, key, client CA, revocation list, registry):
// when they are to be read again, and how long what was read holds. The daemon's thread, but
// standing() any.
class IdentityFiles {
public:
    IdentityFiles(FileSystem& fs, net::TlsFiles tls, std::string registry_path,
                  FileWatch::Stamp stamp = file_stamp);

    [[nodiscard]] const net::TlsFiles& tls() const { return tls_; }
    // Reads the registry, the first of the files to be read.
    [[nodiscard]] Result<std::shared_ptr<const net::Registry>> read_registry();
    // All was read and is in use.
    void note_taken();
    void note_reload(bool is_done);
    // Once a second: true when files were changed and are to be read. Says in the daemon's log when
    // the list in use is through half of its life, and when it is stale.
    [[nodiscard]] bool poll(WallTime now);
    [[nodiscard]] IdentityStanding standing() const;

private:
    FileSystem& fs_;
    const net::TlsFiles tls_;
    const std::string registry_path_;
    FileWatch watch_;
    CrlAge told_ = CrlAge::fresh;
    mutable std::mutex mutex_;
    IdentityStanding standing_;
};

}  // namespace anchorlog::app
