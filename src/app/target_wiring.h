#pragma once

#include <memory>
#include <vector>

#include "anchorlog/anchor/anchor_worker.h"
#include "app/target_config.h"

namespace anchorlog::app {

// What can be checked of a target without touching the store: its key or certificates.
[[nodiscard]] Result<void> check_target(const TargetConfig& target);

// The targets that are not off, each with its thread, and what operators see of all of them.
class AnchorSet {
public:
    // A line of anchors/ that does not hold is corruption.
    [[nodiscard]] Result<void> open(const std::vector<TargetConfig>& targets, FileSystem& fs,
                                    store::Journal& journal, const anchor::SealedBatches& batches,
                                    const Clock& clock, const anchor::ForkAlarm& on_fork,
                                    const anchor::StorageAlarm& on_storage_failure);
    void start();
    // See AnchorWorker; `limit` is for all of them together.
    void await_answers(std::chrono::milliseconds limit);
    void wake();  // any thread
    // There are chains among the targets, and every one of them was heard to hold nothing of this
    // log that is newer than ours. Any thread.
    [[nodiscard]] bool chain_agrees() const;
    void stop();

    // A target as configured, and how it stands.
    struct Shown {
        anchor::AnchorStatus status;
        TargetMode mode = TargetMode::best_effort;
        std::uint32_t late_after_s = 0;
    };
    [[nodiscard]] std::vector<Shown> shown() const;  // any thread, in the configured order

private:
    struct Entry {
        TargetConfig config;
        std::unique_ptr<anchor::AnchorWorker> worker;  // null: off
    };
    std::unique_ptr<anchor::AnchorJournal> journal_;
    std::vector<Entry> entries_;
};

}  // namespace anchorlog::app
