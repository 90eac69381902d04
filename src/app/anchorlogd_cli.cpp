#include <cstdio>
#include <cstring>
#include <string>

#include "anchorlog/base/log.h"
#include "app/core_dumps.h"
#include "app/daemon.h"

namespace anchorlog::app {
namespace {

constexpr const char* kUsage =
    "usage: anchorlogd --config FILE [--check-config]\n"
    "       anchorlogd --version | --help\n"
    "Receives alerts over mutual TLS 1.3 and keeps them in a tamper-evident log.\n";

struct Options {
    std::string config_path;
    bool check_only = false;
};

int complain(const Error& error) {
    std::fprintf(stderr, "anchorlogd: %s\n", error.message.c_str());
    return error.code == Errc::io || error.code == Errc::storage_full ? kExitStorage : kExitConfig;
}

// Blocked before the first thread starts, so that only serve() takes them.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signals;
}

int serve(const Options& options) {
    auto config = load_config(options.config_path);
    if (!config) return complain(config.error());
    configure_log(config->log_level, config->log_format);
    const sigset_t signals = block_signals();
    PosixFileSystem fs;
    const SystemClock clock;
    ServiceNotify manager(options.check_only ? ServiceNotify::Environment{}
                                             : ServiceNotify::environment());
    Daemon daemon(std::move(*config), fs, clock, manager);
    if (options.check_only) {
        if (auto checked = daemon.check(); !checked) return complain(checked.error());
        std::printf("%s: ok\n", options.config_path.c_str());
        return kExitOk;
    }
    if (auto started = daemon.start(); !started) return complain(started.error());
    daemon.serve(signals);
    return kExitOk;
}

}  // namespace

int run_anchorlogd(int argc, char** argv) {
    forbid_core_dumps();
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--version") {
            std::printf("anchorlogd %s\n", ANCHORLOG_VERSION);
            return kExitOk;
        }
        if (argument == "--help") {
            std::fputs(kUsage, stdout);
            return kExitOk;
        }
        if (argument == "--check-config") {
            options.check_only = true;
        } else if (argument == "--config" && i + 1 < argc) {
            options.config_path = argv[++i];
        } else {
            std::fprintf(stderr, "anchorlogd: unknown argument %s\n%s", argv[i], kUsage);
            return kExitUsage;
        }
    }
    if (options.config_path.empty()) {
        std::fputs(kUsage, stderr);
        return kExitUsage;
    }
    return serve(options);
}

}  // namespace anchorlog::app
