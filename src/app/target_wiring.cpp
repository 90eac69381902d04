#include "app/target_wiring.h"

#include <algorithm>
#include <chrono>

namespace anchorlog::app {
namespace {

constexpr std::uint64_t kCertificatesSizeMax = 1u << 20;

Result<crypto::TrustedCertificates> load_authorities(const std::string& path) {
    PosixFileSystem fs;
    const auto pem = read_file(fs, path, kCertificatesSizeMax);
    auto read = pem ? crypto::certificates_from_pem(*pem)
                    : Result<crypto::TrustedCertificates>(pem.error());
    if (!read) return std::move(read).error().in("ca " + path);
    return read;
}

Result<std::unique_ptr<anchor::AnchorTarget>> make_target(const TargetConfig& target,
                                                          FileSystem& fs,
                                                          const anchor::TargetBase& base,
                                                          const anchor::ForkAlarm& on_fork) {
    if (target.type == "file") return anchor::make_file_target(target.file, fs, base);
    if (target.type == "rfc3161") {
        auto authorities = load_authorities(target.ca_path);
        if (!authorities) return std::move(authorities).error();
        anchor::TimestampTarget made = target.timestamp;
        made.authorities = std::move(*authorities);
        return anchor::make_timestamp_target(std::move(made), base);
    }
    auto key = crypto::load_account_key(target.submitter_key_path);
    if (!key) return std::move(key).error();
    std::vector<anchor::RpcOptions> nodes;
    for (const std::string& url : target.rpc_urls) nodes.push_back({.url = url});
    return anchor::make_ethereum_target(
        target.ethereum, std::move(*key),
        anchor::make_endpoint_set(nodes, target.ethereum.chain_id, target.ethereum.genesis_hash,
                                  base.clock),
        base, on_fork);
}

}  // namespace

Result<void> check_target(const TargetConfig& target) {
    if (target.mode == TargetMode::off) return {};
    const std::string place = "anchor.targets " + target.id;
    if (target.type == "ethereum") {
        auto key = crypto::load_account_key(target.submitter_key_path);
        if (!key) return std::move(key).error().in(place);
    } else if (target.type == "rfc3161") {
        auto authorities = load_authorities(target.ca_path);
        if (!authorities) return std::move(authorities).error().in(place);
    }
    return {};
}

Result<void> AnchorSet::open(const std::vector<TargetConfig>& targets, FileSystem& fs,
                             store::Journal& journal, const anchor::SealedBatches& batches,
                             const Clock& clock, const anchor::ForkAlarm& on_fork,
                             const anchor::StorageAlarm& on_storage_failure) {
    journal_ = std::make_unique<anchor::AnchorJournal>(journal);
    for (const TargetConfig& config : targets) {
        Entry& entry = entries_.emplace_back();
        entry.config = config;
        if (config.mode == TargetMode::off) continue;
        auto target = make_target(config, fs, {*journal_, batches, clock}, on_fork);
        if (!target) return std::move(target).error().in("anchor.targets " + config.id);
        entry.worker = anchor::AnchorWorker::create(std::move(*target), clock, on_storage_failure);
    }
    return {};
}

void AnchorSet::start() {
    for (Entry& entry : entries_) {
        if (entry.worker) entry.worker->start();
    }
}

void AnchorSet::await_answers(std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    for (Entry& entry : entries_) {
        const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        if (entry.worker) entry.worker->await_answer(std::max(rest, std::chrono::milliseconds(0)));
    }
}

bool AnchorSet::chain_agrees() const {
    bool any = false;
    for (const Entry& entry : entries_) {
        if (!entry.worker || entry.config.type != "ethereum") continue;
        if (!entry.worker->status().nothing_newer) return false;
        any = true;
    }
    return any;
}

void AnchorSet::wake() {
    for (Entry& entry : entries_) {
        if (entry.worker) entry.worker->wake();
    }
}

void AnchorSet::stop() {
    for (Entry& entry : entries_) {
        if (entry.worker) entry.worker->stop();
    }
}

std::vector<AnchorSet::Shown> AnchorSet::shown() const {
    std::vector<Shown> out;
    for (const Entry& entry : entries_) {
        Shown& one = out.emplace_back();
        one.mode = entry.config.mode;
        one.late_after_s = entry.config.late_after_s;
        if (entry.worker) {
            one.status = entry.worker->status();
            continue;
        }
        one.status.target = entry.config.id;
        one.status.type = entry.config.type;
        one.status.state = "off";
    }
    return out;
}

}  // namespace anchorlog::app
