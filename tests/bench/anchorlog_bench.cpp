// Measures what anchorlogd stores a second, beside what the same machine could do at best.
// usage: anchorlog_bench [run|bound|compare] [options]; see kUsage and docs/performance.md.

#include <openssl/crypto.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>
#include <nlohmann/json.hpp>

#include "bound_server.h"
#include "daemon_trial.h"
#include "generator.h"
#include "stop.h"

namespace anchorlog::bench {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kUsage =
    "usage: anchorlog_bench [run|bound|compare] [options]\n"
    "  run       load on an anchorlogd it starts, checked with logverify (default)\n"
    "  bound     the same load on a server that only reads, writes, syncs and acks\n"
    "  compare   alternating pairs of both; medians and the ratio daemon/bound\n"
    "  --connections N   connections, one device each (1)\n"
    "  --threads N       threads of the generator (one for two cores)\n"
    "  --window N        alerts a connection may have unacked (1000)\n"
    "  --coalesce N      frames in one TLS record (1)\n"
    "  --seconds S       length of one trial, up to 10 (3)\n"
    "  --rate R          open loop, alerts/s in all; latency from the intended send time\n"
    "  --line-bytes N    bytes the bound writes for an alert: 400 or 507 (507)\n"
    "  --session-bytes N the daemon's queue.session_bytes_max (its default)\n"
    "  --pairs N         of compare (5)\n"
    "  --bin DIR         anchorlogd, anchorlogctl, logverify (../bin beside this program)\n"
    "  --dir DIR         where stores are made and removed; a real disk (beside this program)\n"
    "  --json            one JSON document\n";
constexpr unsigned kConnectionsMax = 10'000;
constexpr unsigned kThreadsMax = 64;
constexpr std::uint64_t kWindowMax = 1u << 20;
constexpr std::uint64_t kLineBytesMax = 4096;
constexpr double kSecondsMax = 10;
constexpr int kPairsMax = 100;

struct Options {
    std::string command = "run";
    Load load;
    std::size_t line_bytes = 507;
    std::uint64_t session_bytes = 0;
    int pairs = 5;
    std::string programs;
    std::string parent;
    bool json = false;
};

struct UsageError {
    std::string what;
};

double number_of(const std::string& name, const std::string& text, double low, double high) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(value >= low && value <= high)) {
        throw UsageError{name + ": a number from " + std::to_string(low) + " to " +
                         std::to_string(high) + " is wanted, not " + text};
    }
    return value;
}

void take_option(Options& options, const std::string& name, const std::string& text) {
    const auto whole = [&](std::uint64_t high) {
        return static_cast<std::uint64_t>(number_of(name, text, 1, static_cast<double>(high)));
    };
    if (name == "--connections") {
        options.load.connections = static_cast<unsigned>(whole(kConnectionsMax));
    } else if (name == "--threads") {
        options.load.threads = static_cast<unsigned>(whole(kThreadsMax));
    } else if (name == "--window") {
        options.load.window = whole(kWindowMax);
    } else if (name == "--coalesce") {
        options.load.coalesce = whole(64);
    } else if (name == "--seconds") {
        options.load.seconds = number_of(name, text, 0.1, kSecondsMax);
    } else if (name == "--rate") {
        options.load.rate = number_of(name, text, 0, 1e7);
    } else if (name == "--line-bytes") {
        options.line_bytes = whole(kLineBytesMax);
    } else if (name == "--session-bytes") {
        options.session_bytes = whole(1u << 30);
    } else if (name == "--pairs") {
        options.pairs = static_cast<int>(whole(kPairsMax));
    } else if (name == "--bin") {
        options.programs = text;
    } else if (name == "--dir") {
        options.parent = text;
    } else {
        throw UsageError{"unknown option " + name};
    }
}

Options parse(const std::vector<std::string>& words) {
    Options options;
    const fs::path own = fs::read_symlink("/proc/self/exe").parent_path();
    std::size_t i = 0;
    if (!words.empty() && !words[0].starts_with("--")) options.command = words[i++];
    if (options.command != "run" && options.command != "bound" && options.command != "compare") {
        throw UsageError{"unknown command " + options.command};
    }
    for (; i < words.size(); ++i) {
        if (words[i] == "--json") {
            options.json = true;
        } else if (i + 1 == words.size()) {
            throw UsageError{words[i] + ": a value is missing"};
        } else {
            take_option(options, words[i], words[i + 1]);
            ++i;
        }
    }
    if (options.programs.empty()) options.programs = own / "../bin";
    if (options.parent.empty()) options.parent = own;
    options.load.window = std::max(options.load.window, options.load.coalesce);
    return options;
}

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

Json to_json(const LoadResult& result) {
    const auto us = [&](double fraction) {
        return static_cast<double>(result.latency.at(fraction)) * 1e-3;
    };
    const double rate = static_cast<double>(result.acked_in_time) / result.seconds;
    return {{"alerts_per_s", rate},
            {"acked", result.sent},
            {"seconds", result.seconds},
            {"generator_cpu_us_per_alert",
             result.generator_cpu_s * 1e6 / static_cast<double>(result.acked_in_time)},
            {"latency_us",
             {{"p50", us(0.5)},
              {"p90", us(0.9)},
              {"p99", us(0.99)},
              {"p99_9", us(0.999)},
              {"max", static_cast<double>(result.latency.max_ns()) * 1e-3}}}};
}

Json run_daemon(const Options& options, const TrialPki& pki) {
    DaemonTrial daemon(options.parent, options.programs, options.session_bytes, pki);
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
    BoundServer server(pki, directory.path() / "lines", line_bytes);
    const auto result = run_load(options.load, pki, server.port());
    if (server.finish() != result->sent) stop("the bound wrote other than it acked");
    Json out = to_json(*result);
    out["line_bytes"] = line_bytes;
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

int main_of(const std::vector<std::string>& words) {
    try {
        const Options options = parse(words);
        const TrialPki pki = make_pki();
        Json result;
        if (options.command == "run") result = run_daemon(options, pki);
        if (options.command == "bound") result = run_bound(options, pki, options.line_bytes);
        if (options.command == "compare") result = compare(options, pki);
        print(options, result);
        return 0;
    } catch (const UsageError& error) {
        std::fprintf(stderr, "%s\n%s", error.what.c_str(), kUsage);
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
