#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/ledger/recovery.h"
#include "anchorlog/net/ingest.h"
#include "app/hardware_thread.h"
#include "app/histogram.h"
#include "app/intake.h"
#include "app/journal_writer.h"

namespace anchorlog::app {

// What the commit thread knows of one sender since the daemon started.
struct SenderSeen {
    WallTime last_seen;
    std::uint64_t frames = 0;
    std::uint64_t gaps = 0;  // numbers that its devices left out
};
using SendersSeen = std::map<std::string, SenderSeen>;

// What is known of the hardware key since the daemon started.
struct HardwareSeen {
    std::optional<SteadyTime> waiting_since;  // a batch waits for its signature
    std::uint64_t made = 0;
    std::uint64_t failed = 0;
    std::string error;                             // of the last try; empty: it signed
    DurationHistogram made_us{kDurationBoundsUs};  // how long those it made took
};

// What the commit thread lets others see: a copy, replaced after every group and seal.
struct Published {
    std::uint64_t entries = 0;                      // durable
    std::uint64_t batches = 0;                      // sealed, genesis included
    std::shared_ptr<const std::string> checkpoint;  // of the newest sealed batch
    std::uint64_t open_entries = 0;
    std::optional<SteadyTime> open_oldest;
    std::optional<Gate> gate;  // set: not admitting, and why
    IntakeCounts counts;
    std::uint64_t devices = 0;
    std::uint64_t groups = 0;
    std::uint64_t group_bytes = 0;
    std::uint64_t sequence_gaps = 0;  // numbers that sealed batches miss, since the start
    DurationHistogram sync_us{kDurationBoundsUs};    // write and fdatasync of a group or seal
    DurationHistogram commit_us{kDurationBoundsUs};  // a group's first alert to its sync
    GroupHistogram group_entries{kGroupBounds};
    std::shared_ptr<const SendersSeen> senders;  // some seconds old at most; null: nobody yet
    std::optional<HardwareSeen> hardware;        // nothing: the log has no hardware key
};

struct CommitOptions {
    std::string store_dir;
    std::string origin;
    std::uint64_t reserve_bytes = 64u << 20;
    std::uint32_t delay_ms = 0;
    std::string start_data;  // canonical JSON for the `start` audit
    std::string hold;        // not empty: the store was put back from a backup; says so
    std::optional<wire::HardwareKey> hardware_key;  // signs each checkpoint too
};

// What the commit thread asks of its neighbours; each call but fatal() returns at once.
struct CommitNeighbours {
    std::function<void(WriteJob)> write;                      // to the sync thread
    std::function<void(std::string)> sign;                    // by the hardware key, on its thread
    std::function<void(std::vector<net::Outbound>)> deliver;  // to the I/O threads
    std::function<void(Question)> ask;                        // the read thread
    std::function<void(std::vector<Promises>)> promise;       // signed on the read thread
    std::function<void()> ingest_state;                       // on the read thread
    std::function<void(Published)> publish;
    std::function<void()> sealed;             // after publish: wakes the anchor threads
    std::function<bool()> chain_agrees;       // see AnchorSet; none: never
    std::function<void(const Error&)> fatal;  // a seal could not be signed: does not return
};

// What the commit thread is told, in the order it was told.
struct AuditInput {
    std::string event;
    std::string subject;
    std::string data;
    bool urgent = false;
};
struct ForkInput {
    std::string what;
};
// Nothing follows from sessions: work off what is there, seal what is open.
struct StopInput {};
using CommitInput =
    std::variant<net::Inbound, Answer, AuditInput, ForkInput, WriteDone, HardwareDone, StopInput>;

// All that the commit thread owns and decides: sequencer, windows and trees (design §3, §6). It
// knows no thread, lock or clock, so that a simulation can run it turn by turn.
//
// The commit order, and what a crash leaves:
//  1. Take in what sessions, read, sync and anchor threads sent. A crash leaves nothing of it.
//  2. Admit, number and format into the group being formed. A crash leaves nothing.
//  3. If no group is in the air, hand this one to the sync thread, and hash it meanwhile. What of
//     it is the sync thread's here, this thread does itself for a small group (see SyncThread).
//  4. (sync thread) Write. A crash leaves any part: recovery keeps whole lines; nobody was told.
//  5. (sync thread) fdatasync. A failure ends the process: what reached the disk is unknown, so
//     the next start writes the end of every journal again before it says anything.
//  6. (sync thread) Tell the commit thread, then ack. A crash before leaves entries stored whose
//     senders will send them again: they are compared, acked, and stored once.
//     A group that owes receipts is acked by the commit thread, which has them signed after that:
//     a crash before leaves entries whose senders lack a promise.
//  7. A synced group extends windows and the open batch, and is published.
//  8. If a batch is due, sign its header, checkpoint and seal and have its line written and
//     synced. A crash before leaves the entries to be sealed anew: nobody saw the signatures; a
//     crash after it leaves a line that is adopted. There are never two headers for a batch_id.
//     Where the log has a hardware key, the line waits for its signature, however long that takes,
//     and steps 1 to 7 go on.
//  9. Only then publish the checkpoint, index the batch, and wake the anchor threads. A crash
//     leaves the state behind the journals: it is fed from them at the next start.
class CommitCore {
public:
    CommitCore(FileSystem& fs, CommitOptions options, ledger::Recovered& store,
               CommitNeighbours neighbours);

