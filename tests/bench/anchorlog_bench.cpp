// Measures what anchorlogd stores a second, beside what the same machine could do at best.
// Its commands: options.cpp. What they are good for: docs/performance.md.

#include <openssl/crypto.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#include <nlohmann/json.hpp>

#include "bound_server.h"
#include "daemon_trial.h"
#include "generator.h"
#include "handshakes.h"
#include "options.h"
#include "stop.h"

namespace anchorlog::bench {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const char* file, const std::string& start) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(start)) return line.substr(line.find(':') + 2);
    }
    return "";
}

Json machine_facts(const Options& options) {
    utsname system{};
    ::uname(&system);
    struct statfs disk{};
    ::statfs(options.parent.c_str(), &disk);
    char type[24];
    std::snprintf(type, sizeof type, "0x%lx", static_cast<unsigned long>(disk.f_type));
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    return {{"cores", std::thread::hardware_concurrency()},
            {"cpu", line_of("/proc/cpuinfo", "model name")},
            {"memory_mib", pages / 1024 * ::sysconf(_SC_PAGESIZE) / 1024},
            {"kernel", system.release},
            {"arch", system.machine},
            {"store_fs_type", type},
            {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)}};
}

Json latency_json(const LatencyHistogram& latency) {
    const auto us = [&](double fraction) {
        return static_cast<double>(latency.at(fraction)) / 1e3;
    };
    return {{"p50", us(0.5)},
            {"p90", us(0.9)},
            {"p99", us(0.99)},
            {"p99_9", us(0.999)},
            {"max", static_cast<double>(latency.max_ns()) / 1e3}};
}

Json to_json(const LoadResult& result) {
    const auto in_time = static_cast<double>(result.acked_in_time);
    return {{"alerts_per_s", in_time / result.seconds},
            {"acked", result.sent},
            {"seconds", result.seconds},
            {"generator_cpu_us_per_alert", result.generator_cpu_s * 1e6 / in_time},
            {"latency_us", latency_json(result.latency)}};
}

Json run_daemon(const Options& options, const TrialPki& pki) {
    DaemonTrial daemon(options.parent, options.programs,
                       {options.session_bytes, options.allow_volatile}, pki);
    const auto result = run_load(options.load, pki, daemon.port());
    const double rss_mib = daemon.peak_rss_mib();
    daemon.stop_daemon();
    daemon.check_stored(result->acked);
    daemon.check_with_logverify();
    Json out = to_json(*result);
    out["daemon_cpu_us_per_alert"] = daemon.cpu_s() * 1e6 / static_cast<double>(result->sent);
    out["daemon_peak_rss_mib"] = rss_mib;
    out["stored_is_acked"] = true;
    out["logverify"] = "PASS";
    return out;
}

