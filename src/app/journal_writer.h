#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/net/ingest.h"
#include "anchorlog/store/journal.h"

namespace anchorlog::app {

// Lines for one journal, to be written and synced as one.
struct WriteJob {
    enum class Kind { group, seal } kind = Kind::group;
    const std::string* lines = nullptr;  // stays with the commit thread until WriteDone
    std::uint64_t count = 0;             // 0: nothing to write, only replies to send
    std::vector<net::Outbound> replies;  // sent after the sync, never before
    bool owes_receipts = false;          // behind the replies, which the commit thread sends then
};

struct WriteDone {
    WriteJob::Kind kind = WriteJob::Kind::group;
    Result<store::LinePosition> at = store::LinePosition{};
    std::vector<net::Outbound> unsent;  // the job's replies: it was refused or owes receipts
    std::int64_t sync_us = 0;
};

// What the writer needs of its neighbours; each call but fatal() returns at once.
struct WriterNeighbours {
    std::function<void(WriteDone)> done;                      // to the commit thread
    std::function<void(std::vector<net::Outbound>)> deliver;  // to the I/O threads
    std::function<void(const Error&)> fatal;                  // does not return
    std::function<std::int64_t()> steady_us;                  // for the duration shown to operators
};

// The work of the sync thread, without the thread. Sole writer of log/ and batches/ once the
// store is recovered.
class JournalWriter {
public:
    JournalWriter(store::Journal& log, store::Journal& batches, WriterNeighbours neighbours);

    // Writes and syncs the job's lines, then tells the commit thread, then sends the replies
    // (CommitCore, steps 4 to 6) unless these are the commit thread's. A full disk is an answer;
    // any other failure is fatal, because what a failed sync left is unknown.
    void carry_out(WriteJob job);

private:
    [[nodiscard]] Result<store::LinePosition> write(const WriteJob& job);

    store::Journal& log_;
    store::Journal& batches_;
    const WriterNeighbours neighbours_;
};

}  // namespace anchorlog::app
