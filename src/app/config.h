#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/log.h"
#include "anchorlog/base/result.h"
#include "anchorlog/crypto/provider_key.h"
#include "anchorlog/ledger/recovery.h"
#include "anchorlog/net/ingest.h"
#include "anchorlog/store/journal.h"
#include "app/target_config.h"

namespace anchorlog::app {

struct HttpConfig {
    std::string address = "127.0.0.1";
    std::uint16_t port = 7480;
};

struct StorageConfig {
    std::uint64_t reserve_bytes = 64u << 20;
    bool allow_volatile = false;
};

// The daemon's configuration; immutable once read. Paths are already joined to the directory of
// the file. Every default is the one config/anchorlogd.json documents.
struct Config {
    std::string origin;
    std::string store_dir;
    net::IngestOptions listen;
    HttpConfig http;
    net::TlsFiles tls;
    std::string registry_path;
    std::string signing_key_path;
    std::string passphrase_path;            // of the signing key; empty: it has none
    crypto::ProviderKeyPlace hardware_key;  // its uri empty: the log has none
    ledger::SequencerOptions sequencer;
    wire::BatchPolicyRecord policy;
    store::JournalOptions journal;
    std::uint32_t commit_delay_ms = 0;
    std::uint64_t run_entries = 100'000;
    StorageConfig storage;
    std::vector<TargetConfig> targets;
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::text;
};

// How the store of this configuration is recovered.
[[nodiscard]] ledger::RecoveryOptions recovery_options(const Config& config);

// Errors name the JSON path (`listen.port`), what is wrong and what is allowed.
[[nodiscard]] Result<Config> parse_config(std::string_view json, const std::string& base_dir);
[[nodiscard]] Result<Config> load_config(const std::string& path);

}  // namespace anchorlog::app
