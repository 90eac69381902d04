#include <csignal>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "anchorlog/base/log.h"
#include "sim/run.h"

namespace anchorlog::sim {
namespace {

constexpr const char* kUsage =
    "sim_test [--seed N [--trace]] [--from N] [--count N] [--jobs N] [--twice N]\n"
    "         [--violations N] [--all-events]\n"
    "  Runs the seeds from, from+1, ...; each is one run of the daemon in a simulated world.\n"
    "  --seed N      one run; with --trace every step of it, and the daemon's own log lines\n"
    "  --jobs N      threads (default: one a core)\n"
    "  --twice N     run the first N seeds a second time: every step must be the same\n"
    "  --violations N  stop after so many (default: 10)\n"
    "  --all-events  fail if any event of the list at the end was never met\n";

struct Options {
    std::uint64_t from = 1;
    std::uint64_t count = 1'000;
    std::uint64_t jobs = std::max(1u, std::thread::hardware_concurrency());
    std::uint64_t twice = 0;
    std::uint64_t violations = 10;
    bool trace = false;
    bool all_events = false;
};

char program[256];
thread_local std::uint64_t current_seed = 0;

std::string rerun(std::uint64_t seed) {
    return std::string(program) + " --seed " + std::to_string(seed) + " --trace";
}

// A broken assertion of the daemon ends the process: say with which seed.
void on_abort(int) {
    char line[400];
    const int size = std::snprintf(line, sizeof line, "sim: aborted; again with: %s --seed %llu\n",
                                   program, static_cast<unsigned long long>(current_seed));
    if (size > 0 && ::write(STDOUT_FILENO, line, static_cast<std::size_t>(size)) < 0) return;
    std::signal(SIGABRT, SIG_DFL);
}

class Seeds {
public:
    explicit Seeds(const Options& options) : options_(options), next_(options.from) {}

    bool run_all() {
        std::vector<std::thread> threads;
        for (std::uint64_t i = 0; i < options_.jobs; ++i) {
            threads.emplace_back([this] { work(); });
        }
        for (std::thread& thread : threads) thread.join();
        return failed_.empty();
    }
    void print(double seconds) const {
        std::cout << coverage_.to_text(violated_);
        std::printf("sim: seeds %llu to %llu: %llu seeds passed, %zu failed in %.1f s\n",
                    static_cast<unsigned long long>(options_.from),
                    static_cast<unsigned long long>(options_.from + options_.count - 1),
                    static_cast<unsigned long long>(done_ - failed_.size()), failed_.size(),
                    seconds);
    }
    [[nodiscard]] const Coverage& coverage() const { return coverage_; }

private:
    void work() {
        while (true) {
            const std::uint64_t seed = next_.fetch_add(1);
            if (seed >= options_.from + options_.count || stopped_) return;
            run(seed);
        }
    }

    void run(std::uint64_t seed) {
        current_seed = seed;
        const bool twice = seed < options_.from + options_.twice;
        std::ostringstream story;
        Run run(seed, options_.trace ? &std::cout : twice ? &story : nullptr);
        std::string violation;
        try {
            run.go();
            if (twice) check_again(seed, run, story.str());
        } catch (const std::exception& error) {
            violation = run.where() + ": " + error.what();
        }
        if (!violation.empty()) run.dump();
        const std::lock_guard lock(mutex_);
        ++done_;
        coverage_.merge(run.coverage());
        if (violation.empty()) return;
        failed_.push_back(seed);
        violated_.merge_met(run.coverage());
        std::cout << "seed " << seed << ", " << violation << "\n  again with: " << rerun(seed)
                  << std::endl;
        stopped_ = stopped_ || failed_.size() >= options_.violations;
    }

    // A seed that does not say everything cannot be repeated.
    void check_again(std::uint64_t seed, const Run& run, const std::string& story) const {
        std::ostringstream story_again;
        Run again(seed, &story_again);
        again.go();
        const bool same_steps = options_.trace || story_again.str() == story;
        if (!same_steps || run.digest() != again.digest()) {
            throw Violation("the same seed went another way");
        }
    }

    const Options options_;
    std::atomic<std::uint64_t> next_;
    std::atomic<bool> stopped_ = false;
    std::mutex mutex_;  // guards what follows
    std::uint64_t done_ = 0;
    Coverage coverage_;
    Coverage violated_;
    std::vector<std::uint64_t> failed_;
};

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--trace") {
            options.trace = true;
            continue;
        }
        if (name == "--all-events") {
            options.all_events = true;
            continue;
        }
        if (i + 1 == argc) return false;
        const char* text = argv[++i];
        std::uint64_t value = 0;
        const auto parsed = std::from_chars(text, text + std::strlen(text), value);
        if (parsed.ec != std::errc() || *parsed.ptr != '\0') return false;
        if (name == "--seed") {
            options.from = value;
            options.count = 1;
            options.jobs = 1;
        } else if (name == "--from") {
            options.from = value;
        } else if (name == "--count") {
            options.count = value;
        } else if (name == "--jobs" && value > 0) {
            options.jobs = value;
        } else if (name == "--twice") {
            options.twice = value;
        } else if (name == "--violations") {
            options.violations = value;
        } else {
            return false;
        }
    }
    return true;
}

int run_sim(int argc, char** argv) {
    Options options;
    std::snprintf(program, sizeof program, "%s", argv[0]);
    if (!parse(argc, argv, options)) {
        std::cerr << kUsage;
        return 64;
    }
    std::signal(SIGABRT, on_abort);
    configure_log(LogLevel::error, LogFormat::text);
    // The faults make the daemon complain a lot, as it should.
    if (!options.trace && std::freopen("/dev/null", "w", stderr) == nullptr) return 1;
    const auto began = std::chrono::steady_clock::now();
    Seeds seeds(options);
    const bool good = seeds.run_all();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    seeds.print(took.count());
    const std::string missing = options.all_events ? seeds.coverage().missing() : "";
    if (!missing.empty()) std::cout << "sim: never met: " << missing << "\n";
    return good && missing.empty() ? 0 : 1;
}

}  // namespace
}  // namespace anchorlog::sim

int main(int argc, char** argv) { return anchorlog::sim::run_sim(argc, argv); }
