#include "app/logverify_commands.h"

#include <algorithm>
#include <thread>

namespace anchorlog::app {
namespace {

// --threads N, else as many as this machine runs at once.
Result<unsigned> threads_of(const VerifyCall& call) {
    if (!call.has("--threads")) {
        return std::clamp(std::thread::hardware_concurrency(), 1u, verify::kAuditThreadsMax);
    }
    auto threads = call.number("--threads");
    if (!threads) return std::move(threads).error();
    if (*threads < 1 || *threads > verify::kAuditThreadsMax) {
        return Error{Errc::invalid_input,
                     "--threads must be 1 to " + std::to_string(verify::kAuditThreadsMax)};
    }
    return static_cast<unsigned>(*threads);
}

}  // namespace

Result<int> run_log(const VerifyCall& call, const Console& console) {
    auto chain = chain_of(call, console);
    if (!chain) return std::move(chain).error();
    auto threads = threads_of(call);
    if (!threads) return std::move(threads).error();
    auto trust = trust_of(call);
    if (!trust) return std::move(trust).error();
    PosixFileSystem fs;
    verify::AuditOptions options;
    options.threads = *threads;
    return show(verify::verify_log(fs, call.words[0], *trust, chain->get(), options), call,
                console);
}

}  // namespace anchorlog::app
