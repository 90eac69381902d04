#include "app/commit_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace anchorlog::app {
namespace {

// The commit thread gave it its time already.
constexpr std::chrono::milliseconds kHardwareStopMax{100};

std::int64_t steady_us() {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    return duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

CommitLoop::CommitLoop(FileSystem& fs, const Clock& clock, CommitOptions options,
                       ledger::Recovered& store, LoopNeighbours neighbours)
    : clock_(clock), sync_(clock, JournalWriter(*store.log, *store.batches,
                                                {[this](WriteDone done) { push(std::move(done)); },
                                                 neighbours.deliver, neighbours.fatal, steady_us})),
      hardware_(neighbours.hardware, [this](HardwareDone done) { push(std::move(done)); }),
      core_(fs, std::move(options), store, neighbours_of(neighbours)),
      published_(std::make_shared<const Published>(core_.published())) {}

CommitLoop::~CommitLoop() { stop(); }

CommitNeighbours CommitLoop::neighbours_of(LoopNeighbours& outer) {
    CommitNeighbours inner;
    inner.write = [this](WriteJob job) {
        sync_.write(std::move(job));
    };
    inner.sign = [this](std::string text) {
        hardware_.sign(std::move(text));
    };
    inner.deliver = outer.deliver;
    inner.ask = outer.ask;
    inner.promise = outer.promise;
    inner.ingest_state = outer.ingest_state;
    inner.publish = [this](Published published) {
        auto next = std::make_shared<const Published>(std::move(published));
        const std::lock_guard lock(mutex_);
        published_.swap(next);
    };
    inner.sealed = outer.sealed;
    inner.chain_agrees = outer.chain_agrees;
    inner.fatal = outer.fatal;
    return inner;
}

void CommitLoop::start() {
    core_.start(clock_.now());
    sync_.start();
    hardware_.start();
    thread_ = std::thread([this] { run(); });
}

void CommitLoop::stop() {
    push(StopInput{});
    if (thread_.joinable()) thread_.join();
    sync_.stop();
    hardware_.stop(kHardwareStopMax);
}

void CommitLoop::push(CommitInput input) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        inputs_.push_back(std::move(input));
        wake = std::exchange(asleep_, false);
    }
    if (wake) work_.notify_one();
}

void CommitLoop::submit(std::vector<net::Inbound> inbounds) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        for (net::Inbound& inbound : inbounds) inputs_.push_back(std::move(inbound));
        wake = std::exchange(asleep_, false);
    }
    if (wake) work_.notify_one();
}

void CommitLoop::connection_refused(const std::string& subject, const std::string& reason) {
    push(AuditInput{"cert_refused", subject + ": " + reason, "", false});
}

void CommitLoop::rate_limited(const std::string& subject, std::uint32_t per_s) {
    const std::string data = "{\"alerts_per_s\":" + std::to_string(per_s) + "}";
    push(AuditInput{"rate_limited", subject, data, false});
}

void CommitLoop::answer(Answer answer) { push(std::move(answer)); }

void CommitLoop::fork_found(const std::string& what) { push(ForkInput{what}); }

void CommitLoop::note(std::string event, std::string subject, std::string data) {
    push(AuditInput{std::move(event), std::move(subject), std::move(data), true});
}

std::shared_ptr<const Published> CommitLoop::published() const {
    const std::lock_guard lock(mutex_);
    return published_;
}

std::int64_t CommitLoop::step_held_ms() const {
    const SteadyTime now = clock_.now().steady;
    return std::max(steps_.held_ms(now), sync_.steps().held_ms(now));
}

void CommitLoop::run() {
    std::vector<CommitInput> inputs;
    // The first turn may seal: it must know a fork that was found before the start.
    const SteadyTime at_once = clock_.now().steady;
    wait(inputs, at_once, at_once);
    while (!core_.stopped()) {
        const Now now = clock_.now();
        steps_.begin(now.steady);
        core_.turn(inputs, now);
        steps_.end();
        if (!core_.stopped()) wait(inputs, now.steady, core_.next_turn(now.steady));
    }
}

void CommitLoop::wait(std::vector<CommitInput>& inputs, SteadyTime now, SteadyTime until) {
    std::unique_lock lock(mutex_);
    if (inputs_.empty() && now < until) {
        asleep_ = true;
        work_.wait_for(lock, std::chrono::milliseconds(until.ms - now.ms),
                       [this] { return !asleep_; });
        asleep_ = false;
    }
    inputs.swap(inputs_);
}

}  // namespace anchorlog::app
