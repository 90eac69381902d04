#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "anchorlog/anchor/anchor_worker.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/ledger/recovery.h"
#include "anchorlog/net/ingest.h"
#include "app/intake.h"
#include "app/journal_writer.h"

namespace anchorlog::app {

// What the commit thread lets others see: a copy, replaced after every group and seal.
struct Published {
    std::uint64_t entries = 0;  // durable
    std::uint64_t batches = 0;  // sealed, genesis included
    std::string checkpoint;     // of the newest sealed batch
    std::uint64_t open_entries = 0;
    std::optional<SteadyTime> open_oldest;
    std::optional<Gate> gate;  // set: not admitting, and why
    IntakeCounts counts;
    std::uint64_t groups = 0;
    std::uint64_t group_bytes = 0;
    std::uint64_t devices = 0;
    std::int64_t sync_us_last = 0;
};

struct CommitOptions {
    std::string store_dir;
    std::string origin;
    std::uint64_t reserve_bytes = 64u << 20;
    std::uint32_t delay_ms = 0;
    std::string start_data;  // canonical JSON for the `start` audit
};

// What the commit thread needs of its neighbours; each call returns at once.
struct CommitNeighbours {
    std::function<void(std::vector<net::Outbound>)> deliver;  // to the I/O threads
    std::function<void(Question)> ask;                        // the read thread
    std::function<void()> ingest_state;                       // on the read thread
    std::function<void()> sealed;                             // wakes the anchor threads
    std::function<void(const Error&)> fatal;                  // a sync failed: does not return
};

// The commit thread: sole owner of sequencer, windows and trees (design §3, §6). One turn is:
//  1. take in what sessions, read, sync and anchor threads sent
//  2. admit, number and format into the group being formed (a crash leaves nothing)
//  3. if no group is in the air, hand this one to the sync thread (a crash leaves any part of
//     it: recovery keeps whole lines, nobody was told) and hash it meanwhile
//  4. the sync thread acks after fdatasync (a crash leaves it stored once; a resend is acked)
//  5. a synced group extends windows and the open batch
//  6. if a batch is due: header, checkpoint and seal are signed and the line is synced (a crash
//     before leaves the entries to be sealed anew, after it the line is adopted), and only then
//     published, indexed and anchored
class CommitLoop final : public net::IngestSink {
public:
    CommitLoop(FileSystem& fs, const Clock& clock, CommitOptions options, ledger::Recovered& store,
               CommitNeighbours neighbours);
    ~CommitLoop() override;

    void start();
    // After the listener stopped reading: works off what is queued, seals what is open, joins.
    void stop();

    // Any thread.
    void submit(net::Inbound inbound) override;
    void connection_refused(const std::string& subject, const std::string& reason) override;
    void answer(Answer answer);
    void fork_found(const std::string& what);
    void note(std::string event, std::string subject, std::string data);  // an audit
    [[nodiscard]] std::shared_ptr<const Published> published() const;

private:
    struct AuditInput {
        std::string event;
        std::string subject;
        std::string data;
        bool urgent = false;
    };
    struct ForkInput {
        std::string what;
    };
    using Input = std::variant<net::Inbound, Answer, AuditInput, ForkInput, WriteDone>;

    void push(Input input);
    void run();
    void wait();
    [[nodiscard]] std::optional<SteadyTime> deadline() const;
    void take_inputs(Now now);
    void take_write(WriteDone& done, Now now);
    void take_group_done(WriteDone& done, Now now);
    void take_seal_done(WriteDone& done, Now now);
    void watch_clock(Now now);
    void watch_space(Now now);
    [[nodiscard]] std::optional<Gate> gate() const;
    [[nodiscard]] bool may_seal() const { return fork_.empty() && !space_none_; }
    void update_gate();
    void form_group(Now now);
    void hand_over(Now now);
    void seal_if_due(Now now);
    void seal(ledger::SealReason reason, Now now);
    // True when everything queued is durable, sealed and answered.
    [[nodiscard]] bool stopped(Now now);
    void publish();

    FileSystem& fs_;
    const Clock& clock_;
    const CommitOptions options_;
    ledger::Recovered& store_;
    const CommitNeighbours neighbours_;
    JournalWriter writer_;

    mutable std::mutex mutex_;  // guards the four below
    std::condition_variable work_;
    std::deque<Input> inputs_;
    bool stopping_ = false;
    std::shared_ptr<const Published> published_;

    // Owned by the commit thread.
    ledger::AuditFolder audits_;
    Intake intake_;
    ledger::LeafHints hints_;
    std::string checkpoint_;
    std::optional<ledger::Group> in_flight_;
    std::optional<ledger::SealedBatch> sealing_;
    bool seal_written_ = false;  // sealing_'s line is with the writer
    std::optional<SteadyTime> seal_retry_;
    std::optional<SteadyTime> group_since_;
    std::optional<std::int64_t> clock_offset_ms_;
    SteadyTime last_entry_{};
    SteadyTime space_checked_{INT64_MIN};
    bool space_low_ = false;
    bool space_none_ = false;  // below a quarter of the reserve: no seals either
    std::string fork_;
    bool stop_audited_ = false;
    std::uint64_t groups_ = 0;
    std::uint64_t group_bytes_ = 0;
    std::int64_t sync_us_last_ = 0;
    std::thread thread_;
};

}  // namespace anchorlog::app
