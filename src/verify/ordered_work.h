#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "verify/work_pool.h"

namespace anchorlog::verify {

// A row of independent jobs that a pool does ahead of the one who takes their results, in order.
// The pool must end before what `make` and `run` refer to.
template <class Job, class Outcome>
class OrderedWork {
public:
    // `make` gives the next job, on the thread that calls next(); nothing when there is none.
    // `run` does one, on any thread. At most `ahead_max` results are kept or in the making.
    OrderedWork(WorkPool& pool, std::size_t ahead_max, std::function<std::optional<Job>()> make,
                std::function<Outcome(const Job&)> run)
        : pool_(pool), ahead_max_(ahead_max), make_(std::move(make)),
          run_(std::make_shared<const std::function<Outcome(const Job&)>>(std::move(run))) {}

    // Nothing behind the last job's.
    [[nodiscard]] std::optional<Outcome> next() {
        fill();
        if (slots_.empty()) return std::nullopt;
        const std::shared_ptr<Slot> slot = std::move(slots_.front());
        slots_.pop_front();
        pool_.wait([&slot] { return slot->is_done.load(std::memory_order_acquire); });
        std::optional<Outcome> outcome = std::move(slot->outcome);
        fill();
        return outcome;
    }

private:
    struct Slot {
        explicit Slot(Job job_in) : job(std::move(job_in)) {}
        Job job;
        std::optional<Outcome> outcome;
        std::atomic<bool> is_done{false};  // then `outcome` is whole
    };

    void fill() {
        while (!at_end_ && slots_.size() < ahead_max_) {
            auto job = make_();
            if (!job) {
                at_end_ = true;
                return;
            }
            auto slot = std::make_shared<Slot>(std::move(*job));
            slots_.push_back(slot);
            pool_.submit([slot, run = run_] {
                slot->outcome.emplace((*run)(slot->job));
                slot->is_done.store(true, std::memory_order_release);
            });
        }
    }

    WorkPool& pool_;
    std::size_t ahead_max_;
    std::function<std::optional<Job>()> make_;
    std::shared_ptr<const std::function<Outcome(const Job&)>> run_;
    std::deque<std::shared_ptr<Slot>> slots_;
    bool at_end_ = false;
};

}  // namespace anchorlog::verify
