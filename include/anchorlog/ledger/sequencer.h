#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/provider_key.h"
#include "anchorlog/ledger/batch_policy.h"
#include "anchorlog/ledger/replay_window.h"
#include "anchorlog/merkle/tree.h"
#include "anchorlog/store/journal.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/frame.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/message.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::ledger {

// An alert that passed frame, JSON, schema, identity and signature.
struct AlertOffer {
    const wire::Alert& alert;
    std::string_view arena;
    std::string_view sender;
    const wire::CertFingerprint& cert;
};

struct Admission {
    enum class Kind {
        admitted,  // in the group being formed
        seen,      // the number was used: compare with what is stored, then ack or refuse
        refused,   // `code` and `detail` say why
    } kind = Kind::refused;
    wire::RejectCode code = wire::RejectCode::replay;
    std::string detail;
    EntryIndex index;                                   // of the admitted alert
    ReplayWindow::Slot device = ReplayWindow::kNoSlot;  // when admitted
    bool opened_epoch = false;                          // to be audited
    std::uint64_t gap = 0;                              // numbers that it left out
};

// One line of a group, as the state and resends need it later.
struct GroupEntry {
    std::uint64_t offset = 0;                         // of its line inside Group::lines
    ReplayWindow::Slot slot = ReplayWindow::kNoSlot;  // kNoSlot: an audit
    Epoch epoch;
    SeqNo seq_no;
    wire::EntryId entry_id{};
    bool is_erased = false;  // only while recovering: what it was is not known
};

// A commit group: entries that share one fsync.
struct Group {
    EntryIndex first;
    WallTime received_at;
    std::string lines;
    std::vector<GroupEntry> entries;
    std::vector<Hash> leaves;  // filled by hash_group
    store::LinePosition at;    // of its first line; filled by the writer
    [[nodiscard]] bool empty() const { return entries.empty(); }
    [[nodiscard]] std::uint64_t count() const { return entries.size(); }
};

// Leaf hashes of a group; pure, so that it can overlap the group's sync.
void hash_group(Group& group);

// Where a durable, not yet sealed alert stands.
struct StoredLine {
    EntryIndex index;
    store::LinePosition at;
};

// A batch, signed and ready to be written; nobody may see it before its line is synced.
struct SealedBatch {
    wire::Header header;
    std::string header_text;
    std::string checkpoint;
    crypto::Signature seal{};
    Hash history_root;
    std::string line;  // of batches/, LF included
    std::vector<std::pair<wire::EntryId, EntryIndex>> entry_ids;
    std::vector<wire::Source> sources;  // all of them, whatever the header lists
    std::vector<Hash> leaves;
    store::LinePosition log_at;                          // of the first entry
    std::vector<std::uint64_t> segments;                 // of log/ its entries are in, ascending
    std::vector<std::pair<merkle::NodeId, Hash>> nodes;  // history subtrees this completed
};

// What a line holds besides the canonical alert, LF included; more than any audit line.
inline constexpr std::size_t kLineEnvelopeMax = wire::kEntryLineSizeMax - wire::kFrameSizeMax;

struct SequencerOptions {
    std::string origin;
    std::int64_t window_ms = 30'000;
    std::uint64_t group_bytes_max = 4u << 20;  // at least one line of the largest size
    BatchPolicyOptions batch;
};

// The heart: numbers entries, forms commit groups and seals batches. Deterministic: state,
// input and `now` decide everything; it knows no thread, clock, file or socket. Owned by the
// commit thread. The order around it is design §3:
//   admit … → take_group → (write, sync) → committed → seal → (write, sync) → published
class Sequencer {
public:
    Sequencer(SequencerOptions options, std::shared_ptr<const crypto::Signer> signer);

    // Recovery feeds what the journals hold through these two; see recovery.h.
    void restore_sealed(BatchId next_batch, EntryIndex next_index, merkle::CompactRange history);
    void restore_device(std::string_view device_id, DeviceNumber number);

    // Forming a group. The first line of a group fixes its received_at. A group never passes
    // group_bytes_max, because recovery rewrites, and takes for torn, only so much: ask for room
    // before each line. `body_bytes` is the canonical alert's size, 0 for an audit.
    [[nodiscard]] bool has_room(std::size_t body_bytes) const {
        return group_.empty() ||
               group_.lines.size() + body_bytes + kLineEnvelopeMax <= options_.group_bytes_max;
    }
    [[nodiscard]] Admission admit(const AlertOffer& offer, Now now);
    void add_audit(const wire::Audit& audit, Now now);
    [[nodiscard]] bool group_empty() const { return group_.empty(); }
    [[nodiscard]] Group take_group();

