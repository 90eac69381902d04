#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anchor/backoff.h"
#include "anchor/profile.h"
#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/base/types.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::anchor {

// More fee bumps than this are pointless: 1.125^16 is above six.
inline constexpr std::size_t kAttemptsMax = 16;
// After a restart so many receipts are looked at anew before anything is sent.
inline constexpr std::size_t kRewatchedMax = 32;
// What a chain must say as often before we believe that something is gone: nodes behind one
// address lag each other, and receipts come later than nonces.
inline constexpr int kMissesMax = 2;

enum class Stage {
    idle,
    queued,
    prepared,
    sending,
    pooled,
    mined,
    confirmed,
    final,
    adopted,
    stalled,
    conflict,
    superseded,
};
[[nodiscard]] std::string_view to_string(Stage stage) noexcept;

// Where an event of ours stands in the chain.
struct Mined {
    Hash transaction;
    std::uint64_t block_number = 0;
    Hash block_hash;
};

// A receipt on record that was not superseded.
struct LiveReceipt {
    BatchId batch;
    BatchId from;
    Mined mined;
    // Its block was seen in the chain after the next newer receipt was on record. From then on the
    // newer one's block stands for both: a chain that holds it holds all its ancestors.
    bool is_settled = false;
};

// --- What can happen ---------------------------------------------------------------------

struct Ticked {  // time passed, or a batch was sealed
    std::optional<BatchId> newest;
};
struct GatesChecked {
    std::string refusal;           // empty: all gates are open
    std::uint64_t next_batch = 0;  // LogAnchor.head
    bool is_newest_ours = true;    // its newest record is the one we sealed (if we have it)
};
struct Prepared {  // signed, not on record yet; of the batch asked for or a newer one
    wire::AnchorAttempt attempt;
};
struct PrepareRefused {
    std::string reason;
};
struct AttemptRecorded {};
struct Sent {
    SendAnswer answer;
};
// What the chain says about the batch in flight, from every attempt's receipt and recordOf.
struct Looked {
    enum class Kind { nothing, mined, failed, ours_elsewhere, other } kind = Kind::nothing;
    Mined mined;                          // mined
    bool is_canonical = false;            // mined: its block is the chain's at that height
    std::uint64_t head = 0;               // mined
    std::optional<std::uint64_t> tagged;  // mined: the profile's tag
    std::string detail;                   // failed
    std::uint64_t nonce = 0;              // nothing: the account's next one
    std::uint64_t next_batch = 0;         // nothing
};
struct EventFound {
    std::optional<Mined> mined;
};
struct Harvested {
    wire::AnchorReceipt receipt;
};
struct ReceiptRecorded {};
struct SupersededRecorded {};
struct Watched {
    bool stands = false;
    std::optional<std::uint64_t> finalized;
};
struct Examined {
    bool is_proven = false;    // the event is under the receipts root of a block of this chain
    bool is_our_seal = false;  // and carries a valid seal of our own key
    std::string detail;
};
struct ForkRaised {};
struct Failed {  // the node did not answer, or not what was asked
    std::string reason;
};
using Event = std::variant<Ticked, GatesChecked, Prepared, PrepareRefused, AttemptRecorded, Sent,
                           Looked, EventFound, Harvested, ReceiptRecorded, SupersededRecorded,
                           Watched, Examined, ForkRaised, Failed>;

// --- What is to be done -------------------------------------------------------------------

struct Wait {
    SteadyTime until;
};
struct CheckGates {};
struct Replaced {  // the attempt whose nonce is kept
    std::uint64_t nonce = 0;
    std::uint64_t max_fee = 0;
    std::uint64_t priority_fee = 0;
};
struct Prepare {
    BatchId batch;  // of the attempt that is replaced, or the newest one known
    std::optional<Replaced> replaces;
};
struct RecordAttempt {
    wire::AnchorAttempt attempt;
};
struct Send {
    wire::AnchorAttempt attempt;
};
struct LookUp {
    BatchId batch;
    std::vector<Hash> transactions;  // newest first
    std::optional<Mined> adopted;
};
struct FindEvent {
    BatchId batch;
};
struct Harvest {
    BatchId batch;
    Mined mined;
};
struct RecordReceipt {
    wire::AnchorReceipt receipt;
};
struct RecordSuperseded {
    BatchId batch;
    Hash transaction;
    std::string reason;
};
struct Watch {
    Mined mined;
};
struct Examine {  // a record on the chain that is not ours, or above ours
    BatchId batch;
};
struct RaiseFork {
    std::string what;
};
using Action = std::variant<Wait, CheckGates, Prepare, RecordAttempt, Send, LookUp, FindEvent,
                            Harvest, RecordReceipt, RecordSuperseded, Watch, Examine, RaiseFork>;

// What the journal says at start.
struct Resume {
    std::vector<LiveReceipt> receipts;          // by batch
    std::vector<wire::AnchorAttempt> attempts;  // of the newest batch without a live receipt
    std::optional<WallTime> last_attempt_at;
};

// One target's anchoring as a pure state machine: step() takes what happened and gives the one
// thing to do next; whoever executes it reports the outcome as the next event. It holds no
// clock, no file, no socket. A crash between two steps loses nothing that the journal lacks:
//   before RecordAttempt  nothing left the process; the batch is queued again
//   before Send           the same bytes are sent after the restart
//   after Send            the receipt of every attempt on record is looked up first
//   before RecordReceipt  the receipt is found and harvested again
class AnchorFsm {
public:
    AnchorFsm(Profile profile, std::int64_t interval_ms, Resume resume, Now now,
              std::uint64_t seed);

