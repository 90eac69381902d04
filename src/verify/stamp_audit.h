#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/clock.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/anchor_step.h"
#include "verify/fault_list.h"

namespace anchorlog::verify {

// Where a line of anchors/ stands.
struct LinePlace {
    std::string segment;
    std::uint64_t line = 0;  // in it, from 1
};

// What a token is worth to who trusts these authorities.
struct TokenFinding {
    const TrustedAuthority* authority = nullptr;  // null: none of them signed it
    std::optional<WallTime> at;                   // the authority's own clock
    std::string signer;                           // subject of the signing certificate
    std::string why;                              // it does not count
};
// An error: the token contradicts itself or is over another imprint, whoever made it.
[[nodiscard]] Result<TokenFinding> judge_token(const Bytes& token, const Hash& imprint,
                                               const Trust& trust);

// Holds the stamps of anchors/ (docs/anchoring.md: what is final as soon as it is given) against
// the checkpoints of batches/. Lines are read first, batches are shown as they pass.
class StampAudit {
public:
    StampAudit(const Trust& trust, FaultList& faults) : trust_(trust), faults_(faults) {}

    // A line that is a stamp; others are passed over.
    void take(const wire::AnchorStep& step, const LinePlace& place);

    // A batch as the store has it: its signed checkpoint, when it was sealed, and the entries up
    // to its end.
    void batch(BatchId batch, std::string_view checkpoint, WallTime sealed_at,
               std::uint64_t entries_end);
    // After the last batch; `batches` is how many there are.
    void finish(std::uint64_t batches);

    // The best of what a trusted authority's newest tokens say; nothing when none counts.
    struct Cover {
        const TrustedAuthority* authority = nullptr;
        std::uint64_t to = 0;  // batches 0 to this one
        std::uint64_t tokens = 0;
        WallTime newest;
        // Of all batches, the longest time from its seal to the first token over it: a history
        // that was rewritten can only have tokens that are younger than the deed.
        std::int64_t delay_ms_max = 0;
        std::uint64_t delayed_batch = 0;
    };
    [[nodiscard]] const std::vector<Cover>& covers() const { return covers_; }
    [[nodiscard]] std::uint64_t entries_covered() const { return entries_covered_; }
    // One for each target, by name.
    [[nodiscard]] std::vector<TargetSummary> summaries() const;

private:
    // One stays in memory for every stamp of a log of years, so texts are kept once for all.
    struct Claim {
        std::string_view target;
        Hash hash;
        std::string_view segment;
        std::uint64_t line = 0;
        const TrustedAuthority* authority = nullptr;  // as in TokenFinding
        std::optional<WallTime> at;
        std::string_view signer;
        std::string_view why;
        bool is_token = false;  // else a line in a file
        bool matched = false;
        [[nodiscard]] bool counts() const { return matched && authority != nullptr; }
    };
    // Of the batches behind the stamped one before, up to the stamped one that ends it: the one
    // that was sealed first, which waited longest for any token over them all.
    struct Span {
        std::uint64_t end = 0;
        std::uint64_t batch = 0;
        WallTime sealed_at;
    };
    [[nodiscard]] std::string_view keep(std::string_view text);
    void take_line(const wire::AnchorWritten& line, const LinePlace& place);
    void take_line(const wire::AnchorToken& line, const LinePlace& place);
    void find_cover(const TrustedAuthority& authority);

    const Trust& trust_;
    FaultList& faults_;
    std::multimap<std::uint64_t, Claim> claims_;  // by batch
    std::set<std::string, std::less<>> texts_;    // what claims refer to
    std::vector<Span> spans_;
    std::optional<Span> open_span_;
    std::vector<Cover> covers_;
    std::uint64_t entries_covered_ = 0;
};

// "3.2 s", "41 d": for people.
[[nodiscard]] std::string duration_text(std::int64_t ms);

}  // namespace anchorlog::verify
