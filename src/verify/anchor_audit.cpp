#include "verify/anchor_audit.h"

#include <algorithm>

namespace anchorlog::verify {
namespace {

// The first member in which two records differ, as expected and found.
struct Difference {
    const char* member;
    std::string theirs;
    std::string ours;
};
Difference difference(const eth::AnchorRecord& theirs, const eth::AnchorRecord& ours) {
    if (theirs.merkle_root != ours.merkle_root) {
        return {"merkle_root", to_hex(theirs.merkle_root), to_hex(ours.merkle_root)};
    }
    if (theirs.history_root != ours.history_root) {
        return {"history_root", to_hex(theirs.history_root), to_hex(ours.history_root)};
    }
    if (theirs.sealed_at_ms != ours.sealed_at_ms) {
        return {"sealed_at", std::to_string(theirs.sealed_at_ms),
                std::to_string(ours.sealed_at_ms)};
    }
    if (theirs.signer_key != ours.signer_key) {
        return {"signer key", to_hex(theirs.signer_key), to_hex(ours.signer_key)};
    }
    return {"seal", to_hex(theirs.sig_r) + to_hex(theirs.sig_s),
            to_hex(ours.sig_r) + to_hex(ours.sig_s)};
}

std::string source_of(const AnchorClaim& claim, AnchorClaim::From from) {
    if (from == AnchorClaim::From::attempt) {
        return "an anchoring transaction was prepared for another record of it";
    }
    return "block " + std::to_string(claim.block_number) + " of chain " +
           std::to_string(claim.chain_id) + " holds another record for " + range_of(claim);
}

}  // namespace

bool AnchorAudit::is_of(const Claim& claim, const TrustedAnchor& anchor) const {
    const ClaimBook::Route& route = book_.route(claim);
    return route.chain_id == anchor.chain_id && route.contract == anchor.contract;
}

bool AnchorAudit::is_trusted(const AnchorClaim& receipt) const {
    return trust_.anchor(receipt.chain_id, receipt.contract) != nullptr &&
           trust_.has_block(receipt.chain_id, receipt.block_number, receipt.block_hash);
}

// Nothing where the line is another now, which the report says then.
std::optional<AnchorClaim> AnchorAudit::whole(const Claim& claim) {
    auto read = book_.whole(claim);
    if (!read) {
        undecided_.push_back(read.error().message);
        return std::nullopt;
    }
    if (claim.from == AnchorClaim::From::chain || claim.on_chain) {
        read->basis = "the chain's own event, as honest as " + chain_name_ +
                      (claim.on_chain ? ", with a receipt proof" : "");
    } else if (claim.from == AnchorClaim::From::receipt && is_trusted(*read)) {
        read->basis =
            "receipt proof under the trust file's block " + std::to_string(read->block_number);
    }
    return std::move(*read);
}

// `from`: as which of the two a receipt is that stands for its attempt as well.
void AnchorAudit::contradict(const Claim& claim, AnchorClaim::From from,
                             const eth::AnchorRecord& ours) {
    const bool is_attempt = from == AnchorClaim::From::attempt;
    const std::uint64_t first = is_attempt ? claim.batch : claim.from_batch;
    const LinePlace place = from == claim.from ? place_of(claim) : place_of(claim.attempt);
    Fault fault = batch_fault("anchor_conflict", first, "not what was anchored");
    if (first != claim.batch) fault.batch_last = claim.batch;
    fault.segment = place.segment;
    if (!place.segment.empty()) fault.line = place.line;
    if (const auto theirs = whole(claim)) {
        const Difference differs = difference(theirs->record, ours);
        fault.detail = source_of(*theirs, from);
        fault.expected = std::string(differs.member) + " " + differs.theirs;
        fault.found = differs.ours;
    }
    faults_.add(std::move(fault));
}

void AnchorAudit::batch(const eth::AnchorRecord& ours, std::uint64_t entries_end) {
    const auto claims = book_.of_batch(ours.batch_id.value);
    if (claims.empty()) return;
    const Hash record = eth::record_hash(ours);
    for (const Index index : claims) {
        Claim& claim = book_[index];
        if (claim.record == record) {
            claim.matched = true;
            if (claim.counts) entries_covered_ = std::max(entries_covered_, entries_end);
            continue;
        }
        if (claim.attempt.line != 0) contradict(claim, AnchorClaim::From::attempt, ours);
        if (!claim.superseded) contradict(claim, claim.from, ours);
    }
}

void AnchorAudit::rolled_back(std::uint64_t batch, const LinePlace& place, std::uint64_t batches) {
    Fault fault = batch_fault("rolled_back", batch, "anchored but not in batches/");
    fault.segment = place.segment;
    if (!place.segment.empty()) fault.line = place.line;
    fault.detail = "the log was rolled back or cut";
    fault.expected = std::to_string(batch + 1) + " batches";
    fault.found = std::to_string(batches);
    faults_.add(std::move(fault));
}

void AnchorAudit::finish(std::uint64_t batches) {
    for (const Index index : book_.from_batch_on(batches)) {
        const Claim& claim = book_[index];
        if (claim.attempt.line != 0) rolled_back(claim.batch, place_of(claim.attempt), batches);
        rolled_back(claim.batch, place_of(claim), batches);
    }
    find_covers();
}

// A record that starts at batch f > 0 says the chain holds an earlier one that ends at f-1.
// Where the log shows none, its past was rewritten after it had been anchored, or cut out. What it
// shows need not count: after a reorganisation that record is in a block the reader does not know
// yet, and its receipt is superseded until the daemon has found it again. The level says the rest.
void AnchorAudit::check_first_of(const TrustedAnchor& anchor, const Claim& first) {
    if (first.from_batch == 0) return;
    const std::uint64_t before = first.from_batch - 1;
    const auto claims = book_.of_batch(before);
    const bool shown = std::any_of(claims.begin(), claims.end(), [&](Index index) {
        const Claim& claim = book_[index];
        return claim.from != AnchorClaim::From::attempt && (!claim.superseded || claim.matched) &&
               is_of(claim, anchor);
    });
    if (shown) return;
    const LinePlace place = place_of(first);
    Fault fault = batch_fault("anchor_missing", before, "anchored before by a record not shown");
    fault.segment = place.segment;
    if (!place.segment.empty()) fault.line = place.line;
    if (const auto record = whole(first)) {
        fault.detail = "the record for " + range_of(*record) + " in block " +
                       std::to_string(record->block_number) + " says that all batches below " +
                       std::to_string(first.from_batch) +
                       " had their anchor already: this past was rewritten after it was "
                       "anchored, or its receipts were removed";
    }
    faults_.add(std::move(fault));
}

void AnchorAudit::find_covers() {
    for (const TrustedAnchor& anchor : trust_.anchors) {
        std::vector<Index> records;  // by last batch, of several the last
        for (const Index index : book_.by_batch()) {
            const Claim& claim = book_[index];
            if (!claim.counts || !claim.matched || !is_of(claim, anchor)) continue;
            if (!records.empty() && book_[records.back()].batch == claim.batch) records.pop_back();
            records.push_back(index);
        }
        if (records.empty()) continue;
        const Claim& newest = book_[records.back()];
        Cover cover;
        cover.anchor = &anchor;
        cover.to = newest.batch;
        cover.from = newest.from_batch;
        if (const auto claim = whole(newest)) cover.basis = claim->basis;
        for (const Index index : records) check_first_of(anchor, book_[index]);
        for (auto at = records.rbegin(); at != records.rend(); ++at) {
            const Claim& claim = book_[*at];
            if (claim.batch + 1 < cover.from) break;
            cover.from = std::min(cover.from, claim.from_batch);
            ++cover.records;
        }
        verified_ += records.size();
        newest_ = std::max(newest_.value_or(0), cover.to);
        covers_.push_back(std::move(cover));
    }
}

std::vector<AnchorClaim> AnchorAudit::claims_over(std::uint64_t batch) {
    std::vector<AnchorClaim> all;
    for (const Index index : book_.from_batch_on(batch)) {
        const Claim& claim = book_[index];
        if (claim.from == AnchorClaim::From::attempt || claim.superseded) continue;
        if (claim.from_batch > batch) continue;
        if (auto one = whole(claim)) all.push_back(std::move(*one));
    }
    return all;
}

}  // namespace anchorlog::verify
