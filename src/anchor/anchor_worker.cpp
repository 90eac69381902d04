#include "anchorlog/anchor/anchor_worker.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace anchorlog::anchor {

namespace {

constexpr std::int64_t kWaitMsMax = 60'000;

class Worker final : public AnchorWorker {
public:
    Worker(std::unique_ptr<AnchorTarget> target, const Clock& clock,
           StorageAlarm on_storage_failure)
        : target_(std::move(target)), clock_(clock),
          on_storage_failure_(std::move(on_storage_failure)), has_asked_(target_->has_asked()),
          status_(target_->status()) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() override { stop(); }

    void start() override {
        ANCHORLOG_ASSERT(!thread_.joinable());
        thread_ = std::thread([this] { run(); });
    }

    void await_answer(std::chrono::milliseconds limit) override {
        std::unique_lock lock(mutex_);
        asked_.wait_for(lock, limit, [&] { return has_asked_ || is_stopping_; });
    }

    void wake() override {
        {
            const std::lock_guard lock(mutex_);
            is_woken_ = true;
        }
        changed_.notify_one();
    }

    void stop() override {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        changed_.notify_one();
        target_->abort();
        if (thread_.joinable()) thread_.join();
    }

    AnchorStatus status() const override {
        const std::lock_guard lock(mutex_);
        return status_;
    }

private:
    void run() {
        std::unique_lock lock(mutex_);
        while (!is_stopping_) {
            is_woken_ = false;
            lock.unlock();
            const SteadyTime until = target_->run_one();
            AnchorStatus now_is = target_->status();
            lock.lock();
            status_ = std::move(now_is);
            if (target_->has_asked() && !has_asked_) {
                has_asked_ = true;
                asked_.notify_all();
            }
            if (target_->has_failed()) {
                lock.unlock();
                on_storage_failure_({Errc::io, "anchors/ could not be written or synced"});
                return;
            }
            const std::int64_t wait_ms = std::min(until.ms - clock_.now().steady.ms, kWaitMsMax);
            if (wait_ms <= 0) continue;
            changed_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                              [&] { return is_woken_ || is_stopping_; });
        }
    }

    const std::unique_ptr<AnchorTarget> target_;  // of the thread, once it runs
    const Clock& clock_;
    const StorageAlarm on_storage_failure_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::condition_variable asked_;
    bool has_asked_;            // guarded by mutex_
    bool is_woken_ = false;     // guarded by mutex_
    bool is_stopping_ = false;  // guarded by mutex_
    AnchorStatus status_;       // guarded by mutex_
    std::thread thread_;
};

}  // namespace

std::unique_ptr<AnchorWorker> AnchorWorker::create(std::unique_ptr<AnchorTarget> target,
                                                   const Clock& clock,
                                                   StorageAlarm on_storage_failure) {
    return std::make_unique<Worker>(std::move(target), clock, std::move(on_storage_failure));
}

}  // namespace anchorlog::anchor
