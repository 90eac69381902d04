#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "anchorlog/base/clock.h"
#include "anchorlog/net/ingest.h"
#include "app/commit_core.h"
#include "app/sync_thread.h"

namespace anchorlog::app {

// What the commit and sync threads need of the rest of the daemon; each call but fatal() returns
// at once.
struct LoopNeighbours {
    std::function<void(std::vector<net::Outbound>)> deliver;  // to the I/O threads
    std::function<void(Question)> ask;                        // the read thread
    std::function<void(std::vector<Promises>)> promise;       // signed on the read thread
    std::function<void()> ingest_state;                       // on the read thread
    std::function<void()> sealed;                             // wakes the anchor threads
    std::function<bool()> chain_agrees;                       // see AnchorSet
    std::function<void(const Error&)> fatal;                  // does not return
    std::shared_ptr<const crypto::HardwareSigner> hardware;   // null: the log has no such key
};

// The commit thread around a CommitCore, and its sync thread: a queue, a lock, a wake-up and the
// clock. What is done in which order stands in commit_core.h.
class CommitLoop final : public net::IngestSink {
public:
    CommitLoop(FileSystem& fs, const Clock& clock, CommitOptions options, ledger::Recovered& store,
               LoopNeighbours neighbours);
    ~CommitLoop() override;

    void start();
    // After the listener stopped reading: works off what is queued, seals what is open, joins.
    void stop();

    // Any thread.
    void submit(std::vector<net::Inbound> inbounds) override;
    void connection_refused(const std::string& subject, const std::string& reason) override;
    void rate_limited(const std::string& subject, std::uint32_t per_s) override;
    void answer(Answer answer);
    void fork_found(const std::string& what);
    void note(std::string event, std::string subject, std::string data);  // an audit
    [[nodiscard]] std::shared_ptr<const Published> published() const;
    // How long the commit or the sync thread has been at its current step, whichever is longer.
    [[nodiscard]] std::int64_t step_held_ms() const;
    // After stop(): see HardwareThread.
    [[nodiscard]] bool is_hardware_stuck() const { return hardware_.is_stuck(); }

private:
    void push(CommitInput input);
    void run();
    // Takes what was pushed; sleeps for it until `until`, unless something is there.
    void wait(std::vector<CommitInput>& inputs, SteadyTime now, SteadyTime until);
    [[nodiscard]] CommitNeighbours neighbours_of(LoopNeighbours& outer);

    const Clock& clock_;
    SyncThread sync_;
    HardwareThread hardware_;
    CommitCore core_;  // of the thread, once it runs
    StepWatch steps_;

    mutable std::mutex mutex_;  // guards the next four
    std::condition_variable work_;
    std::vector<CommitInput> inputs_;
    bool asleep_ = false;
    std::shared_ptr<const Published> published_;
    std::thread thread_;
};

}  // namespace anchorlog::app
