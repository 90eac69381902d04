#include "anchorlog/anchor/anchor_worker.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "anchor/anchor_engine.h"
#include "anchorlog/crypto/random.h"

namespace anchorlog::anchor {

namespace {

constexpr std::int64_t kWaitMsMax = 60'000;

class Worker final : public AnchorWorker {
public:
    Worker(std::unique_ptr<crypto::AccountKey> key, std::unique_ptr<ChainClient> chain,
           const Clock& clock, StorageAlarm on_storage_failure)
        : key_(std::move(key)), chain_(std::move(chain)), clock_(clock),
          on_storage_failure_(std::move(on_storage_failure)) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() override { stop(); }

    Result<void> open(const EthereumTarget& target, store::Journal& journal,
                      const SealedBatches& batches, ForkAlarm on_fork) {
        std::array<std::uint8_t, 8> seed{};
        crypto::random_bytes(seed);
        auto engine = AnchorEngine::create(target, *key_, *chain_, journal, batches, clock_,
                                           std::move(on_fork), read_u64be(seed.data()));
        if (!engine) return engine.error();
        engine_ = std::move(*engine);
        status_ = engine_->status();
        return {};
    }

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
        chain_->abort();
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
            const SteadyTime until = engine_->run_one();
            AnchorStatus now_is = engine_->status();
            lock.lock();
            status_ = std::move(now_is);
            if (engine_->has_asked() && !has_asked_) {
                has_asked_ = true;
                asked_.notify_all();
            }
            if (engine_->has_failed()) {
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

    const std::unique_ptr<crypto::AccountKey> key_;
    const std::unique_ptr<ChainClient> chain_;
    const Clock& clock_;
    const StorageAlarm on_storage_failure_;
    std::unique_ptr<AnchorEngine> engine_;  // of the thread, once it runs

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::condition_variable asked_;
    bool has_asked_ = false;    // guarded by mutex_
    bool is_woken_ = false;     // guarded by mutex_
    bool is_stopping_ = false;  // guarded by mutex_
    AnchorStatus status_;       // guarded by mutex_
    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<AnchorWorker>> AnchorWorker::create(
    EthereumTarget target, std::unique_ptr<crypto::AccountKey> key,
    std::unique_ptr<ChainClient> chain, store::Journal& journal, const SealedBatches& batches,
    const Clock& clock, ForkAlarm on_fork, StorageAlarm on_storage_failure) {
    auto worker = std::make_unique<Worker>(std::move(key), std::move(chain), clock,
                                           std::move(on_storage_failure));
    auto opened = worker->open(target, journal, batches, std::move(on_fork));
    if (!opened) return std::move(opened).error().in("anchor target " + target.id);
    return std::unique_ptr<AnchorWorker>(std::move(worker));
}

}  // namespace anchorlog::anchor
