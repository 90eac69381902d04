#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/verify/chain_view.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/anchor_step.h"
#include "verify/fault_list.h"
#include "verify/line_stream.h"
#include "verify/stamp_audit.h"

namespace anchorlog::verify {

// The longest line of anchors/: a receipt with its block header and trie path.
inline constexpr std::size_t kAnchorLineSizeMax = 1u << 20;

// A statement about one of our batches that came from outside batches/: what an attempt was made
// for, what a receipt proves, what the chain holds.
struct AnchorClaim {
    enum class From { attempt, receipt, chain } from = From::attempt;
    eth::AnchorRecord record;
    BatchId from_batch;
    std::uint64_t chain_id = 0;
    eth::Address contract{};
    std::uint64_t block_number = 0;
    Hash block_hash;
    std::uint64_t block_time_s = 0;  // of a receipt's block: the chain's time
    Hash transaction;
    std::string target;
    std::string segment;     // of anchors/; empty for the chain's
    std::uint64_t line = 0;  // in it, from 1
    bool superseded = false;
    bool counts = false;   // trusted contract and trusted block
    bool matched = false;  // our batch is what it says
    std::string basis;
};

// Holds anchors/ and the chain's events against the batches. Claims are read first (so that a
// store copied while it runs is read in the right order), batches are shown as they pass.
class AnchorAudit {
public:
    AnchorAudit(const Trust& trust, FaultList& faults, std::vector<std::string>& notes,
                std::vector<std::string>& undecided)
        : trust_(trust), faults_(faults), notes_(notes), undecided_(undecided) {}

    // Needs the log's id, so the origin comes first. A missing anchors/ is no anchors.
    // Stamps go to `stamps`.
    void read_journal(FileSystem& fs, const std::string& dir, const Hash& log_id,
                      StampAudit& stamps);
    void ask_chain(ChainView& chain, const Hash& log_id);
    // A receipt that comes alone, as evidence brings it; `claim` says where it stands. False when
    // its proof does not hold, which is a fault. Before ask_chain.
    bool add_receipt(const wire::AnchorReceipt& receipt, AnchorClaim claim, const Hash& log_id);

    // Batch `ours.batch_id` as the store has it, and the entries up to its end.
    void batch(const eth::AnchorRecord& ours, std::uint64_t entries_end);
    // After the last batch; `batches` is how many there are.
    void finish(std::uint64_t batches);

    // Of one contract's verified records: batches [from, to] without a gap, up to the newest.
    struct Cover {
        const TrustedAnchor* anchor = nullptr;
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        std::size_t records = 0;
        std::string basis;
    };
    [[nodiscard]] const std::vector<Cover>& covers() const { return covers_; }
    // What receipts and the chain say of a batch: the claims whose range holds it.
    [[nodiscard]] std::vector<const AnchorClaim*> claims_over(std::uint64_t batch) const;
    // The verified record whose range holds the batch.
    [[nodiscard]] const AnchorClaim* covering(std::uint64_t batch) const;
    [[nodiscard]] std::optional<std::uint64_t> newest_verified() const { return newest_; }
    [[nodiscard]] std::uint64_t entries_covered() const { return entries_covered_; }
    [[nodiscard]] std::uint64_t verified() const { return verified_; }
    [[nodiscard]] std::vector<AnchorSummary> summaries() const;
    // One for each target that has attempts or receipts, by name.
    [[nodiscard]] std::vector<TargetSummary> targets() const;

private:
    [[nodiscard]] bool is_crash_left(FileSystem& fs, const std::vector<Segment>& segments,
                                     std::size_t segment, std::uint64_t offset);
    void take(const wire::AnchorAttempt& attempt, AnchorClaim claim, const Hash& log_id);
    void take(const wire::AnchorReceipt& receipt, AnchorClaim claim, const Hash& log_id);
    void take(const wire::AnchorSuperseded& superseded);
    void check_link(const wire::AnchorReceipt& receipt, const AnchorClaim& claim);
    void line_fault(const AnchorClaim& claim, const std::string& phrase, std::string detail);
    void ask_contract(ChainView& chain, const TrustedAnchor& anchor, const Hash& log_id);
    void add_event(const eth::Log& log, const TrustedAnchor& anchor, const Hash& log_id,
                   const std::string& basis);
    void compare_with_chain(AnchorClaim& claim);
    void contradict(const AnchorClaim& claim, const eth::AnchorRecord& ours);
    void find_covers();
    void check_first_of(const TrustedAnchor& anchor, const AnchorClaim& first);

    // What an attempt said, kept while its receipt may still come.
    struct Attempted {
        std::string target;
        std::uint64_t chain_id = 0;
        eth::Address contract{};
        BatchId batch_id;
        LinePlace place;
    };

    const Trust& trust_;
    FaultList& faults_;
    std::vector<std::string>& notes_;
    std::vector<std::string>& undecided_;
    std::multimap<std::uint64_t, AnchorClaim> claims_;  // by batch
    std::map<Hash, Attempted> attempted_;               // by transaction
    std::set<const TrustedAnchor*> asked_;              // contracts the chain answered for
    std::vector<Cover> covers_;
    std::optional<std::uint64_t> newest_;
    std::uint64_t entries_covered_ = 0;
    std::uint64_t verified_ = 0;
};

}  // namespace anchorlog::verify
