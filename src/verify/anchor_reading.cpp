#include <algorithm>

#include "verify/anchor_audit.h"
#include "verify/crash_tail.h"

namespace anchorlog::verify {

LinePlace AnchorAudit::place_of(LineSpot spot) const {
    return {book_.segment_name(spot), spot.line};
}

LinePlace AnchorAudit::place_of(const Claim& claim) const {
    return {book_.segment_of(claim), claim.spot.line};
}

void AnchorAudit::line_fault(const LinePlace& place, const std::string& phrase,
                             std::string detail) {
    Fault fault;
    fault.kind = "anchor_line";
    fault.phrase = phrase;
    fault.segment = place.segment;
    fault.line = place.line;
    fault.detail = std::move(detail);
    faults_.add(std::move(fault));
}

bool AnchorAudit::is_crash_left(FileSystem& fs, const std::vector<Segment>& segments,
                                std::size_t segment, std::uint64_t offset) {
    auto left = left_by_crash(fs, segments, segment, offset, 1);
    if (!left) undecided_.push_back(left.error().message);
    return left && *left;
}

void AnchorAudit::read_journal(FileSystem& fs, const std::string& dir, const Hash& log_id,
                               StampAudit& stamps) {
    auto list = list_segments(fs, dir, "anchors");
    if (!list) {
        if (list.error().code != Errc::not_found) undecided_.push_back(list.error().message);
        return;
    }
    book_.open(fs, list->segments, log_id);
    LineStream stream(fs, list->segments, kAnchorLineSizeMax);
    RawLine raw;
    std::uint64_t expected = list->segments.empty() ? 0 : list->segments.front().first_line;
    if (expected != 0) {
        line_fault({}, "anchors/ begins with line " + std::to_string(expected) + ", not 0", "");
    }
    while (true) {
        auto more = stream.next(raw);
        if (!more) {
            undecided_.push_back(more.error().message);
            break;
        }
        if (!*more) break;
        const Segment& segment = list->segments[raw.segment];
        const LineAt at{
            {static_cast<std::uint32_t>(raw.segment), static_cast<std::uint32_t>(raw.number + 1)},
            raw.offset};
        if (raw.number == 0 && segment.first_line != expected) {
            line_fault(place_of(at.spot), "a segment of anchors/ does not follow the one before it",
                       "expected its first line to be number " + std::to_string(expected));
        }
        expected = segment.first_line + raw.number + 1;
        const bool cut = raw.cut_short || raw.text.find('\0') != std::string_view::npos;
        if (cut && is_crash_left(fs, list->segments, raw.segment, raw.offset)) {
            undecided_.push_back(segment.name + " line " + std::to_string(at.spot.line) +
                                 " is incomplete: a crash cut a write short (the daemon's next "
                                 "start mends it), or somebody cut the file");
            continue;
        }
        take_line(raw, at, log_id, stamps);
    }
    link_rest();
    supersede();
    take_ends(fs, list->segments, stream);
}

void AnchorAudit::take_line(const RawLine& raw, const LineAt& at, const Hash& log_id,
                            StampAudit& stamps) {
    auto step = wire::parse_anchor_step(raw.text);
    if (!step || raw.cut_short || raw.too_long) {
        line_fault(place_of(at.spot), "an altered line in anchors/",
                   step ? "it is cut short" : step.error().message);
        return;
    }
    if (const auto* attempt = std::get_if<wire::AnchorAttempt>(&*step)) {
        take(*attempt, at, log_id);
    } else if (const auto* receipt = std::get_if<wire::AnchorReceipt>(&*step)) {
        take(*receipt, at, log_id);
    } else if (const auto* gone = std::get_if<wire::AnchorSuperseded>(&*step)) {
        gone_.push_back(
            {gone->batch_id.value, ClaimBook::first_bytes(gone->hash), gone->target, at.spot});
    } else {
        stamps.take(*step, place_of(at.spot));
    }
}

void AnchorAudit::take_ends(FileSystem& fs, const std::vector<Segment>& segments,
                            const LineStream& stream) {
    for (const std::size_t segment : stream.misnamed()) {
        faults_.add(misnamed_fault(segments[segment]));
    }
    for (const SegmentEnd& end : stream.ends()) {
        const std::string& name = segments[end.segment].name;
        if (!end.padding && is_crash_left(fs, segments, end.segment, end.offset)) {
            undecided_.push_back(name + " ends in what a crash may leave");
            continue;
        }
        line_fault({name, end.line + 1},
                   end.padding ? "zero bytes behind the last line of a closed segment"
                               : "bytes behind the zero padding",
                   "");
    }
}

void AnchorAudit::take(const wire::AnchorAttempt& attempt, const LineAt& at, const Hash& log_id) {
    auto claim = claim_of(attempt, log_id);
    if (!claim) {
        line_fault(place_of(at.spot), "an attempt in anchors/ contradicts itself",
                   claim.error().message);
        return;
    }
    open_[attempt.hash] = book_.add(*claim, at.spot, at.offset);
}

// A receipt that bears its attempt out stands for both: the attempt says nothing else.
void AnchorAudit::take(const wire::AnchorReceipt& receipt, const LineAt& at, const Hash& log_id) {
    auto claim = claim_of(receipt, log_id);
    if (!claim) {
        line_fault(place_of(at.spot), "a receipt in anchors/ proves nothing",
                   claim.error().message);
        return;
    }
    claim->counts = is_trusted(*claim);
    const auto found = open_.find(receipt.hash);
    if (found == open_.end()) {
        unlinked_.push_back(book_.add(*claim, at.spot, at.offset));
        return;
    }
    const Index attempt = found->second;
    if (book_.says_the_same(attempt, *claim)) {
        book_.confirm(attempt, *claim, at.spot, at.offset);
        open_.erase(found);
        return;
    }
    const Index added = book_.add(*claim, at.spot, at.offset);
    check_link(book_[attempt], book_[added]);
}

// A receipt whose transaction is ours must agree with it about where it went. Nothing proves a
// target's name, so it may be either line that was altered: both are named.
void AnchorAudit::check_link(const Claim& attempt, const Claim& receipt) {
    if (attempt.route == receipt.route && attempt.batch == receipt.batch) return;
    const char* what = "target, chain, contract or batch differ";
    line_fault(place_of(receipt), "a receipt in anchors/ contradicts the attempt it confirms",
               what);
    line_fault(attempt.attempt.line != 0 ? place_of(attempt.attempt) : place_of(attempt),
               "an attempt in anchors/ contradicts the receipt that confirms it", what);
}

// Receipts whose attempt has its receipt already, as after a reorganisation, and those of none.
void AnchorAudit::link_rest() {
    open_.clear();
    std::vector<std::optional<Index>> attempts(unlinked_.size());
    std::multimap<std::uint64_t, std::size_t> wanted;  // by transaction
    for (std::size_t i = 0; i < unlinked_.size(); ++i) {
        wanted.emplace(book_[unlinked_[i]].transaction, i);
    }
    for (Index index = 0; !wanted.empty() && index < book_.size(); ++index) {
        if (!book_[index].has_attempt()) continue;
        auto [at, end] = wanted.equal_range(book_[index].transaction);
        for (; at != end; ++at) {
            if (index < unlinked_[at->second]) attempts[at->second] = index;
        }
    }
    for (std::size_t i = 0; i < unlinked_.size(); ++i) {
        const Claim& receipt = book_[unlinked_[i]];
        if (attempts[i]) {
            check_link(book_[*attempts[i]], receipt);
        } else if (const auto claim = whole(receipt)) {
            notes_.push_back(claim->segment + " line " + std::to_string(claim->line) +
                             ": the receipt's transaction " + to_hex(claim->transaction) +
                             " is none of the attempts on record (an adopted anchor)");
        }
    }
    unlinked_.clear();
}

// Every line that takes receipts back, now that all are read.
void AnchorAudit::supersede() {
    for (const Superseded& gone : gone_) {
        for (const Index index : book_.of_batch(gone.batch)) {
            Claim& claim = book_[index];
            if (claim.from != AnchorClaim::From::receipt || !(claim.spot < gone.spot) ||
                claim.transaction != gone.transaction || book_.route(claim).target != gone.target) {
                continue;
            }
            claim.superseded = true;
            claim.counts = false;
        }
    }
    gone_.clear();
}

void AnchorAudit::add_receipt(const wire::AnchorReceipt& receipt, const LinePlace& place,
                              const Hash& log_id) {
    auto claim = claim_of(receipt, log_id);
    if (!claim) {
        line_fault(place, "a receipt in anchors/ proves nothing", claim.error().message);
        return;
    }
    claim->counts = is_trusted(*claim);
    claim->segment = place.segment;
    claim->line = place.line;
    book_.keep(std::move(*claim));
}

}  // namespace anchorlog::verify
