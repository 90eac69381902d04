#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "anchorlog/ledger/audit_folder.h"
#include "anchorlog/ledger/sequencer.h"
#include "anchorlog/net/ingest.h"
#include "anchorlog/wire/receipt.h"

namespace anchorlog::app {

// What only files can tell; answered on the read thread while the session waits.
struct CompareQuestion {
    std::string device_id;
    Epoch epoch;
    SeqNo seq_no;
    std::string canonical;                   // what was sent now
    std::optional<ledger::StoredLine> open;  // where the stored one is, if not sealed yet
};
struct WelcomeQuestion {
    wire::Welcome welcome;  // all but the consistency path
    std::string seen;
};
struct Question {
    net::SessionId session;
    std::variant<CompareQuestion, WelcomeQuestion> content;
};

struct CompareAnswer {
    // unreadable: the store could not say; the sender keeps the alert and comes again.
    enum class Verdict { same, other, absent, unreadable } verdict = Verdict::unreadable;
    EntryIndex index;  // of the stored alert, when same; so are these
    Hash leaf{};
    WallTime received_at{};
};
struct WelcomeAnswer {
    std::string json;  // empty: the store could not be read, which nobody may take for a fork
    std::string fork;  // not empty: a peer showed a signature of ours over what we lack
};
struct Answer {
    net::SessionId session;
    std::variant<CompareAnswer, WelcomeAnswer> content;
};

// Receipts that a session is owed for alerts of one group, and what it is told behind them. They
// are signed when the group is durable; until then its bytes stay taken, so that whoever asks for
// more than can be signed is read more slowly.
struct Promises {
    struct Promise {
        wire::Receipt receipt;   // not signed
        bool is_stored = false;  // sent again: leaf and time are those of the stored line
    };
    std::vector<Promise> all;
    net::Outbound behind;
};

inline constexpr std::size_t kRejectCodes = 13;
struct IntakeCounts {
    std::uint64_t accepted = 0;
    std::uint64_t resent = 0;
    std::array<std::uint64_t, kRejectCodes> rejected{};  // by wire::RejectCode
};

// A reason to turn new alerts away for now.
struct Gate {
    wire::RejectCode code = wire::RejectCode::storage_full;
    std::string detail;
    std::string_view state = {};  // on the status page; empty: the code's name
};

// Takes what sessions brought, in each session's order and round-robin between sessions, through
// the sequencer, and forms what goes back. Deterministic; owned by the commit thread.
//
// Order inside the replies of one group and session: permanent rejects, acks, welcome, then a
// transient reject and the close: an ack speaks for everything before it.
class Intake {
public:
    Intake(ledger::Sequencer& sequencer, ledger::AuditFolder& audits, std::string origin)
        : sequencer_(sequencer), audits_(audits), origin_(std::move(origin)) {}

    void add(net::Inbound inbound);
    void set_gate(std::optional<Gate> gate) { gate_ = std::move(gate); }
    // Works until the group is full or nothing is left; questions go to take_questions().
    void run(Now now, const std::string& checkpoint);
    void answer(const Answer& answer, Now now);
    // A group or a seal became durable: sessions that waited for it go on.
    void settled();

    // Replies to what has been worked on since the last call.
    [[nodiscard]] bool has_replies() const { return !replies_.empty(); }
    [[nodiscard]] std::vector<net::Outbound> take_replies();
    // What the replies just taken leave to be said once their group is durable.
    [[nodiscard]] std::vector<Promises> take_promises();
    // The replies' group could not be written: everyone in it, and in the one being formed, is
    // told so and closed.
    [[nodiscard]] std::vector<net::Outbound> refuse_unwritten(
        const std::vector<net::Outbound>& unsent, const Gate& why, Now now);
    [[nodiscard]] std::vector<Question> take_questions();
    [[nodiscard]] bool idle() const { return ready_.empty(); }
    [[nodiscard]] const IntakeCounts& counts() const { return counts_; }
    // By sender: numbers that its devices left out. None for most.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& gaps() const { return gaps_; }

private:
    struct Session {
        std::deque<net::Inbound> pending;
        std::size_t next_frame = 0;  // in pending.front()
        bool queued = false;         // in ready_
        bool asked = false;          // a question is open
        bool waiting = false;        // for the next settled()
        bool ended = false;          // a transient reject was given: nothing more is admitted
        bool receipts = false;       // its last hello asked for them
    };
    struct Ack {
        ledger::ReplayWindow::Slot device;
        Epoch epoch;
        SeqNo seq_no;
        EntryIndex index;
    };
    struct Replies {
        std::string rejects;
        std::vector<Ack> acks;
        std::vector<Promises::Promise> promises;
        std::string welcome;
        std::string ending;
        std::uint64_t released_bytes = 0;
        bool close = false;
        std::uint64_t first_frame = 0;  // of the first alert acked here
    };
    enum class Step { next, hold };

    void queue(net::SessionId id, Session& session);
    // False when the next alert has no room in the group.
    bool work_on(net::SessionId id, Session& session, Now now, const std::string& checkpoint);
    Step take_alert(net::SessionId id, Session& session, const net::InboundFrame& frame,
                    const wire::Alert& alert, Now now);
    Step take_seen(net::SessionId id, Session& session, const wire::Alert& alert);
    void take_welcome(net::SessionId id, Session& session, const WelcomeAnswer& welcome, Now now);
    void take_compared(net::SessionId id, Session& session, const CompareAnswer& compared, Now now);
    void take_hello(net::SessionId id, Session& session, const wire::Hello& hello,
                    const std::string& checkpoint);
    void refuse(net::SessionId id, Session& session, std::uint64_t frame, wire::Refusal refusal,
                Now now);
    void ack(net::SessionId id, std::uint64_t frame, const wire::Alert& alert,
             ledger::ReplayWindow::Slot device, EntryIndex index);
    // `stored` is null for an alert of the group being formed.
    void promise(net::SessionId id, const Session& session, const wire::Alert& alert,
                 EntryIndex index, const CompareAnswer* stored);
    static void keep_highest(std::vector<Ack>& acks);
    [[nodiscard]] Replies& replies_to(net::SessionId id);
    void forget_replies();
    void finish_frame(net::SessionId id, Session& session);
    [[nodiscard]] static wire::Refusal refusal_of(wire::RejectCode code, std::string detail,
                                                  const wire::Alert& alert, std::string_view arena);

    ledger::Sequencer& sequencer_;
    ledger::AuditFolder& audits_;
    std::string origin_;
    std::optional<Gate> gate_;
    std::unordered_map<net::SessionId, Session> sessions_;
    std::deque<net::SessionId> ready_;
    std::map<net::SessionId, Replies> replies_;
    Replies* last_replies_ = nullptr;  // of last_session_: most alerts are acked where the last was
    net::SessionId last_session_;
    std::map<net::SessionId, std::uint64_t> taken_;  // first_frame of the replies in the air
    std::vector<Promises> promises_;                 // of the replies last taken
    std::vector<Question> questions_;
    IntakeCounts counts_;
    std::map<std::string, std::uint64_t> gaps_;
};

}  // namespace anchorlog::app
