#include "generator.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "load_thread.h"
#include "stop.h"

namespace anchorlog::bench {

namespace {

constexpr std::size_t kRecordSizeMax = 16'384;
constexpr std::uint64_t kStartDelayNs = 5'000'000;

std::unique_ptr<LoadResult> sum(const std::vector<std::unique_ptr<LoadThread>>& threads,
                                std::size_t connections) {
    auto all = std::make_unique<LoadResult>();
    all->acked.resize(connections);
    for (const auto& thread : threads) {
        const LoadResult& part = thread->result();
        all->acked_in_time += part.acked_in_time;
        all->seconds = std::max(all->seconds, part.seconds);
        all->sent += part.sent;
        all->generator_cpu_s += part.generator_cpu_s;
        all->latency.add(part.latency);
        for (const auto& c : thread->connections()) all->acked[c->place] = c->acked;
    }
    return all;
}

}  // namespace

unsigned threads_of(const Load& load) {
    // On two cores a second thread gained nothing: what it takes the server lacks.
    const unsigned half = std::max(1u, std::thread::hardware_concurrency() / 2);
    return std::min(load.threads > 0 ? load.threads : half, load.connections);
}

std::unique_ptr<LoadResult> run_load(const Load& load, const TrialPki& pki, int port) {
    if (load.coalesce * AlertStream(0, load.dialect, load.skip).frame_size() > kRecordSizeMax) {
        stop("--coalesce: that many frames do not fit in one TLS record (16 KiB)");
    }
    const ContextPtr context = make_context(pki.sender, pki.ca.certificate_pem, false);
    std::vector<std::unique_ptr<LoadThread>> threads;
    for (unsigned i = 0; i < threads_of(load); ++i) {
        threads.push_back(std::make_unique<LoadThread>(load));
    }
    for (unsigned place = 0; place < load.connections; ++place) {
        threads[place % threads.size()]->add(
            std::make_unique<Connection>(place, load, context.get(), port));
    }
    const std::uint64_t start_ns = steady_ns() + kStartDelayNs;
    std::atomic<bool> given_up = false;
    std::vector<std::optional<Failure>> failures(threads.size());
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < threads.size(); ++i) {
        running.emplace_back([&, i] {
            try {
                threads[i]->run(start_ns, given_up);
            } catch (const Failure& failure) {
                failures[i] = failure;
                given_up = true;
            }
        });
    }
    for (std::thread& thread : running) thread.join();
    for (const auto& failure : failures) {
        if (failure) throw Failure(*failure);
    }
    auto result = sum(threads, load.connections);
    result->start_ns = start_ns;
    return result;
}

}  // namespace anchorlog::bench
