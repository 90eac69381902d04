#include "app/journal_writer.h"

#include <chrono>
#include <utility>

namespace anchorlog::app {

JournalWriter::JournalWriter(store::Journal& log, store::Journal& batches,
                             std::function<void(WriteDone)> done,
                             std::function<void(std::vector<net::Outbound>)> deliver,
                             std::function<void(const Error&)> fatal)
    : log_(log), batches_(batches), done_(std::move(done)), deliver_(std::move(deliver)),
      fatal_(std::move(fatal)) {}

JournalWriter::~JournalWriter() { stop(); }

void JournalWriter::start() {
    thread_ = std::thread([this] { run(); });
}

void JournalWriter::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void JournalWriter::write(WriteJob job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    work_.notify_one();
}

void JournalWriter::run() {
    while (true) {
        WriteJob job;
        {
            std::unique_lock lock(mutex_);
            work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        WriteDone done = carry_out(job);
        const bool written = done.at.has_value();
        if (!written) done.unsent = std::exchange(job.replies, {});
        done_(std::move(done));
        // After the commit thread was told, so that a sender who comes back at once with what
        // it was just acked meets a window that knows it.
        if (!job.replies.empty()) deliver_(std::move(job.replies));
    }
}

WriteDone JournalWriter::carry_out(WriteJob& job) {
    WriteDone done;
    done.kind = job.kind;
    if (job.count == 0) return done;
    store::Journal& journal = job.kind == WriteJob::Kind::group ? log_ : batches_;
    const auto began = std::chrono::steady_clock::now();
    done.at = journal.next_position();
    if (done.at) {
        if (auto written = journal.append(*job.lines, job.count); !written) {
            done.at = std::move(written).error();
        } else if (auto synced = journal.sync(); !synced) {
            fatal_(synced.error());
        }
    }
    if (!done.at && done.at.error().code != Errc::storage_full) fatal_(done.at.error());
    done.sync_us = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::steady_clock::now() - began)
                       .count();
    return done;
}

}  // namespace anchorlog::app
