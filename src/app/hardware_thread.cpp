#include "app/hardware_thread.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace anchorlog::app {

struct HardwareThread::Shared {
    std::shared_ptr<const crypto::HardwareSigner> key;
    std::mutex mutex;  // guards the rest
    std::condition_variable changed;
    std::function<void(HardwareDone)> done;
    std::optional<std::string> text;
    bool stopping = false;
    bool ended = false;
};

HardwareThread::HardwareThread(std::shared_ptr<const crypto::HardwareSigner> key,
                               std::function<void(HardwareDone)> done)
    : shared_(std::make_shared<Shared>()) {
    shared_->key = std::move(key);
    shared_->done = std::move(done);
}

HardwareThread::~HardwareThread() { stop(std::chrono::milliseconds(0)); }

void HardwareThread::start() {
    if (!shared_->key) return;
    thread_ = std::thread([shared = shared_] { run(shared); });
}

void HardwareThread::sign(std::string text) {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->text = std::move(text);
    }
    shared_->changed.notify_all();
}

void HardwareThread::stop(std::chrono::milliseconds wait_max) {
    if (!thread_.joinable()) return;
    {
        std::unique_lock lock(shared_->mutex);
        shared_->stopping = true;
        shared_->changed.notify_all();
        shared_->changed.wait_for(lock, wait_max, [this] { return shared_->ended; });
        is_stuck_ = !shared_->ended;
        if (is_stuck_) shared_->done = nullptr;
    }
    if (is_stuck_) {
        thread_.detach();
    } else {
        thread_.join();
    }
}

void HardwareThread::run(const std::shared_ptr<Shared>& shared) {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    using std::chrono::steady_clock;
    std::unique_lock lock(shared->mutex);
    while (true) {
        shared->changed.wait(lock, [&] { return shared->text || shared->stopping; });
        if (!shared->text) break;
        const std::string text = *std::exchange(shared->text, std::nullopt);
        lock.unlock();
        const auto began = steady_clock::now();
        HardwareDone done;
        done.signature = shared->key->sign(as_bytes(text));
        done.took_us = duration_cast<microseconds>(steady_clock::now() - began).count();
        lock.lock();
        if (shared->done) shared->done(std::move(done));
    }
    shared->ended = true;
    shared->changed.notify_all();
}

}  // namespace anchorlog::app
