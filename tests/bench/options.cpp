#include "options.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

namespace anchorlog::bench {

namespace {

constexpr const char* kUsage =
    "usage: anchorlog_bench [COMMAND] [options]\n"
    "  run         load on an anchorlogd it starts, checked with logverify (default)\n"
    "  bound       the same load on a server that only reads, writes, syncs and acks\n"
    "  compare     alternating pairs of both; medians and the ratio daemon/bound\n"
    "  load        load on a server that runs already; nothing is checked\n"
    "  handshakes  full mTLS handshakes on a server that runs already, or on the bound\n"
    "  hold        opens idle connections and holds them until standard input ends\n"
    "load\n"
    "  --connections N   connections, one device each (1)\n"
    "  --threads N       threads of the generator (one for two cores)\n"
    "  --first-device N  the first connection speaks for this device (0)\n"
    "  --skip N          numbers that its devices have used already (0)\n"
    "  --window N        alerts a connection may have unacked (1000)\n"
    "  --coalesce N      frames in one TLS record (1)\n"
    "  --seconds S       length of one trial, up to 10 (3)\n"
    "  --rate R          open loop, alerts/s in all; latency from the intended send time;\n"
    "                    of handshakes: connections/s in all\n"
    "  --clients N       of handshakes: at once (4)\n"
    "  --dialect D       anchorlog, syslog or relp (anchorlog)\n"
    "server\n"
    "  --port N --ca FILE --certificate FILE --key FILE\n"
    "                    of load, handshakes and hold: where, and who we are\n"
    "  --line-bytes N    bytes the bound writes for an alert: 400 or 507 (507)\n"
    "  --plain           the bound without what makes it fast\n"
    "  --session-bytes N the daemon's queue.session_bytes_max (its default)\n"
    "  --bin DIR         anchorlogd, anchorlogctl, logverify (../bin beside this program)\n"
    "  --dir DIR         where stores are made and removed; a real disk (beside this program)\n"
    "  --allow-volatile  a store on overlay or tmpfs too: no figure, but a sign of life\n"
    "  --pairs N         of compare (5)\n"
    "  --json            one JSON document with facts about the machine\n";

constexpr std::array kCommands = {"run", "bound", "compare", "load", "handshakes", "hold"};
constexpr std::uint64_t kConnectionsMax = 100'000;
constexpr std::uint64_t kThreadsMax = 64;
constexpr std::uint64_t kDevicesMax = 90'000;
constexpr std::uint64_t kSkipMax = 8'000'000'000;
constexpr std::uint64_t kWindowMax = 1u << 20;
constexpr std::uint64_t kLineBytesMax = 4096;
constexpr double kSecondsMax = 10;
constexpr double kRateMax = 1e7;
constexpr std::uint64_t kPairsMax = 100;

double number_of(const std::string& name, const std::string& text, double low, double high) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(value >= low && value <= high)) {
        throw UsageError{name + ": a number from " + std::to_string(low) + " to " +
                         std::to_string(high) + " is wanted, not " + text};
    }
    return value;
}

std::uint64_t whole(const std::string& name, const std::string& text, std::uint64_t low,
                    std::uint64_t high) {
    return static_cast<std::uint64_t>(
        number_of(name, text, static_cast<double>(low), static_cast<double>(high)));
}

Dialect dialect_of(const std::string& text) {
    if (text == "anchorlog") return Dialect::anchorlog;
    if (text == "syslog") return Dialect::syslog;
    if (text == "relp") return Dialect::relp;
    throw UsageError{"--dialect: anchorlog, syslog or relp is wanted, not " + text};
}

// False when `name` is no option about the load.
bool take_load_option(Options& options, const std::string& name, const std::string& text) {
    Load& load = options.load;
    if (name == "--connections") {
        load.connections = static_cast<unsigned>(whole(name, text, 1, kConnectionsMax));
    } else if (name == "--threads") {
        load.threads = static_cast<unsigned>(whole(name, text, 1, kThreadsMax));
    } else if (name == "--first-device") {
        load.first_device = static_cast<unsigned>(whole(name, text, 0, kDevicesMax));
    } else if (name == "--skip") {
        load.skip = whole(name, text, 0, kSkipMax);
    } else if (name == "--window") {
        load.window = whole(name, text, 1, kWindowMax);
    } else if (name == "--coalesce") {
        load.coalesce = whole(name, text, 1, 64);
    } else if (name == "--seconds") {
        load.seconds = number_of(name, text, 0.1, kSecondsMax);
    } else if (name == "--rate") {
        load.rate = number_of(name, text, 0, kRateMax);
    } else if (name == "--dialect") {
        load.dialect = dialect_of(text);
    } else if (name == "--clients") {
        options.handshakes.clients = static_cast<unsigned>(whole(name, text, 1, kThreadsMax));
    } else {
        return false;
    }
    return true;
}

void take_server_option(Options& options, const std::string& name, const std::string& text) {
    if (name == "--port") {
        options.port = static_cast<int>(whole(name, text, 1, 65'535));
    } else if (name == "--ca") {
        options.ca = text;
    } else if (name == "--certificate") {
        options.certificate = text;
    } else if (name == "--key") {
        options.key = text;
    } else if (name == "--line-bytes") {
        options.line_bytes = whole(name, text, 1, kLineBytesMax);
    } else if (name == "--session-bytes") {
        options.session_bytes = whole(name, text, 1, 1u << 30);
    } else if (name == "--pairs") {
        options.pairs = static_cast<int>(whole(name, text, 1, kPairsMax));
    } else if (name == "--bin") {
        options.programs = text;
    } else if (name == "--dir") {
        options.parent = text;
    } else {
        throw UsageError{"unknown option " + name};
    }
}

void check(const Options& options) {
    if (std::find(kCommands.begin(), kCommands.end(), options.command) == kCommands.end()) {
        throw UsageError{"unknown command " + options.command};
    }
    const bool own_server =
        options.command == "run" || options.command == "bound" || options.command == "compare";
    if (own_server && options.load.dialect != Dialect::anchorlog) {
        throw UsageError{"--dialect: only load speaks other dialects"};
    }
    if (own_server != (options.port == 0) &&
        !(options.command == "handshakes" && options.port == 0)) {
        throw UsageError{"--port: load and hold need it, run, bound and compare cannot have it"};
    }
    if (options.port != 0 &&
        (options.ca.empty() || options.certificate.empty() || options.key.empty())) {
        throw UsageError{"--port: --ca, --certificate and --key are missing"};
    }
}

}  // namespace

const char* usage() { return kUsage; }

Options parse_options(const std::vector<std::string>& words) {
    Options options;
    std::size_t i = 0;
    if (!words.empty() && !words[0].starts_with("--")) options.command = words[i++];
    for (; i < words.size(); ++i) {
        if (words[i] == "--json") {
            options.json = true;
        } else if (words[i] == "--allow-volatile") {
            options.allow_volatile = true;
        } else if (words[i] == "--plain") {
            options.plain_bound = true;
        } else if (i + 1 == words.size()) {
            throw UsageError{words[i] + ": a value is missing"};
        } else {
            if (!take_load_option(options, words[i], words[i + 1])) {
                take_server_option(options, words[i], words[i + 1]);
            }
            ++i;
        }
    }
    check(options);
    const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    if (options.programs.empty()) options.programs = own / "../bin";
    if (options.parent.empty()) options.parent = own;
    options.load.window = std::max(options.load.window, options.load.coalesce);
    options.handshakes.seconds = options.load.seconds;
    options.handshakes.rate = options.load.rate;
    return options;
}

}  // namespace anchorlog::bench
