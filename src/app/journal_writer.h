#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/net/ingest.h"
#include "anchorlog/store/journal.h"

namespace anchorlog::app {

// Lines for one journal, to be written and synced as one.
struct WriteJob {
    enum class Kind { group, seal } kind = Kind::group;
    const std::string* lines = nullptr;  // stays with the commit thread until WriteDone
    std::uint64_t count = 0;
    std::vector<net::Outbound> replies;  // sent after the sync, never before
};

struct WriteDone {
    WriteJob::Kind kind = WriteJob::Kind::group;
    Result<store::LinePosition> at = store::LinePosition{};
    std::vector<net::Outbound> unsent;  // the job's replies, when the write was refused
    std::int64_t sync_us = 0;
};

// The sync thread: writes and fdatasyncs one job after the other, then tells the commit thread
// and sends the job's replies. Sole writer of log/ and batches/ while it runs. A full disk is an
// answer; any other failure is fatal, because what a failed sync left is unknown.
class JournalWriter {
public:
    JournalWriter(store::Journal& log, store::Journal& batches, std::function<void(WriteDone)> done,
                  std::function<void(std::vector<net::Outbound>)> deliver,
                  std::function<void(const Error&)> fatal);
    ~JournalWriter();

    void start();
    void stop();  // finishes what is queued, joins
    void write(WriteJob job);

private:
    void run();
    [[nodiscard]] WriteDone carry_out(WriteJob& job);

    store::Journal& log_;
    store::Journal& batches_;
    const std::function<void(WriteDone)> done_;
    const std::function<void(std::vector<net::Outbound>)> deliver_;
    const std::function<void(const Error&)> fatal_;

    std::mutex mutex_;  // guards the two below
    std::condition_variable work_;
    std::deque<WriteJob> jobs_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace anchorlog::app
