#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "app/journal_writer.h"

namespace anchorlog::app {

// The sync thread: a queue in front of a JournalWriter, one job after the other.
class SyncThread {
public:
    explicit SyncThread(JournalWriter writer) : writer_(std::move(writer)) {}
    ~SyncThread();

    void start();
    void stop();               // finishes what is queued, joins
    void write(WriteJob job);  // any thread

private:
    void run();

    JournalWriter writer_;  // of the thread, once it runs

    std::mutex mutex_;  // guards the next four
    std::condition_variable work_;
    std::deque<WriteJob> jobs_;
    bool asleep_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace anchorlog::app