    [[nodiscard]] Action step(const Event& event, SteadyTime now);

    [[nodiscard]] Stage stage() const;
    // Why it is held back or in conflict; empty otherwise.
    [[nodiscard]] const std::string& reason() const;
    [[nodiscard]] std::optional<BatchId> covered_to() const;
    [[nodiscard]] std::optional<BatchId> sent_batch() const { return sent_batch_; }
    [[nodiscard]] std::optional<Hash> sent_transaction() const { return sent_transaction_; }
    [[nodiscard]] const std::vector<LiveReceipt>& receipts() const { return receipts_; }
    // Batches for which the chain holds another record, and what was found for the last of them.
    [[nodiscard]] std::uint64_t conflicts() const { return conflicts_.size(); }
    [[nodiscard]] const std::string& conflict() const { return conflict_; }
    [[nodiscard]] std::uint64_t reorgs() const { return reorgs_; }
    [[nodiscard]] std::uint64_t errors() const { return errors_; }
    // Since it was made, the chain was heard or could not be: a fork it shows has been raised.
    [[nodiscard]] bool has_asked() const { return has_asked_; }
    // See AnchorStatus; as of the last look through the gates.
    [[nodiscard]] bool nothing_newer() const { return nothing_newer_; }

private:
    enum class Task { replace, record, send, look, find, harvest, keep, supersede };

    // The batch that is on its way. At most one; everything about it is told by the chain and
    // by its attempts.
    struct Flight {
        Flight();  // clang holds an optional of a nested aggregate with defaults impossible
        BatchId batch;
        std::vector<wire::AnchorAttempt> attempts;
        Task task = Task::look;
        SteadyTime look_at;
        std::optional<SteadyTime> first_sent;  // of the newest attempt, by this process
        SteadyTime last_sent;
        std::optional<SendAnswer> answer;  // to the newest send
        std::optional<Mined> mined;
        std::optional<Mined> adopted;
        std::optional<wire::AnchorReceipt> receipt;
        std::string refusal;      // why it could not be prepared
        std::string fee_refusal;  // why its fees cannot rise any more
        int misses = 0;
    };
    struct Suspect {
        BatchId batch;
        bool is_above = false;  // no batch of ours has this number
    };

    void on(const Ticked& event, SteadyTime now);
    void on(const GatesChecked& event, SteadyTime now);
    void on(const Prepared& event, SteadyTime now);
    void on(const PrepareRefused& event, SteadyTime now);
    void on(const AttemptRecorded& event, SteadyTime now);
    void on(const Sent& event, SteadyTime now);
    void on(const Looked& event, SteadyTime now);
    void on(const EventFound& event, SteadyTime now);
    void on(const Harvested& event, SteadyTime now);
    void on(const ReceiptRecorded& event, SteadyTime now);
    void on(const SupersededRecorded& event, SteadyTime now);
    void on(const Watched& event, SteadyTime now);
    void on(const Examined& event, SteadyTime now);
    void on(const ForkRaised& event, SteadyTime now);
    void on(const Failed& event, SteadyTime now);

    void on_mined(const Looked& event, SteadyTime now);
    void on_nothing(const Looked& event, SteadyTime now);
    void on_refused_send(SteadyTime now);
    void on_pooled(SteadyTime now);
    void missed_mined(SteadyTime now);
    void missed_nonce(SteadyTime now);

    [[nodiscard]] Action decide(SteadyTime now);
    [[nodiscard]] Action decide_flight(SteadyTime now);
    [[nodiscard]] Action decide_idle(SteadyTime now);
    [[nodiscard]] LiveReceipt& watched();
    [[nodiscard]] Action look_up() const;
    [[nodiscard]] bool is_confirmed(const Looked& look) const;
    [[nodiscard]] bool is_wanted(BatchId batch) const;
    [[nodiscard]] bool has_receipt(BatchId batch) const;
    [[nodiscard]] std::optional<BatchId> missing_receipt() const;
    [[nodiscard]] std::optional<BatchId> overlapped_receipt() const;
    void hold(std::string reason, SteadyTime now);
    void hold(std::string reason, SteadyTime now, std::int64_t rest_max_ms);
    void progress();

    const Profile profile_;
    const std::int64_t interval_ms_;
    std::uint64_t random_;

    Stage stage_ = Stage::idle;
    std::string hold_;
    std::string conflict_;
    bool gates_open_ = false;
    bool is_forked_ = false;
    bool has_asked_ = false;
    bool nothing_newer_ = false;
    unsigned failures_ = 0;  // in a row, for the back-off
    SteadyTime retry_at_;
    SteadyTime due_at_;
    SteadyTime watch_at_;
    int watch_misses_ = 0;

    std::optional<BatchId> newest_;
    std::uint64_t chain_next_ = 0;
    std::set<BatchId> conflicts_;  // the chain holds another record of these, proven
    std::optional<Suspect> suspect_;
    std::optional<std::string> fork_;  // to be raised
    std::optional<BatchId> finding_;   // an anchor of ours that has no receipt on record
    std::set<BatchId> unfindable_;     // looked for in vain since the last receipt or reorg
    std::optional<BatchId> preparing_;
    std::optional<BatchId> superseding_;  // a receipt that no longer stands
    std::optional<Flight> flight_;
    std::vector<LiveReceipt> receipts_;  // by batch

    std::optional<BatchId> sent_batch_;
    std::optional<Hash> sent_transaction_;
    std::uint64_t reorgs_ = 0;
    std::uint64_t errors_ = 0;
};

}  // namespace anchorlog::anchor
