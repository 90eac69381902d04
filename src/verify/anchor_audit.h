#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
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
// for, what a receipt proves, what the chain holds. All of them stay in memory, two for each anchor
// of a log of years, so that their texts are the audit's own, kept once; whoever makes a claim sees
// to it that they live as long.
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
    std::string_view target;
    std::string_view segment;  // of anchors/; empty for the chain's
    std::uint64_t line = 0;    // in it, from 1
    bool superseded = false;
    bool counts = false;   // trusted contract and trusted block
    bool matched = false;  // our batch is what it says
    std::string_view basis;
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
    [[nodiscard]] std::string_view keep(std::string_view text);
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

    const Trust& trust_;
    FaultList& faults_;
    std::vector<std::string>& notes_;
    std::vector<std::string>& undecided_;
    std::multimap<std::uint64_t, AnchorClaim> claims_;  // by batch
    std::map<Hash, const AnchorClaim*> attempted_;      // of claims_, by transaction
    std::set<std::string, std::less<>> texts_;          // what claims refer to
    std::set<const TrustedAnchor*> asked_;              // contracts the chain answered for
    std::vector<Cover> covers_;
    std::optional<std::uint64_t> newest_;
    std::uint64_t entries_covered_ = 0;
    std::uint64_t verified_ = 0;
};

}  // namespace anchorlog::verify
