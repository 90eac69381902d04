#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace anchorlog::verify {

// Runs tasks on threads of its own and on those that wait for them: with one thread there is none
// of its own, and everything happens where it is waited for.
class WorkPool {
public:
    // `threads` counts the one that waits.
    explicit WorkPool(unsigned threads);
    // Drops what has not begun and waits for the rest.
    ~WorkPool();
    WorkPool(const WorkPool&) = delete;
    WorkPool& operator=(const WorkPool&) = delete;

    void submit(std::function<void()> task);
    // Works until `done` says so. `done` is asked under the pool's lock, after each task.
    void wait(const std::function<bool()>& done);
    [[nodiscard]] unsigned threads() const { return static_cast<unsigned>(threads_.size()) + 1; }

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
    std::vector<std::thread> threads_;
    bool stop_ = false;
};

}  // namespace anchorlog::verify
