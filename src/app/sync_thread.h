#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>

#include "anchorlog/base/clock.h"
#include "app/journal_writer.h"
#include "app/step_watch.h"

namespace anchorlog::app {

// A group up to this many bytes, a few alerts, is carried out by who gives it: preparing the next
// one meanwhile would save less than it takes to wake two threads.
inline constexpr std::size_t kSmallGroupBytesMax = 4u << 10;

// The sync thread: a queue in front of a JournalWriter, one job after the other. A small
// group that finds the thread idle is written and synced before write() returns.
class SyncThread {
public:
    SyncThread(const Clock& clock, JournalWriter writer)
        : clock_(clock), writer_(std::move(writer)) {}
    ~SyncThread();

    void start();
    void stop();               // finishes what is queued, joins
    void write(WriteJob job);  // always the same thread
    [[nodiscard]] const StepWatch& steps() const { return steps_; }

private:
    void run();
    void carry_out(WriteJob job);

    const Clock& clock_;
    JournalWriter writer_;  // of the thread while it is awake, else of who gives it jobs
    StepWatch steps_;

    std::mutex mutex_;  // guards the next four
    std::condition_variable work_;
    std::deque<WriteJob> jobs_;
    bool asleep_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace anchorlog::app
