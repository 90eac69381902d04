#include "app/journal_writer.h"

#include <utility>

namespace anchorlog::app {

JournalWriter::JournalWriter(store::Journal& log, store::Journal& batches,
                             WriterNeighbours neighbours)
    : log_(log), batches_(batches), neighbours_(std::move(neighbours)) {}

void JournalWriter::carry_out(WriteJob job) {
    WriteDone done;
    done.kind = job.kind;
    if (job.count > 0) {
        const std::int64_t began = neighbours_.steady_us();
        done.at = write(job);
        done.sync_us = neighbours_.steady_us() - began;
    }
    if (!done.at || job.owes_receipts) done.unsent = std::exchange(job.replies, {});
    // The commit thread first, so that a sender who comes back at once with what it was just
    // acked meets a window that knows it.
    neighbours_.done(std::move(done));
    if (!job.replies.empty()) neighbours_.deliver(std::move(job.replies));
}

Result<store::LinePosition> JournalWriter::write(const WriteJob& job) {
    store::Journal& journal = job.kind == WriteJob::Kind::group ? log_ : batches_;
    const auto settle = [&](const Error& error) {
        if (error.code != Errc::storage_full) neighbours_.fatal(error);
        return error;
    };
    auto at = journal.next_position();
    if (!at) return settle(at.error());
    if (auto written = journal.append(*job.lines, job.count); !written) {
        return settle(written.error());
    }
    if (auto synced = journal.sync(); !synced) neighbours_.fatal(synced.error());
    return at;
}

}  // namespace anchorlog::app
