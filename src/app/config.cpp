#include "app/config.h"

#include <cstdlib>
#include <filesystem>

#include "anchorlog/base/file_system.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"
#include "app/config_reader.h"

namespace anchorlog::app {
namespace {

constexpr std::uint64_t kConfigSizeMax = 1u << 20;
constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint32_t kReceiptsPerS = 1'000;

// A service's credentials are in a directory that systemd names only when it starts it. Elsewhere
// the path stays as it was written, and whoever opens it says that it is not there: `anchorlogctl
// status` reads this file too and needs no key.
constexpr std::string_view kCredentials = "$CREDENTIALS_DIRECTORY/";

void join(std::string& path, const std::string& base_dir) {
    if (path.starts_with(kCredentials)) {
        const char* dir = std::getenv("CREDENTIALS_DIRECTORY");
        if (dir != nullptr) path = dir + path.substr(kCredentials.size() - 1);
        return;
    }
    if (path.empty() || path.front() == '/') return;
    path = (std::filesystem::path(base_dir) / path).lexically_normal().string();
}

void read_listen(ConfigReader reader, net::IngestOptions& out) {
    reader.text("address", out.address);
    reader.number("port", out.port, 0, 65'535);
    reader.number("connections_max", out.connections_max, 1, 100'000);
    reader.number("sessions_per_sender_max", out.sessions_per_sender_max, 1, 100'000);
    reader.number("handshakes_max", out.handshakes_max, 1, 10'000);
    reader.number("handshakes_per_address_max", out.handshakes_per_address_max, 1, 10'000);
    reader.number("handshake_timeout_ms", out.handshake_timeout_ms, 100, 60'000);
    reader.number("first_frame_timeout_ms", out.first_frame_timeout_ms, 100, 3'600'000);
    reader.number("frame_timeout_ms", out.frame_timeout_ms, 100, 3'600'000);
    reader.number("idle_timeout_ms", out.idle_timeout_ms, 1'000, 86'400'000);
    reader.number("write_timeout_ms", out.write_timeout_ms, 100, 3'600'000);
    reader.number("io_threads", out.io_threads, 1, 64);
    reader.finish();
}

void read_batch(ConfigReader reader, Config& out) {
    auto& batch = out.sequencer.batch;
    reader.number("entries", batch.entries, 1, ledger::kBatchEntriesHigh);
    std::uint64_t interval_s = 60;
    reader.number("interval_s", interval_s, 1, 86'400);
    batch.interval_ms = static_cast<std::int64_t>(interval_s) * 1'000;
    reader.number("seal_interval_min_ms", batch.seal_interval_min_ms, 0, 60'000);
    reader.finish();
    out.policy.entries = batch.entries;
    out.policy.interval_s = interval_s;
}

void read_log(ConfigReader reader, Config& out) {
    std::string level = "info";
    std::string format = "text";
    reader.one_of("level", level, {"debug", "info", "warn", "error"});
    reader.one_of("format", format, {"text", "json"});
    reader.finish();
    out.log_level = level == "debug"   ? LogLevel::debug
                    : level == "warn"  ? LogLevel::warn
                    : level == "error" ? LogLevel::error
                                       : LogLevel::info;
    out.log_format = format == "json" ? LogFormat::json : LogFormat::text;
}

void read_hardware_key(ConfigReader reader, crypto::ProviderKeyPlace& out) {
    reader.text("uri", out.uri);
    reader.text("provider", out.provider);
    reader.text("pin", out.pin_path);
    if (out.uri.empty() && !(out.provider.empty() && out.pin_path.empty())) {
        reader.fail("uri", "is missing: provider and pin are of the key it names");
    }
    reader.finish();
}

void read_limits(ConfigReader& root, Config& out) {
    auto admission = root.object("admission");
    admission.number("window_s", out.policy.window_s, 1, 3'600);
    admission.finish();
    out.sequencer.window_ms = static_cast<std::int64_t>(out.policy.window_s) * 1'000;
    auto commit = root.object("commit");
    commit.number("group_bytes_max", out.sequencer.group_bytes_max, 128 * 1'024, 16 * kMiB);
    commit.number("delay_ms", out.commit_delay_ms, 0, 1'000);
    commit.finish();
    out.journal.tail_rewrite_bytes = out.sequencer.group_bytes_max;
    auto state = root.object("state");
    state.number("run_entries", out.run_entries, 1'000, 10'000'000);
    state.finish();
    auto storage = root.object("storage");
    storage.number("reserve_bytes", out.storage.reserve_bytes, kMiB, 1024 * 1024 * kMiB);
    storage.flag("allow_volatile", out.storage.allow_volatile);
    storage.number("segment_bytes", out.journal.segment_bytes, kMiB, 4096 * kMiB);
    storage.finish();
    auto queue = root.object("queue");
    queue.number("session_bytes_max", out.listen.session_bytes_max, 128 * 1'024, 1024 * kMiB);
    queue.number("queue_bytes_max", out.listen.queue_bytes_max, kMiB, 4096 * kMiB);
    queue.number("shared_bytes_max", out.listen.shared_bytes_max, 64 * 1'024, 4096 * kMiB);
    queue.number("session_output_bytes_max", out.listen.session_output_bytes_max, 128 * 1'024,
                 1024 * kMiB);
    queue.number("output_bytes_max", out.listen.output_bytes_max, kMiB, 4096 * kMiB);
    queue.finish();
    auto rate = root.object("rate");
    net::RateLimits& rates = out.listen.rates;
    rates.receipts_per_s = kReceiptsPerS;
    rate.number("receipts_per_s_max", rates.receipts_per_s, 1, 1'000'000);
    rate.number("sender_alerts_per_s", rates.sender_per_s, 0, 10'000'000);
    rate.number("sender_burst", rates.sender_burst, 1, 10'000'000);
    rate.number("device_alerts_per_s", rates.device_per_s, 0, 10'000'000);
    rate.number("device_burst", rates.device_burst, 1, 10'000'000);
    rate.finish();
}

}  // namespace

Result<Config> parse_config(std::string_view json, const std::string& base_dir) {
    if (auto valid = wire::canonicalize(json); !valid) {
        return Error{Errc::invalid_input, "not valid JSON: " + valid.error().message};
    }
    const auto document = nlohmann::json::parse(json, nullptr, false);
    std::string error;
    ConfigReader root(document, "", &error);
    Config out;
    root.text("origin", out.origin, true);
    if (!out.origin.empty() && !wire::is_origin(out.origin)) {
        root.fail("origin", "must be at most 255 bytes of [a-z0-9./_-]");
    }
    auto store = root.object("store", true);
    store.text("dir", out.store_dir, true);
    store.finish();
    read_listen(root.object("listen"), out.listen);
    auto http = root.object("http");
    http.text("address", out.http.address);
    http.number("port", out.http.port, 0, 65'535);
    http.finish();
    auto tls = root.object("tls", true);
    tls.text("certificate", out.tls.certificate_path, true);
    tls.text("key", out.tls.key_path, true);
    tls.text("client_ca", out.tls.client_ca_path, true);
    tls.text("crl", out.tls.crl_path);
    tls.finish();
    root.text("registry", out.registry_path, true);
    root.text("signing_key", out.signing_key_path, true);
    root.text("signing_key_passphrase", out.passphrase_path);
    read_hardware_key(root.object("hardware_key"), out.hardware_key);
    read_batch(root.object("batch"), out);
    read_limits(root, out);
    auto anchor = root.object("anchor");
    out.targets = read_targets(anchor, base_dir);
    anchor.finish();
    read_log(root.object("log"), out);
    root.finish();
    if (!error.empty()) return Error{Errc::invalid_input, error};
    for (std::string* path :
         {&out.store_dir, &out.tls.certificate_path, &out.tls.key_path, &out.tls.client_ca_path,
          &out.tls.crl_path, &out.registry_path, &out.signing_key_path, &out.passphrase_path,
          &out.hardware_key.pin_path}) {
        join(*path, base_dir);
    }
    out.sequencer.origin = out.origin;
    return out;
}

ledger::RecoveryOptions recovery_options(const Config& config) {
    ledger::RecoveryOptions options;
    options.dir = config.store_dir;
    options.journal = config.journal;
    options.sequencer = config.sequencer;
    options.run_entries = config.run_entries;
    return options;
}

Result<Config> load_config(const std::string& path) {
    PosixFileSystem fs;
    auto text = read_file(fs, path, kConfigSizeMax);
    if (!text) return std::move(text).error().in("config");
    auto config = parse_config(*text, std::filesystem::absolute(path).parent_path().string());
    if (!config) return std::move(config).error().in("config " + path);
    return config;
}

}  // namespace anchorlog::app
