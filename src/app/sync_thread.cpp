#include "app/sync_thread.h"

#include <utility>

namespace anchorlog::app {

SyncThread::~SyncThread() { stop(); }

void SyncThread::start() {
    thread_ = std::thread([this] { run(); });
}

void SyncThread::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void SyncThread::write(WriteJob job) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
        wake = std::exchange(asleep_, false);
    }
    if (wake) work_.notify_one();
}

void SyncThread::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        while (jobs_.empty() && !stopping_) {
            asleep_ = true;
            work_.wait(lock);
        }
        asleep_ = false;
        if (jobs_.empty()) return;
        WriteJob job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        steps_.begin(clock_.now().steady);
        writer_.carry_out(std::move(job));
        steps_.end();
        lock.lock();
    }
}

}  // namespace anchorlog::app