    // Before the first turn.
    void start(Now now);
    // One turn: steps 1 to 3 and 7 to 9. Leaves `inputs` empty, with its capacity.
    void turn(std::vector<CommitInput>& inputs, Now now);
    // When the next turn is due if nothing arrives; not after `now`: at once.
    [[nodiscard]] SteadyTime next_turn(SteadyTime now) const;
    // After StopInput: everything queued is durable, sealed and answered.
    [[nodiscard]] bool stopped() const { return stopped_; }
    [[nodiscard]] Published published() const;

private:
    void take(CommitInput& input, Now now);
    void take_write(WriteDone& done, Now now);
    void take_group_done(WriteDone& done, Now now);
    void make_promises(const ledger::Group& group, std::vector<net::Outbound> acks);
    void take_seal_done(WriteDone& done, Now now);
    void take_hardware(HardwareDone& done, Now now);
    void take_fork(const std::string& what, Now now);
    void see_sender(const net::Inbound& inbound, Now now);
    void show_senders(Now now);
    void watch_clock(Now now);
    void watch_space(Now now);
    void watch_hold(Now now);
    [[nodiscard]] std::optional<Gate> gate() const;
    [[nodiscard]] bool may_seal() const { return fork_.empty() && hold_.empty() && !space_none_; }
    void update_gate();
    void form_group(Now now);
    void add_audits(Now now);
    void take_back_audits();
    void hand_over(Now now);
    void seal_if_due(Now now);
    void seal(ledger::SealReason reason, Now now);
    void watch_backlog();
    // May audits be written? Else they wait in memory.
    [[nodiscard]] bool takes_audits() const { return !space_none_ && !backlog_; }
    void sign_or_write(Now now);
    [[nodiscard]] bool finish(Now now);
    void tell_neighbours();

    FileSystem& fs_;
    const CommitOptions options_;
    ledger::Recovered& store_;
    const CommitNeighbours neighbours_;

    ledger::AuditFolder audits_;
    // Due and not durable: they go on record once there is room, however often a write is refused.
    std::deque<wire::Audit> audits_due_;
    std::vector<wire::Audit> audits_formed_;   // in the group being formed
    std::vector<wire::Audit> audits_written_;  // in the group in the air
    Intake intake_;
    ledger::LeafHints hints_;
    std::shared_ptr<const std::string> checkpoint_;
    std::optional<ledger::Group> in_flight_;
    std::vector<Promises> promises_;  // of the group in the air
    std::optional<ledger::SealedBatch> sealing_;
    std::optional<SteadyTime> sealing_oldest_;  // its oldest entry
    bool seal_written_ = false;                 // sealing_'s line is with the sync thread
    bool hardware_asked_ = false;               // sealing_'s checkpoint is with the hardware key
    bool hardware_signed_ = false;              // sealing_ has all its signatures
    bool backlog_ = false;  // the open batch is full, and the one before it is not sealed
    std::optional<SteadyTime> stop_since_;
    std::optional<SteadyTime> seal_retry_;
    std::optional<SteadyTime> group_since_;
    std::optional<std::int64_t> clock_offset_ms_;
    SteadyTime last_entry_{};
    SteadyTime space_checked_{INT64_MIN};
    bool space_low_ = false;
    bool space_none_ = false;  // below a quarter of the reserve: no seals either
    std::string fork_;
    std::string hold_;  // until the chain or the operator clears it
    SteadyTime hold_checked_{INT64_MIN};
    bool stopping_ = false;
    bool stop_audited_ = false;
    bool last_seal_tried_ = false;  // once more, while stopping
    bool stopped_ = false;
    bool changed_ = false;                       // something published is not any more what it was
    bool sealed_ = false;                        // in this turn
    std::optional<SteadyTime> in_flight_since_;  // its first alert was taken in
    Published shown_;                            // what is counted here, of what is shown
    SendersSeen senders_;
    std::optional<SteadyTime> senders_unshown_since_;
};

}  // namespace anchorlog::app
