#include <algorithm>
#include <map>

#include "verify/anchor_audit.h"

namespace anchorlog::verify {

std::vector<AnchorSummary> AnchorAudit::summaries() {
    std::vector<AnchorSummary> all;
    const auto order = book_.by_batch();
    for (auto at = order.rbegin(); at != order.rend(); ++at) {
        if (book_[*at].from == AnchorClaim::From::attempt) continue;
        const auto read = whole(book_[*at]);
        if (!read) continue;
        const AnchorClaim& claim = *read;
        const TrustedAnchor* anchor = trust_.anchor(claim.chain_id, claim.contract);
        const bool asked = anchor != nullptr && asked_.contains(anchor);
        if (asked && claim.from == AnchorClaim::From::receipt && !claim.superseded &&
            claim.counts) {
            continue;  // the chain's own event stands for it
        }
        AnchorSummary summary;
        summary.chain_id = claim.chain_id;
        summary.contract = eth::format_address(claim.contract);
        summary.from_batch = claim.from_batch.value;
        summary.batch = claim.record.batch_id.value;
        summary.block_number = claim.block_number;
        summary.block_hash = to_hex(claim.block_hash);
        summary.transaction = to_hex(claim.transaction);
        summary.is_public = anchor != nullptr && anchor->is_public;
        summary.basis = claim.basis;
        if (claim.superseded) {
            summary.state = "superseded";
        } else if (!claim.matched) {
            summary.state = "failed";
        } else if (claim.counts) {
            summary.state = "verified";
        } else {
            summary.state = anchor == nullptr ? "not_trusted" : "block_untrusted";
        }
        all.push_back(std::move(summary));
        if (all.size() == kAnchorsListedMax) break;
    }
    std::reverse(all.begin(), all.end());
    return all;
}

std::vector<TargetSummary> AnchorAudit::targets() {
    struct Count {
        std::uint64_t receipts = 0;
        std::uint64_t verified = 0;
        std::uint64_t failed = 0;
        bool is_public = false;
        std::optional<std::uint64_t> to;
    };
    std::map<std::string, Count> by_name;
    for (const Index index : book_.by_batch()) {
        const Claim& claim = book_[index];
        const ClaimBook::Route& route = book_.route(claim);
        if (claim.from == AnchorClaim::From::chain) continue;
        if (claim.superseded && !claim.has_attempt()) continue;
        Count& count = by_name[route.target];
        if (!claim.matched) ++count.failed;
        if (claim.from != AnchorClaim::From::receipt || claim.superseded) continue;
        ++count.receipts;
        if (!claim.counts || !claim.matched) continue;
        ++count.verified;
        count.to = claim.batch;
        const TrustedAnchor* anchor = trust_.anchor(route.chain_id, route.contract);
        count.is_public = anchor != nullptr && anchor->is_public;
    }
    std::vector<TargetSummary> out;
    for (const auto& [name, count] : by_name) {
        TargetSummary& one = out.emplace_back();
        one.target = name;
        one.type = "ethereum";
        one.lines = count.receipts;
        one.covered_to = count.to;
        one.state = count.failed > 0     ? "failed"
                    : count.verified > 0 ? "verified"
                    : count.receipts > 0 ? "untrusted"
                                         : "pending";
        one.detail = std::to_string(count.receipts) + " receipts, " +
                     std::to_string(count.verified) +
                     " under a contract and a block that are trusted";
        if (!count.to) continue;
        one.detail += ", to batch " + std::to_string(*count.to) +
                      (count.is_public ? " (public)" : " (private)");
    }
    return out;
}

}  // namespace anchorlog::verify
