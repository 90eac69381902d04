#include <cstdio>

#include <nlohmann/json.hpp>

#include "anchorlog/base/file_system.h"
#include "anchorlog/crypto/random.h"
#include "anchorlog/ledger/recovery.h"
#include "app/config.h"
#include "app/ctl.h"
#include "app/http_get.h"

namespace anchorlog::app {
namespace {

constexpr std::uint64_t kPortsSizeMax = 4'096;

void print_status(const nlohmann::json& status) {
    const auto text = [&](const char* name) {
        return status.value(name, std::string("?"));
    };
    const auto number = [](const nlohmann::json& in, const char* name) {
        return in.value(name, std::uint64_t{0});
    };
    std::printf("log          %s\nstate        %s\n", text("origin").c_str(),
                text("state").c_str());
    if (const std::string why = status.value("reason", ""); !why.empty()) {
        std::printf("why          %s\n", why.c_str());
    }
    for (const auto& why : status.value("degraded", nlohmann::json::array())) {
        if (why.is_string()) std::printf("why          %s\n", why.get<std::string>().c_str());
    }
    std::printf("entries      %llu durable, %llu sealed batches\n",
                static_cast<unsigned long long>(number(status, "entries")),
                static_cast<unsigned long long>(number(status, "batches")));
    const auto open = status.value("unprotected", nlohmann::json::object());
    std::printf("unprotected  %llu entries, the oldest %.1f s old\n",
                static_cast<unsigned long long>(number(open, "entries")),
                static_cast<double>(number(open, "age_ms")) / 1'000.0);
    for (const auto& anchor : status.value("anchors", nlohmann::json::array())) {
        const std::string covered =
            anchor.contains("covered_to") && anchor["covered_to"].is_number()
                ? "batches up to " + std::to_string(anchor["covered_to"].get<std::uint64_t>())
                : "nothing yet";
        std::printf(
            "anchor %-5s %s, covers %s%s%s\n", anchor.value("target", std::string("?")).c_str(),
            anchor.value("state", std::string("?")).c_str(), covered.c_str(),
            anchor.contains("reason") ? ": " : "", anchor.value("reason", std::string()).c_str());
    }
}

}  // namespace

Result<std::string> status_url(const CtlCall& call) {
    if (const std::string url = call.get("--url"); !url.empty()) return url;
    const std::string path = call.get("--config");
    if (path.empty()) return std::string("http://127.0.0.1:7480");
    auto config = load_config(path);
    if (!config) return std::move(config).error();
    PosixFileSystem fs;
    auto ports = read_file(fs, config->store_dir + "/ports.json", kPortsSizeMax);
    if (!ports) return std::move(ports).error().in("the daemon was never ready here");
    const auto json = nlohmann::json::parse(*ports, nullptr, false);
    if (!json.is_object() || !json.contains("http") || !json["http"].is_number_unsigned()) {
        return Error{Errc::corruption, config->store_dir + "/ports.json has a wrong form"};
    }
    return "http://" + config->http.address + ":" + std::to_string(json["http"].get<int>());
}

Result<void> log_init(const CtlCall& call) {
    auto path = call.need("--config");
    if (!path) return std::move(path).error();
    auto config = load_config(*path);
    if (!config) return std::move(config).error();
    auto signers = load_signers(*config);
    if (!signers) return std::move(signers).error();
    Hash nonce;
    crypto::random_bytes(nonce.bytes);
    PosixFileSystem fs;
    auto made =
        ledger::init_log(fs, config->store_dir, config->journal, config->origin, *signers->own,
                         config->policy, nonce, SystemClock().now().wall, signers->hardware.get());
    if (!made) return std::move(made).error();
    std::printf("log_id %s\n", to_hex(wire::log_id_of(config->origin)).c_str());
    print_vkeys(config->origin, *signers);
    return {};
}

Result<void> health(const CtlCall& call) {
    auto url = status_url(call);
    if (!url) return std::move(url).error();
    auto body = http_get(*url + (call.get("--ready").empty() ? "/healthz" : "/readyz"));
    if (!body) return std::move(body).error();
    std::printf("%s", body->c_str());
    return {};
}

Result<void> status(const CtlCall& call) {
    auto url = status_url(call);
    if (!url) return std::move(url).error();
    auto body = http_get(*url + "/status");
    if (!body) return std::move(body).error();
    if (!call.get("--json").empty()) {
        std::printf("%s", body->c_str());
        return {};
    }
    const auto json = nlohmann::json::parse(*body, nullptr, false);
    if (!json.is_object()) return Error{Errc::unavailable, *url + " did not answer with JSON"};
    print_status(json);
    return {};
}

}  // namespace anchorlog::app