    // The group is durable: windows and the open batch move on.
    void committed(const Group& group, SteadyTime now);
    // Takes a group nobody needs any more; its memory serves a later one, as long as groups stay
    // of that size.
    void reuse(Group&& group);
    // The groups taken and not committed could not be written: as if they had never been formed.
    void abandon();

    // `recovered` marks entries found at start, so that they are sealed first.
    void mark_recovered() { open_.facts.recovered = open_.facts.alerts + open_.facts.audits > 0; }
    [[nodiscard]] std::optional<SealReason> seal_due(SteadyTime now) const;
    [[nodiscard]] std::optional<SteadyTime> next_check() const;
    // Closes the open batch and opens the next. The caller writes and syncs `line` before it
    // seals again; if it crashes before, the same entries are sealed anew at the next start.
    [[nodiscard]] Result<SealedBatch> seal(SealReason reason, Now now);

    // Entries of the open batch whose lines are pruned. Then what the batch held of each device
    // is not known here: take_sources() says it, from the sealed header, before adopt().
    [[nodiscard]] std::uint64_t open_erased() const { return open_.erased; }
    // An error: a log may not know so many devices.
    [[nodiscard]] Result<void> take_sources(std::vector<wire::Source> sources);
    // Recovery's seal: closes the open batch under a line that is already in batches/, after
    // checking that it describes exactly these entries. Whether the seal is our signature over
    // it is the caller's to check.
    [[nodiscard]] Result<SealedBatch> adopt(const wire::BatchLine& line,
                                            const wire::Header& header);

    [[nodiscard]] ReplayWindow& window() { return window_; }
    [[nodiscard]] const ReplayWindow& window() const { return window_; }
    [[nodiscard]] EntryIndex durable_entries() const { return durable_next_; }
    [[nodiscard]] BatchId next_batch() const { return next_batch_; }
    [[nodiscard]] const OpenBatch& open_batch() const { return open_.facts; }
    [[nodiscard]] EntryIndex open_first_index() const { return open_.first_index; }
    [[nodiscard]] const merkle::CompactRange& history() const { return history_; }
    // The line of a durable alert that is in the open batch or in the one sealed last, which may
    // not be in the state yet; the others are.
    [[nodiscard]] std::optional<StoredLine> find_open(std::string_view device_id, Epoch epoch,
                                                      SeqNo seq_no) const;

private:
    struct SourceKey {
        ReplayWindow::Slot slot;
        std::uint64_t epoch;
        friend auto operator<=>(const SourceKey&, const SourceKey&) = default;
    };
    struct OpenSource {
        SeqNo before;  // highest of this (device, epoch) before the batch
        std::vector<std::pair<std::uint64_t, StoredLine>> lines;  // by ascending seq_no
    };
    struct Open {
        OpenBatch facts;
        EntryIndex first_index;
        store::LinePosition log_at;
        std::vector<std::uint64_t> segments;
        WallTime opened_at;
        std::vector<Hash> leaves;
        std::map<SourceKey, OpenSource> sources;
        std::uint64_t erased = 0;
        std::vector<wire::Source> taken_sources;  // where some are erased
        std::vector<std::pair<wire::EntryId, EntryIndex>> entry_ids;
    };

    void open_group(Now now);
    [[nodiscard]] std::optional<Admission> outside_window(const wire::Alert& alert,
                                                          WallTime now) const;
    void start_open_batch();
    [[nodiscard]] SealedBatch close_open_batch();
    [[nodiscard]] std::vector<wire::Source> sources() const;
    [[nodiscard]] wire::Header make_header(SealReason reason, Now now,
                                           const std::vector<wire::Source>& all) const;

    SequencerOptions options_;
    BatchPolicy policy_;
    std::shared_ptr<const crypto::Signer> signer_;
    wire::VerifierKey verifier_key_;
    ReplayWindow window_;

    Group group_;              // being formed
    Group spare_;              // empty, with the memory of an earlier one
    EntryIndex next_index_;    // admitted
    EntryIndex durable_next_;  // durable

    Open open_;
    std::map<SourceKey, OpenSource> sealed_last_;
    BatchId next_batch_;
    merkle::CompactRange history_;
    std::optional<SteadyTime> last_seal_;
};

}  // namespace anchorlog::ledger
