#pragma once

#include <mutex>

#include "anchorlog/base/result.h"
#include "anchorlog/store/journal.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::anchor {

// The writing end of anchors/, shared by all targets. One line at a time, synced before the next
// one begins, so a crash leaves at most one partial line whoever wrote it. Any thread.
class AnchorJournal {
public:
    // `journal` is opened and settled, outlives this, and has no other writer.
    explicit AnchorJournal(store::Journal& journal) : journal_(journal) {}

    // The line is on disk when this returns. storage_full: nothing was kept, it may be tried again.
    // Any other error is final: what reached the disk is unknown, every later line is refused, and
    // the process must end (74).
    [[nodiscard]] Result<void> write(const wire::AnchorStep& step);
    // For reading what is on record.
    [[nodiscard]] const store::Journal& lines() const { return journal_; }

private:
    store::Journal& journal_;
    std::mutex mutex_;
    bool has_failed_ = false;  // guarded by mutex_
};

}  // namespace anchorlog::anchor
