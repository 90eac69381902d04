#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "anchorlog/base/clock.h"
#include "app/journal_writer.h"
#include "app/step_watch.h"

namespace anchorlog::app {

// The sync thread: a queue in front of a JournalWriter, one job after the other.
class SyncThread {
public:
    SyncThread(const Clock& clock, JournalWriter writer)
        : clock_(clock), writer_(std::move(writer)) {}
    ~SyncThread();

    void start();
    void stop();               // finishes what is queued, joins
    void write(WriteJob job);  // any thread
    [[nodiscard]] const StepWatch& steps() const { return steps_; }

private:
    void run();

    const Clock& clock_;
    JournalWriter writer_;  // of the thread, once it runs
    StepWatch steps_;

    std::mutex mutex_;  // guards the next four
    std::condition_variable work_;
    std::deque<WriteJob> jobs_;
    bool asleep_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace anchorlog::app