Json run_bound(const Options& options, const TrialPki& pki, std::size_t line_bytes) {
    const TrialDirectory directory(options.parent);
    BoundServer server(pki, directory.path() / "lines", line_bytes, options.plain_bound);
    const auto result = run_load(options.load, pki, server.port());
    if (server.finish() != result->sent) stop("the bound wrote other than it acked");
    Json out = to_json(*result);
    out["line_bytes"] = line_bytes;
    out["plain"] = options.plain_bound;
    out["alerts_per_group"] =
        static_cast<double>(result->sent) / static_cast<double>(server.groups());
    return out;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// The bound runs with both line sizes; the ratio is against the faster one.
Json compare(const Options& options, const TrialPki& pki) {
    std::vector<double> daemon;
    std::vector<double> bound_400;
    std::vector<double> bound_507;
    Json trials = Json::array();
    for (int pair = 0; pair < options.pairs; ++pair) {
        double busy = 0;
        ::getloadavg(&busy, 1);
        Json one = {{"load_average_before", busy},
                    {"daemon", run_daemon(options, pki)},
                    {"bound_400", run_bound(options, pki, 400)},
                    {"bound_507", run_bound(options, pki, 507)}};
        daemon.push_back(one["daemon"]["alerts_per_s"].get<double>());
        bound_400.push_back(one["bound_400"]["alerts_per_s"].get<double>());
        bound_507.push_back(one["bound_507"]["alerts_per_s"].get<double>());
        trials.push_back(std::move(one));
    }
    const double best = std::max(median(bound_400), median(bound_507));
    return {{"daemon_median", median(daemon)},
            {"bound_400_median", median(bound_400)},
            {"bound_507_median", median(bound_507)},
            {"ratio", median(daemon) / best},
            {"trials", std::move(trials)}};
}

void print(const Options& options, const Json& result) {
    if (options.json) {
        const Json document = {{"command", options.command},
                               {"load",
                                {{"connections", options.load.connections},
                                 {"threads", threads_of(options.load)},
                                 {"window", options.load.window},
                                 {"coalesce", options.load.coalesce},
                                 {"seconds", options.load.seconds},
                                 {"rate", options.load.rate},
                                 {"session_bytes", options.session_bytes}}},
                               {"machine", machine_facts(options)},
                               {"result", result}};
        std::printf("%s\n", document.dump(2).c_str());
    } else if (options.command == "compare") {
        std::printf(
            "%3u connection(s), coalesce %3llu, window %6llu: daemon %9.0f/s  "
            "bound %9.0f/s (400 B) %9.0f/s (507 B)  ratio %.2f\n",
            options.load.connections, static_cast<unsigned long long>(options.load.coalesce),
            static_cast<unsigned long long>(options.load.window),
            result["daemon_median"].get<double>(), result["bound_400_median"].get<double>(),
            result["bound_507_median"].get<double>(), result["ratio"].get<double>());
    } else {
        std::printf("%s\n", result.dump(2).c_str());
    }
}

std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (text.empty()) stop(path + ": cannot be read, or is empty");
    return text;
}

TrialPki pki_of(const Options& options) {
    if (options.port == 0) return make_pki();
    TrialPki pki;
    pki.ca.certificate_pem = text_of(options.ca);
    pki.sender = {text_of(options.certificate), text_of(options.key)};
    return pki;
}

Json load_server(const Options& options, const TrialPki& pki) {
    const auto result = run_load(options.load, pki, options.port);
    Json out = to_json(*result);
    out["start_ns"] = result->start_ns;
    out["acked_by_device"] = result->acked;
    return out;
}

Json shake_hands(const Options& options, const TrialPki& pki) {
    std::unique_ptr<TrialDirectory> directory;
    std::unique_ptr<BoundServer> bound;
    int port = options.port;
    if (port == 0) {
        directory = std::make_unique<TrialDirectory>(options.parent);
        bound = std::make_unique<BoundServer>(pki, directory->path() / "lines", options.line_bytes,
                                              options.plain_bound);
        port = bound->port();
    }
    const HandshakeResult result = run_handshakes(options.handshakes, pki, port);
    const auto done = static_cast<double>(result.done);
    return {{"handshakes", result.done},
            {"handshakes_per_s", done / result.seconds},
            {"seconds", result.seconds},
            {"client_cpu_us_per_handshake", result.client_cpu_s * 1e6 / done},
            {"latency_us", latency_json(result.latency)}};
}

Json run_command(const Options& options, const TrialPki& pki) {
    if (options.command == "bound") return run_bound(options, pki, options.line_bytes);
    if (options.command == "compare") return compare(options, pki);
    if (options.command == "load") return load_server(options, pki);
    if (options.command == "handshakes") return shake_hands(options, pki);
    return run_daemon(options, pki);
}

int main_of(const std::vector<std::string>& words) {
    try {
        const Options options = parse_options(words);
        const TrialPki pki = pki_of(options);
        if (options.command == "hold") {
            hold_connections(options.load.connections, pki, options.port);
        } else {
            print(options, run_command(options, pki));
        }
        return 0;
    } catch (const UsageError& error) {
        std::fprintf(stderr, "%s\n%s", error.what.c_str(), usage());
        return 64;
    } catch (const Failure& failure) {
        std::fprintf(stderr, "anchorlog_bench: %s\n", failure.what.c_str());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "anchorlog_bench: %s\n", error.what());
    }
    return 1;
}

}  // namespace
}  // namespace anchorlog::bench

int main(int argc, char** argv) {
    return anchorlog::bench::main_of(std::vector<std::string>(argv + 1, argv + argc));
}
