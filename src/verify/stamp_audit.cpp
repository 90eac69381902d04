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

std::string_view StampAudit::keep(std::string_view text) {
    const auto found = texts_.find(text);
    return found != texts_.end() ? *found : *texts_.emplace(text).first;
}

void StampAudit::take(const wire::AnchorStep& step, const LinePlace& place) {
    if (const auto* token = std::get_if<wire::AnchorToken>(&step)) {
        take_line(*token, place);
    } else if (const auto* written = std::get_if<wire::AnchorWritten>(&step)) {
        take_line(*written, place);
    }
}

void StampAudit::take_line(const wire::AnchorWritten& line, const LinePlace& place) {
    Claim claim;
    claim.target = keep(line.target);
    claim.hash = line.hash;
    claim.segment = keep(place.segment);
    claim.line = place.line;
    claims_.emplace(line.batch_id.value, claim);
}

void StampAudit::take_line(const wire::AnchorToken& line, const LinePlace& place) {
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
    Claim claim;
    claim.target = keep(line.target);
    claim.hash = line.hash;
    claim.segment = keep(place.segment);
    claim.line = place.line;
    claim.authority = finding->authority;
    claim.at = finding->at;
    claim.signer = keep(finding->signer);
    claim.why = keep(finding->why);
    claim.is_token = true;
    claims_.emplace(line.batch_id.value, claim);
}

void StampAudit::batch(BatchId batch, std::string_view checkpoint, WallTime sealed_at,
                       std::uint64_t entries_end) {
    if (claims_.empty()) return;
    if (!open_span_ || sealed_at < open_span_->sealed_at) {
        open_span_ = Span{batch.value, batch.value, sealed_at};
    }
    auto [at, end] = claims_.equal_range(batch.value);
    if (at == end) return;
    open_span_->end = batch.value;
    spans_.push_back(*open_span_);
    open_span_.reset();
    const Hash ours = crypto::sha256(as_bytes(checkpoint));
    for (; at != end; ++at) {
        Claim& claim = at->second;
        claim.matched = claim.hash == ours;
        if (claim.counts()) entries_covered_ = std::max(entries_covered_, entries_end);
        if (claim.matched) continue;
        Fault fault = batch_fault("anchor_conflict", batch.value, "not what was stamped");
        fault.segment = claim.segment;
        fault.line = claim.line;
        fault.detail =
            "target " + std::string(claim.target) + " has another checkpoint of this batch";
        fault.expected = "SHA-256 " + to_hex(claim.hash);
        fault.found = to_hex(ours);
        faults_.add(std::move(fault));
    }
}

void StampAudit::finish(std::uint64_t batches) {
    for (auto at = claims_.lower_bound(batches); at != claims_.end(); ++at) {
        const Claim& claim = at->second;
        Fault fault = batch_fault("rolled_back", at->first, "stamped but not in batches/");
        fault.segment = claim.segment;
        fault.line = claim.line;
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
    for (auto span = spans_.rbegin(); span != spans_.rend(); ++span) {
        for (; claim != claims_.rend() && claim->first >= span->end; ++claim) {
            const Claim& one = claim->second;
            if (!one.counts() || one.authority != &authority) continue;
            const WallTime at = *one.at;
            if (cover.tokens++ == 0) cover.to = claim->first;
            cover.newest =
                std::max(cover.newest, at, [](WallTime a, WallTime b) { return a.ms < b.ms; });
            earliest_ms = std::min(earliest_ms.value_or(at.ms), at.ms);
        }
        if (!earliest_ms) continue;
        const std::int64_t delay_ms = *earliest_ms - span->sealed_at.ms;
        if (delay_ms < cover.delay_ms_max) continue;
        cover.delay_ms_max = delay_ms;
        cover.delayed_batch = span->batch;
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
        Count& count = by_name[std::string(claim.target)];
        ++count.lines;
        count.to = batch;
        count.is_file = !claim.is_token;
        count.is_failed = count.is_failed || !claim.matched || (claim.is_token && !claim.at);
        if (claim.is_token && claim.authority == nullptr) count.why = claim.why;
        if (!claim.counts()) continue;
        ++count.counted;
        count.counted_to = batch;
        count.signer = std::string(claim.signer) + " (" +
                       (claim.authority->is_public ? "public" : "private") + ")";
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
