#include "verify/stamp_audit.h"

#include <algorithm>
#include <limits>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/crypto/timestamp.h"

namespace anchorlog::verify {

Result<TokenFinding> judge_token(const Bytes& token, const Hash& imprint, const Trust& trust) {
    TokenFinding out;
    for (const TrustedAuthority& authority : trust.authorities) {
        auto checked = crypto::verify_timestamp(token, imprint, {authority.certificate});
        if (checked) return TokenFinding{&authority, checked->at, checked->signer, ""};
        out.why = checked.error().message;
    }
    // Nobody vouches for it; that it is whole can be seen all the same.
    auto whole = crypto::read_timestamp(token, imprint);
    if (!whole) return std::move(whole).error();
    if (trust.authorities.empty()) out.why = "the trust file has no `tsa` line";
    out.at = whole->at;
    out.signer = whole->signer;
    return out;
}

std::string duration_text(std::int64_t ms) {
    constexpr std::int64_t kDayMs = 86'400'000;
    constexpr std::int64_t kHourMs = 3'600'000;
    if (ms >= 2 * kDayMs) return std::to_string(ms / kDayMs) + " d";
    if (ms >= 2 * kHourMs) return std::to_string(ms / kHourMs) + " h";
    return std::to_string(ms / 1'000) + " s";
}

void StampAudit::take(const wire::AnchorStep& step, LinePlace place) {
    if (const auto* token = std::get_if<wire::AnchorToken>(&step)) {
        take_line(*token, std::move(place));
    } else if (const auto* written = std::get_if<wire::AnchorWritten>(&step)) {
        take_line(*written, std::move(place));
    }
}

void StampAudit::take_line(const wire::AnchorWritten& line, LinePlace place) {
    claims_.emplace(line.batch_id.value,
                    Claim{line.target, line.hash, std::move(place), {}, false});
}

void StampAudit::take_line(const wire::AnchorToken& line, LinePlace place) {
    auto finding = judge_token(line.token, line.hash, trust_);
    if (!finding) {
        Fault fault;
        fault.kind = "anchor_line";
        fault.phrase = "a token in anchors/ proves nothing";
        fault.segment = place.segment;
        fault.line = place.line;
        fault.detail = finding.error().message;
        faults_.add(std::move(fault));
        finding = TokenFinding{nullptr, {}, "", "it proves nothing"};
    }
    claims_.emplace(line.batch_id.value,
                    Claim{line.target, line.hash, std::move(place), std::move(*finding), false});
}

void StampAudit::batch(BatchId batch, std::string_view checkpoint, WallTime sealed_at,
                       std::uint64_t entries_end) {
    if (claims_.empty()) return;
    sealed_at_[batch.value] = sealed_at;
    auto [at, end] = claims_.equal_range(batch.value);
    if (at == end) return;
    const Hash ours = crypto::sha256(as_bytes(checkpoint));
    for (; at != end; ++at) {
        Claim& claim = at->second;
        claim.matched = claim.hash == ours;
        if (claim.counts()) entries_covered_ = std::max(entries_covered_, entries_end);
        if (claim.matched) continue;
        Fault fault = batch_fault("anchor_conflict", batch.value, "not what was stamped");
        fault.segment = claim.place.segment;
        fault.line = claim.place.line;
        fault.detail = "target " + claim.target + " has another checkpoint of this batch";
        fault.expected = "SHA-256 " + to_hex(claim.hash);
        fault.found = to_hex(ours);
        faults_.add(std::move(fault));
    }
}

void StampAudit::finish(std::uint64_t batches) {
    for (auto at = claims_.lower_bound(batches); at != claims_.end(); ++at) {
        const Claim& claim = at->second;
        Fault fault = batch_fault("rolled_back", at->first, "stamped but not in batches/");
        fault.segment = claim.place.segment;
        fault.line = claim.place.line;
        fault.detail = "the log was rolled back or cut";
        fault.expected = std::to_string(at->first + 1) + " batches";
        fault.found = std::to_string(batches);
        faults_.add(std::move(fault));
    }
    for (const TrustedAuthority& authority : trust_.authorities) find_cover(authority);
}

void StampAudit::find_cover(const TrustedAuthority& authority) {
    Cover cover;
    cover.authority = &authority;
    // From the newest batch down: the earliest token over a batch is one of it or of a later one.
    auto claim = claims_.rbegin();
    std::optional<std::int64_t> earliest_ms;
    for (auto batch = sealed_at_.rbegin(); batch != sealed_at_.rend(); ++batch) {
        for (; claim != claims_.rend() && claim->first >= batch->first; ++claim) {
            const Claim& one = claim->second;
            if (!one.counts() || one.token->authority != &authority) continue;
            const WallTime at = *one.token->at;
            if (cover.tokens++ == 0) cover.to = claim->first;
            cover.newest =
                std::max(cover.newest, at, [](WallTime a, WallTime b) { return a.ms < b.ms; });
            earliest_ms = std::min(earliest_ms.value_or(at.ms), at.ms);
        }
        if (!earliest_ms) continue;
        const std::int64_t delay_ms = *earliest_ms - batch->second.ms;
        if (delay_ms < cover.delay_ms_max) continue;
        cover.delay_ms_max = delay_ms;
        cover.delayed_batch = batch->first;
    }
    if (cover.tokens > 0) covers_.push_back(cover);
}

std::vector<TargetSummary> StampAudit::summaries() const {
    struct Count {
        std::uint64_t lines = 0;
        std::uint64_t counted = 0;
        bool is_failed = false;
        bool is_file = false;
        std::uint64_t to = 0;
        std::optional<std::uint64_t> counted_to;
        std::string signer;
        std::string why;
    };
    std::map<std::string, Count> by_name;
    for (const auto& [batch, claim] : claims_) {
        Count& count = by_name[claim.target];
        ++count.lines;
        count.to = batch;
        count.is_file = !claim.token;
        count.is_failed = count.is_failed || !claim.matched || (claim.token && !claim.token->at);
        if (claim.token && !claim.token->authority) count.why = claim.token->why;
        if (!claim.counts()) continue;
        ++count.counted;
        count.counted_to = batch;
        count.signer = claim.token->signer + " (" +
                       (claim.token->authority->is_public ? "public" : "private") + ")";
    }
    std::vector<TargetSummary> out;
    for (const auto& [name, count] : by_name) {
        TargetSummary& one = out.emplace_back();
        one.target = name;
        one.type = count.is_file ? "file" : "rfc3161";
        one.lines = count.lines;
        one.state = count.is_failed     ? "failed"
                    : count.is_file     ? "self"
                    : count.counted > 0 ? "verified"
                                        : "untrusted";
        one.covered_to = count.is_file ? std::optional(count.to) : count.counted_to;
        one.detail = std::to_string(count.lines) + (count.is_file ? " checkpoints" : " tokens") +
                     ", batches 0-" + std::to_string(count.to);
        if (count.is_file) {
            one.detail +=
                "; whoever holds the log wrote the file too: compare it with batches/, "
                "and believe it as far as you believe where it was kept";
        } else if (count.counted > 0) {
            one.detail += "; " + std::to_string(count.counted) + " by " + count.signer;
        } else if (!count.why.empty()) {
            one.detail += "; " + count.why;
        }
    }
    return out;
}

}  // namespace anchorlog::verify
