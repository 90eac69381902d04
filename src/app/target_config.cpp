#include "app/target_config.h"

#include <algorithm>
#include <filesystem>

#include "anchorlog/eth/types.h"
#include "anchorlog/wire/alert.h"

namespace anchorlog::app {
namespace {

constexpr std::size_t kEndpointsMax = 8;
constexpr std::uint64_t kWeiPerGwei = 1'000'000'000;
// A tenth of an ether a day, where ether costs money.
constexpr std::uint64_t kSpendGweiPerDay = 100'000'000;
constexpr std::uint32_t kIntervalMaxS = 86'400;
// Longer than an outage anybody would want to be called for.
constexpr std::uint32_t kLateAfterS = 600;
constexpr std::uint32_t kLateAfterMaxS = 30 * 86'400;

void join(std::string& path, const std::string& base_dir) {
    if (path.empty() || path.front() == '/') return;
    path = (std::filesystem::path(base_dir) / path).lexically_normal().string();
}

void read_mode(ConfigReader& reader, TargetConfig& out) {
    std::string mode = "best-effort";
    reader.one_of("mode", mode, {"off", "best-effort", "required"});
    out.mode = mode == "off"        ? TargetMode::off
               : mode == "required" ? TargetMode::required
                                    : TargetMode::best_effort;
}

std::optional<Hash> read_hash(ConfigReader& reader, const char* name, std::string_view text) {
    if (text.starts_with("0x")) {
        if (const auto hash = hash_from_hex(text.substr(2))) return *hash;
    }
    reader.fail(name, "must be 0x and 64 lower-case hex digits");
    return std::nullopt;
}

void read_money(ConfigReader& reader, anchor::EthereumTarget& target) {
    std::uint64_t cap_gwei = target.max_fee_cap_wei / kWeiPerGwei;
    reader.number("max_fee_gwei", cap_gwei, 1, 1'000'000);
    target.max_fee_cap_wei = cap_gwei * kWeiPerGwei;
    const bool is_play_money = target.profile == "ganache" || target.profile == "anvil";
    std::uint64_t spend_gwei = is_play_money ? 0 : kSpendGweiPerDay;
    reader.number("spend_max_gwei_per_day", spend_gwei, 0, 10'000'000'000);
    target.spend_max_wei_per_day = spend_gwei * kWeiPerGwei;
}

void read_ethereum(ConfigReader& reader, const std::string& base_dir, TargetConfig& out) {
    std::string contract;
    std::string code_hash;
    std::string genesis;
    anchor::EthereumTarget& target = out.ethereum;
    reader.texts("rpc", out.rpc_urls, kEndpointsMax);
    reader.number("chain_id", target.chain_id, 1, kIntegerMax);
    reader.text("contract", contract, true);
    reader.text("code_hash", code_hash, true);
    reader.text("genesis_hash", genesis);
    reader.text("submitter_key", out.submitter_key_path, true);
    reader.one_of("profile", target.profile, {"ganache", "anvil", "l1", "op-stack", "custom"});
    reader.number("confirmations", target.confirmations, 1, 10'000);
    read_money(reader, target);
    join(out.submitter_key_path, base_dir);
    if (target.chain_id == 0) reader.fail("chain_id", "is missing and has no default");
    if (auto address = eth::parse_address(contract)) {
        target.contract = *address;
    } else {
        reader.fail("contract", address.error().message);
    }
    if (const auto hash = read_hash(reader, "code_hash", code_hash)) target.code_hash = *hash;
    if (!genesis.empty()) target.genesis_hash = read_hash(reader, "genesis_hash", genesis);
}

void read_file_target(ConfigReader& reader, const std::string& base_dir, TargetConfig& out) {
    reader.text("path", out.file.path, true);
    join(out.file.path, base_dir);
}

void read_timestamp(ConfigReader& reader, const std::string& base_dir, TargetConfig& out) {
    reader.text("url", out.timestamp.url, true);
    reader.text("ca", out.ca_path, true);
    join(out.ca_path, base_dir);
}

TargetConfig read_target(ConfigReader reader, const std::string& base_dir) {
    TargetConfig out;
    std::uint32_t interval_s = 0;
    reader.text("id", out.id, true);
    reader.one_of("type", out.type, {"ethereum", "rfc3161", "file"});
    read_mode(reader, out);
    reader.number("interval_s", interval_s, 0, kIntervalMaxS);
    out.late_after_s = interval_s + kLateAfterS;
    reader.number("late_after_s", out.late_after_s, interval_s + 1, kLateAfterMaxS);
    if (out.type == "ethereum") {
        read_ethereum(reader, base_dir, out);
    } else if (out.type == "rfc3161") {
        read_timestamp(reader, base_dir, out);
    } else {
        read_file_target(reader, base_dir, out);
    }
    out.ethereum.id = out.timestamp.id = out.file.id = out.id;
    out.ethereum.interval_s = out.timestamp.interval_s = out.file.interval_s = interval_s;
    if (!wire::is_name(out.id)) reader.fail("id", "must match [A-Za-z0-9._:-]{1,64}");
    reader.finish();
    return out;
}

// What two targets must not share: two of one key would take each other's nonces, two of one file
// each other's place in it.
std::string clash(const TargetConfig& one, const TargetConfig& other) {
    if (one.id == other.id) return "id " + one.id;
    if (one.type != other.type) return "";
    if (one.type == "file") return one.file.path == other.file.path ? "path " + one.file.path : "";
    if (one.type == "rfc3161") {
        return one.timestamp.url == other.timestamp.url ? "url " + one.timestamp.url : "";
    }
    const bool is_same = one.ethereum.chain_id == other.ethereum.chain_id &&
                         one.submitter_key_path == other.submitter_key_path;
    return is_same ? "submitter_key on one chain" : "";
}

}  // namespace

std::string_view to_string(TargetMode mode) noexcept {
    switch (mode) {
        case TargetMode::off:
            return "off";
        case TargetMode::best_effort:
            return "best-effort";
        case TargetMode::required:
            return "required";
    }
    return "off";
}

std::vector<TargetConfig> read_targets(ConfigReader& anchor, const std::string& base_dir) {
    std::vector<TargetConfig> out;
    for (ConfigReader& reader : anchor.objects("targets")) {
        out.push_back(read_target(std::move(reader), base_dir));
        for (std::size_t i = 0; i + 1 < out.size(); ++i) {
            const std::string shared = clash(out[i], out.back());
            if (!shared.empty()) anchor.fail("targets", "two have the same " + shared);
        }
    }
    if (out.size() > kTargetsMax) {
        anchor.fail("targets", "may hold at most " + std::to_string(kTargetsMax));
    }
    return out;
}

}  // namespace anchorlog::app
