#include <algorithm>
#include <fstream>
#include <optional>
#include <thread>

#include "anchorlog/base/clock.h"
#include "app/logverify_commands.h"
#include "app/progress_bar.h"

namespace anchorlog::app {
namespace {

Error usage(std::string message) { return {Errc::invalid_input, std::move(message)}; }

// --threads N, else as many as this machine runs at once.
Result<unsigned> threads_of(const VerifyCall& call) {
    if (!call.has("--threads")) {
        return std::clamp(std::thread::hardware_concurrency(), 1u, verify::kAuditThreadsMax);
    }
    auto threads = call.number("--threads");
    if (!threads) return std::move(threads).error();
    if (*threads < 1 || *threads > verify::kAuditThreadsMax) {
        return usage("--threads must be 1 to " + std::to_string(verify::kAuditThreadsMax));
    }
    return static_cast<unsigned>(*threads);
}

// --from N, --to M: entries by index, both included.
Result<std::optional<verify::EntryRange>> range_of(const VerifyCall& call) {
    if (!call.has("--from") && !call.has("--to")) return std::optional<verify::EntryRange>();
    verify::EntryRange range;
    if (call.has("--from")) {
        auto first = call.number("--from");
        if (!first) return std::move(first).error();
        range.first = *first;
    }
    if (call.has("--to")) {
        auto last = call.number("--to");
        if (!last) return std::move(last).error();
        range.last = *last;
    }
    if (range.first > range.last) return usage("--from is behind --to");
    return std::optional(range);
}

// A page that exists is not overwritten: it may be somebody's evidence.
Result<void> write_html(const verify::Report& report, const VerifyCall& call) {
    const std::string path = call.get("--html");
    PosixFileSystem fs;
    auto there = fs.exists(path);
    if (!there) return std::move(there).error();
    if (*there) return usage(path + " exists already; choose another file for --html");
    const verify::HtmlFrame frame{call.words[0], call.get("--trust"),
                                  format_server_time(SystemClock().now().wall),
                                  "logverify " ANCHORLOG_VERSION};
    const std::string page = verify::to_html(report, frame);
    return replace_file(fs, path, as_bytes(page));
}

}  // namespace

Result<int> run_log(const VerifyCall& call, const Console& console) {
    auto chain = chain_of(call, console);
    if (!chain) return std::move(chain).error();
    auto threads = threads_of(call);
    if (!threads) return std::move(threads).error();
    auto range = range_of(call);
    if (!range) return std::move(range).error();
    auto trust = trust_of(call);
    if (!trust) return std::move(trust).error();
    verify::AuditOptions options;
    options.threads = *threads;
    options.range = *range;
    PosixFileSystem fs;
    verify::Report report;
    {
        std::optional<ProgressBar> bar;
        if (console.err_is_terminal) {
            bar.emplace(console.err);
            options.progress = [&bar](const verify::Progress& now) {
                bar->show(now);
            };
        }
        report = verify::verify_log(fs, call.words[0], *trust, chain->get(), options);
    }
    if (call.has("--html")) {
        if (auto written = write_html(report, call); !written) return std::move(written).error();
    }
    return show(report, call, console);
}

}  // namespace anchorlog::app
