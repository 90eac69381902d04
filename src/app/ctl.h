#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/provider_key.h"

namespace anchorlog::app {

struct Config;

// The keys that sign a log's checkpoints.
struct LogSigners {
    std::unique_ptr<crypto::Signer> own;
    std::unique_ptr<crypto::HardwareSigner> hardware;  // null: none is configured
};
[[nodiscard]] Result<LogSigners> load_signers(const Config& config);
// Their vkeys and trust lines, on standard output.
void print_vkeys(const std::string& origin, const LogSigners& signers);

// One call of anchorlogctl: its words, what they are about, and its options. An option given twice
// keeps all values.
struct CtlCall {
    std::vector<std::string> words;
    std::vector<std::string> operands;  // as many as the command takes
    std::map<std::string, std::vector<std::string>> options;

    // The option's last value; empty when it was not given.
    [[nodiscard]] std::string get(const std::string& name) const;
    [[nodiscard]] Result<std::string> need(const std::string& name) const;
    [[nodiscard]] Result<int> days(const std::string& name, int otherwise) const;
};

// Each prints its result on standard output.
[[nodiscard]] Result<void> pki_init(const CtlCall& call);
[[nodiscard]] Result<void> pki_issue(const CtlCall& call);
[[nodiscard]] Result<void> pki_renew(const CtlCall& call);
[[nodiscard]] Result<void> pki_revoke(const CtlCall& call);
[[nodiscard]] Result<void> pki_crl(const CtlCall& call);
[[nodiscard]] Result<void> pki_list(const CtlCall& call);
[[nodiscard]] Result<void> key_generate(const CtlCall& call);
// The vkeys and trust lines of a configuration's keys, each of which has signed once.
[[nodiscard]] Result<void> key_show(const CtlCall& call);
[[nodiscard]] Result<void> log_init(const CtlCall& call);
// Says that a restored store lacks nothing that was sealed; the daemon must be stopped.
[[nodiscard]] Result<void> log_accept_restore(const CtlCall& call);
// Seals the change of the log's key with the key in the configuration; the daemon must be stopped.
[[nodiscard]] Result<void> log_rotate_key(const CtlCall& call);
// STORE DIR: a copy of a store that a daemon may be writing to, verified.
[[nodiscard]] Result<void> backup(const CtlCall& call);
// BACKUP STORE: into a new directory, which the daemon then holds (RestoreHold).
[[nodiscard]] Result<void> restore(const CtlCall& call);
// Prune closed segments, or one entry, of a stopped daemon's log (docs/runbooks/retention.md).
[[nodiscard]] Result<void> archive(const CtlCall& call);
[[nodiscard]] Result<void> erase(const CtlCall& call);
[[nodiscard]] Result<void> contract_deploy(const CtlCall& call);
[[nodiscard]] Result<void> contract_show(const CtlCall& call);
[[nodiscard]] Result<void> contract_rotate_submitter(const CtlCall& call);
[[nodiscard]] Result<void> status(const CtlCall& call);
// For a probe inside a container, where the pages are on a loopback that only this reaches.
[[nodiscard]] Result<void> health(const CtlCall& call);

// Writes a file that only its owner may use. Never overwrites: a key that is gone cannot sign
// again, and what it signed stays in the log.
[[nodiscard]] Result<void> write_new(const std::string& path, const std::string& text);

// A picture of the daemon each second, until q; --once: one, and no rates.
[[nodiscard]] Result<void> top(const CtlCall& call);

// Where the pages of the daemon of this configuration are, as it wrote when it became ready.
[[nodiscard]] Result<std::string> status_url(const CtlCall& call);

// anchorlogctl's command line; returns the exit code.
int run_anchorlogctl(int argc, char** argv);

}  // namespace anchorlog::app
