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
    const bool is_small =
        job.kind == WriteJob::Kind::group && job.lines->size() <= kSmallGroupBytesMax;
    std::unique_lock lock(mutex_);
    // Nobody else can give it anything: it stays asleep.
    if (is_small && asleep_) {
        lock.unlock();
        return carry_out(std::move(job));
    }
    jobs_.push_back(std::move(job));
    const bool wake = std::exchange(asleep_, false);
    lock.unlock();
    if (wake) work_.notify_one();
}

void SyncThread::carry_out(WriteJob job) {
    steps_.begin(clock_.now().steady);
    writer_.carry_out(std::move(job));
    steps_.end();
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
        carry_out(std::move(job));
        lock.lock();
    }
}

}  // namespace anchorlog::app
