#include "anchorlog/anchor/anchor_journal.h"

#include "anchorlog/base/log.h"

namespace anchorlog::anchor {

Result<void> AnchorJournal::write(const wire::AnchorStep& step) {
    const std::string line = wire::format_anchor_step(step) + "\n";
    const std::lock_guard lock(mutex_);
    if (has_failed_) return Error{Errc::io, "anchors/ could not be written before"};
    auto written = journal_.append(line, 1);
    if (written) {
        written = journal_.sync();
        has_failed_ = !written;
    } else {
        has_failed_ = written.error().code != Errc::storage_full;
    }
    if (has_failed_) {
        log(LogLevel::error, "anchor_storage_failed", {{"error", written.error().message}});
        return Error{Errc::io, written.error().message};
    }
    return written;
}

}  // namespace anchorlog::anchor
