#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tls_link.h"

namespace anchorlog::bench {

// A directory of its own below `parent`, removed at the end.
class TrialDirectory {
public:
    explicit TrialDirectory(const std::string& parent);
    TrialDirectory(const TrialDirectory&) = delete;
    TrialDirectory& operator=(const TrialDirectory&) = delete;
    ~TrialDirectory();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

struct DaemonSettings {
    std::uint64_t session_bytes = 0;  // queue.session_bytes_max; 0: its default
    bool allow_volatile = false;      // storage.allow_volatile
};

// One anchorlogd over a new store with default settings, from `log init` to its removal.
class DaemonTrial {
public:
    // `programs` holds anchorlogd, anchorlogctl and logverify. Returns when the daemon listens.
    DaemonTrial(const std::string& parent, const std::string& programs, DaemonSettings settings,
                const TrialPki& pki);
    DaemonTrial(const DaemonTrial&) = delete;
    DaemonTrial& operator=(const DaemonTrial&) = delete;
    ~DaemonTrial();

    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] double peak_rss_mib() const;             // while it runs
    void stop_daemon();                                    // SIGTERM; it must exit with 0
    [[nodiscard]] double cpu_s() const { return cpu_s_; }  // once stopped

    // What is stored is what was acked: every number of every device, once each.
    void check_stored(const std::vector<std::uint64_t>& acked) const;
    void check_with_logverify() const;

private:
    void write_config(DaemonSettings settings, const TrialPki& pki) const;
    void wait_for_port();

    TrialDirectory directory_;
    std::string programs_;
    pid_t pid_ = -1;
    int port_ = 0;
    double cpu_s_ = 0;
};

}  // namespace anchorlog::bench
