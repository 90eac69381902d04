#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/verify/chain_view.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/anchor_step.h"
#include "verify/claim_book.h"
#include "verify/fault_list.h"
#include "verify/line_stream.h"
#include "verify/stamp_audit.h"

namespace anchorlog::verify {

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
    // A receipt that comes alone, as evidence brings it; a proof that does not hold is a fault.
    // Before ask_chain.
    void add_receipt(const wire::AnchorReceipt& receipt, const LinePlace& place,
                     const Hash& log_id);

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
    [[nodiscard]] std::vector<AnchorClaim> claims_over(std::uint64_t batch);
    [[nodiscard]] std::optional<std::uint64_t> newest_verified() const { return newest_; }
    [[nodiscard]] std::uint64_t entries_covered() const { return entries_covered_; }
    [[nodiscard]] std::uint64_t verified() const { return verified_; }
    // Reads lines again: one that is another now is undecided.
    [[nodiscard]] std::vector<AnchorSummary> summaries();
    // One for each target that has attempts or receipts, by name.
    [[nodiscard]] std::vector<TargetSummary> targets();

private:
    using Claim = ClaimBook::Claim;
    using Index = ClaimBook::Index;
    // A line of anchors/ as it is read.
    struct LineAt {
        LineSpot spot;
        std::uint64_t offset = 0;
    };
    // A receipt that no longer stands: one read before `spot`.
    struct Superseded {
        std::uint64_t batch = 0;
        std::uint64_t transaction = 0;  // ClaimBook::first_bytes of its hash
        std::string target;
        LineSpot spot;
    };

    void take_line(const RawLine& raw, const LineAt& at, const Hash& log_id, StampAudit& stamps);
    void take_ends(FileSystem& fs, const std::vector<Segment>& segments, const LineStream& stream);
    [[nodiscard]] bool is_crash_left(FileSystem& fs, const std::vector<Segment>& segments,
                                     std::size_t segment, std::uint64_t offset);
    void take(const wire::AnchorAttempt& attempt, const LineAt& at, const Hash& log_id);
    void take(const wire::AnchorReceipt& receipt, const LineAt& at, const Hash& log_id);
    void check_link(const Claim& attempt, const Claim& receipt);
    void link_rest();
    void supersede();
    [[nodiscard]] LinePlace place_of(LineSpot spot) const;
    [[nodiscard]] LinePlace place_of(const Claim& claim) const;
    void line_fault(const LinePlace& place, const std::string& phrase, std::string detail);
    [[nodiscard]] bool is_of(const Claim& claim, const TrustedAnchor& anchor) const;
    [[nodiscard]] bool is_trusted(const AnchorClaim& receipt) const;
    [[nodiscard]] std::optional<AnchorClaim> whole(const Claim& claim);
    void ask_contract(ChainView& chain, const TrustedAnchor& anchor, const Hash& log_id);
    void add_event(const eth::Log& log, const TrustedAnchor& anchor, const Hash& log_id);
    void compare_with_chain(Claim& claim);
    void contradict(const Claim& claim, AnchorClaim::From from, const eth::AnchorRecord& ours);
    void rolled_back(std::uint64_t batch, const LinePlace& place, std::uint64_t batches);
    void find_covers();
    void check_first_of(const TrustedAnchor& anchor, const Claim& first);

    const Trust& trust_;
    FaultList& faults_;
    std::vector<std::string>& notes_;
    std::vector<std::string>& undecided_;
    ClaimBook book_;
    std::map<Hash, Index> open_;   // attempts without a receipt yet, by transaction
    std::vector<Index> unlinked_;  // receipts of no attempt in open_
    std::vector<Superseded> gone_;
    std::string chain_name_;
    std::set<const TrustedAnchor*> asked_;  // contracts the chain answered for
    std::vector<Cover> covers_;
    std::optional<std::uint64_t> newest_;
    std::uint64_t entries_covered_ = 0;
    std::uint64_t verified_ = 0;
};

}  // namespace anchorlog::verify
