#include "verify/anchor_audit.h"

#include <algorithm>

#include "verify/crash_tail.h"
#include "verify/receipt_proof.h"

namespace anchorlog::verify {
namespace {

Hash keccak_of_nothing() {
    static const Hash kHash =
        *hash_from_hex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    return kHash;
}

std::string range_of(const AnchorClaim& claim) {
    return claim.from_batch == claim.record.batch_id
               ? "batch " + std::to_string(claim.record.batch_id.value)
               : "batches " + std::to_string(claim.from_batch.value) + "-" +
                     std::to_string(claim.record.batch_id.value);
}

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

std::string source_of(const AnchorClaim& claim) {
    if (claim.from == AnchorClaim::From::attempt) {
        return "an anchoring transaction was prepared for another record of it";
    }
    return "block " + std::to_string(claim.block_number) + " of chain " +
           std::to_string(claim.chain_id) + " holds another record for " + range_of(claim);
}

}  // namespace

void AnchorAudit::line_fault(const AnchorClaim& claim, const std::string& phrase,
                             std::string detail) {
    Fault fault;
    fault.kind = "anchor_line";
    fault.phrase = phrase;
    fault.segment = claim.segment;
    fault.line = claim.line;
    fault.detail = std::move(detail);
    faults_.add(std::move(fault));
}

bool AnchorAudit::is_crash_left(FileSystem& fs, const std::vector<Segment>& segments,
                                std::size_t segment, std::uint64_t offset) {
    auto left = left_by_crash(fs, segments, segment, offset, 1);
    if (!left) undecided_.push_back(left.error().message);
    return left && *left;
}

std::string_view AnchorAudit::keep(std::string_view text) {
    const auto found = texts_.find(text);
    return found != texts_.end() ? *found : *texts_.emplace(text).first;
}

void AnchorAudit::read_journal(FileSystem& fs, const std::string& dir, const Hash& log_id,
                               StampAudit& stamps) {
    auto list = list_segments(fs, dir, "anchors");
    if (!list) {
        if (list.error().code != Errc::not_found) undecided_.push_back(list.error().message);
        return;
    }
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
            return;
        }
        if (!*more) break;
        const Segment& segment = list->segments[raw.segment];
        AnchorClaim claim;
        claim.segment = keep(segment.name);
        claim.line = raw.number + 1;
        if (raw.number == 0 && segment.first_line != expected) {
            line_fault(claim, "a segment of anchors/ does not follow the one before it",
                       "expected its first line to be number " + std::to_string(expected));
        }
        expected = segment.first_line + raw.number + 1;
        const bool cut = raw.cut_short || raw.text.find('\0') != std::string_view::npos;
        if (cut && is_crash_left(fs, list->segments, raw.segment, raw.offset)) {
            undecided_.push_back(segment.name + " line " + std::to_string(claim.line) +
                                 " is incomplete: a crash cut a write short (the daemon's next "
                                 "start mends it), or somebody cut the file");
            continue;
        }
        auto step = wire::parse_anchor_step(raw.text);
        if (!step || raw.cut_short || raw.too_long) {
            line_fault(claim, "an altered line in anchors/",
                       step ? "it is cut short" : step.error().message);
            continue;
        }
        if (const auto* attempt = std::get_if<wire::AnchorAttempt>(&*step)) {
            take(*attempt, std::move(claim), log_id);
        } else if (const auto* receipt = std::get_if<wire::AnchorReceipt>(&*step)) {
            take(*receipt, std::move(claim), log_id);
        } else if (const auto* superseded = std::get_if<wire::AnchorSuperseded>(&*step)) {
            take(*superseded);
        } else {
            stamps.take(*step, {segment.name, claim.line});
        }
    }
    for (const std::size_t segment : stream.misnamed()) {
        faults_.add(misnamed_fault(list->segments[segment]));
    }
    for (const SegmentEnd& end : stream.ends()) {
        AnchorClaim claim;
        claim.segment = list->segments[end.segment].name;
        claim.line = end.line + 1;
        if (!end.padding && is_crash_left(fs, list->segments, end.segment, end.offset)) {
            undecided_.push_back(list->segments[end.segment].name +
                                 " ends in what a crash may leave");
            continue;
        }
        line_fault(claim,
                   end.padding ? "zero bytes behind the last line of a closed segment"
                               : "bytes behind the zero padding",
                   "");
    }
}

void AnchorAudit::take(const wire::AnchorAttempt& attempt, AnchorClaim claim, const Hash& log_id) {
    auto facts = check_attempt(attempt, log_id);
    if (!facts) {
        line_fault(claim, "an attempt in anchors/ contradicts itself", facts.error().message);
        return;
    }
    claim.from = AnchorClaim::From::attempt;
    claim.record = facts->record;
    claim.from_batch = attempt.batch_id;
    claim.chain_id = facts->chain_id;
    claim.contract = facts->contract;
    claim.transaction = attempt.hash;
    claim.target = keep(attempt.target);
    attempted_[attempt.hash] = &claims_.emplace(attempt.batch_id.value, claim)->second;
}

// A receipt whose transaction is ours must agree with it about where it went. Nothing proves a
// target's name, so it may be either line that was altered: both are named.
void AnchorAudit::check_link(const wire::AnchorReceipt& receipt, const AnchorClaim& claim) {
    const auto found = attempted_.find(receipt.hash);
    if (found == attempted_.end()) {
        notes_.push_back(std::string(claim.segment) + " line " + std::to_string(claim.line) +
                         ": the receipt's transaction " + to_hex(receipt.hash) +
                         " is none of the attempts on record (an adopted anchor)");
        return;
    }
    const AnchorClaim& attempt = *found->second;
    if (attempt.target != receipt.target || attempt.chain_id != receipt.chain_id ||
        attempt.contract != receipt.contract || attempt.from_batch != receipt.batch_id) {
        const char* what = "target, chain, contract or batch differ";
        line_fault(claim, "a receipt in anchors/ contradicts the attempt it confirms", what);
        line_fault(attempt, "an attempt in anchors/ contradicts the receipt that confirms it",
                   what);
    }
}

void AnchorAudit::take(const wire::AnchorReceipt& receipt, AnchorClaim claim, const Hash& log_id) {
    if (add_receipt(receipt, claim, log_id)) check_link(receipt, claim);
}

bool AnchorAudit::add_receipt(const wire::AnchorReceipt& receipt, AnchorClaim claim,
                              const Hash& log_id) {
    auto proven = check_receipt_proof(receipt, log_id);
    if (!proven) {
        line_fault(claim, "a receipt in anchors/ proves nothing", proven.error().message);
        return false;
    }
    claim.from = AnchorClaim::From::receipt;
    claim.record = eth::record_of_event(proven->event);
    claim.from_batch = proven->event.from_batch;
    claim.chain_id = receipt.chain_id;
    claim.contract = receipt.contract;
    claim.block_number = receipt.block_number;
    claim.block_hash = receipt.block_hash;
    claim.block_time_s = proven->block_time_s;
    claim.transaction = receipt.hash;
    claim.target = keep(receipt.target);
    const TrustedAnchor* anchor = trust_.anchor(receipt.chain_id, receipt.contract);
    if (anchor != nullptr &&
        trust_.has_block(receipt.chain_id, receipt.block_number, receipt.block_hash)) {
        claim.counts = true;
        claim.basis = keep("receipt proof under the trust file's block " +
                           std::to_string(receipt.block_number));
    }
    claims_.emplace(receipt.batch_id.value, std::move(claim));
    return true;
}

void AnchorAudit::take(const wire::AnchorSuperseded& superseded) {
    auto [at, end] = claims_.equal_range(superseded.batch_id.value);
    for (; at != end; ++at) {
        AnchorClaim& claim = at->second;
        if (claim.from != AnchorClaim::From::receipt || claim.target != superseded.target ||
            claim.transaction != superseded.hash) {
            continue;
        }
        claim.superseded = true;
        claim.counts = false;
    }
}

void AnchorAudit::ask_chain(ChainView& chain, const Hash& log_id) {
    auto chain_id = chain.chain_id();
    if (!chain_id) {
        undecided_.push_back("the chain does not answer: " + chain_id.error().message);
        return;
    }
    for (const TrustedBlock& block : trust_.blocks) {
        if (block.chain_id != *chain_id) continue;
        auto hash = chain.block_hash(block.number);
        if (!hash) {
            undecided_.push_back("the chain does not answer: " + hash.error().message);
            return;
        }
        if (*hash == block.hash) continue;
        Fault fault;
        fault.kind = "chain";
        fault.phrase = "the node's block " + std::to_string(block.number) +
                       " is not the one the trust file names";
        fault.expected = to_hex(block.hash);
        fault.found = *hash ? to_hex(**hash) : "no such block";
        faults_.add(std::move(fault));
    }
    bool any = false;
    for (const TrustedAnchor& anchor : trust_.anchors) {
        if (anchor.chain_id != *chain_id) continue;
        any = true;
        ask_contract(chain, anchor, log_id);
    }
    if (!any) {
        undecided_.push_back("the node serves chain " + std::to_string(*chain_id) +
                             ", for which the trust file has no anchor line");
    }
}

void AnchorAudit::ask_contract(ChainView& chain, const TrustedAnchor& anchor, const Hash& log_id) {
    const std::string name = eth::format_address(anchor.contract);
    auto code = chain.code_hash(anchor.contract);
    if (!code) {
        undecided_.push_back("the chain does not answer: " + code.error().message);
        return;
    }
    if (*code == keccak_of_nothing() && *code != anchor.code_hash) {
        undecided_.push_back("there is no contract at " + name +
                             " on the node's chain: another chain, or one that was reset");
        return;
    }
    if (*code != anchor.code_hash) {
        Fault fault;
        fault.kind = "code_hash";
        fault.phrase = "the contract " + name + " is not the one the trust file trusts";
        fault.expected = "code hash " + to_hex(anchor.code_hash);
        fault.found = to_hex(*code);
        faults_.add(std::move(fault));
        return;
    }
    auto events = chain.anchored_events(anchor.contract, log_id);
    if (!events) {
        undecided_.push_back("the chain does not answer: " + events.error().message);
        return;
    }
    asked_.insert(&anchor);
    for (const eth::Log& log : *events) add_event(log, anchor, log_id, chain.name());
    for (auto& [batch, claim] : claims_) {
        if (claim.from == AnchorClaim::From::receipt && claim.chain_id == anchor.chain_id &&
            claim.contract == anchor.contract) {
            compare_with_chain(claim);
        }
    }
}

void AnchorAudit::add_event(const eth::Log& log, const TrustedAnchor& anchor, const Hash& log_id,
                            const std::string& basis) {
    auto event = eth::decode_anchored(log);
    if (!event || log.address != anchor.contract || event->log_id != log_id) {
        undecided_.push_back("the node answers with an event that is not of this log" +
                             (event ? std::string() : ": " + event.error().message));
        return;
    }
    AnchorClaim claim;
    claim.from = AnchorClaim::From::chain;
    claim.record = eth::record_of_event(*event);
    claim.from_batch = event->from_batch;
    claim.chain_id = anchor.chain_id;
    claim.contract = anchor.contract;
    claim.block_number = log.block_number;
    claim.block_hash = log.block_hash;
    claim.transaction = log.transaction_hash;
    claim.counts = true;
    claim.basis = keep("the chain's own event, as honest as " + basis);
    claims_.emplace(event->batch_id.value, std::move(claim));
}

// A receipt the log shows must be on the chain too, unless it was superseded.
void AnchorAudit::compare_with_chain(AnchorClaim& claim) {
    if (claim.superseded) return;
    const auto [begin, end] = claims_.equal_range(claim.record.batch_id.value);
    const auto same = std::find_if(begin, end, [&](const auto& pair) {
        const AnchorClaim& event = pair.second;
        return event.from == AnchorClaim::From::chain && event.chain_id == claim.chain_id &&
               event.contract == claim.contract && event.record == claim.record &&
               event.from_batch == claim.from_batch;
    });
    if (same == end) {
        line_fault(claim, "a receipt in anchors/ is not on the chain",
                   "the node has no such event for " + range_of(claim));
        claim.counts = false;
        return;
    }
    if (same->second.block_hash != claim.block_hash) {
        notes_.push_back(std::string(claim.segment) + " line " + std::to_string(claim.line) +
                         ": the event is now in another block (a reorganisation)");
        claim.counts = false;
        return;
    }
    if (!claim.counts) claim.counts = true;
    claim.basis = keep(std::string(same->second.basis) + ", with a receipt proof");
    same->second.basis = claim.basis;
}

void AnchorAudit::contradict(const AnchorClaim& claim, const eth::AnchorRecord& ours) {
    const Difference differs = difference(claim.record, ours);
    Fault fault = batch_fault("anchor_conflict", claim.from_batch.value, "not what was anchored");
    if (claim.from_batch != claim.record.batch_id) fault.batch_last = claim.record.batch_id.value;
    fault.segment = claim.segment;
    if (!claim.segment.empty()) fault.line = claim.line;
    fault.detail = source_of(claim);
    fault.expected = std::string(differs.member) + " " + differs.theirs;
    fault.found = differs.ours;
    faults_.add(std::move(fault));
}

void AnchorAudit::batch(const eth::AnchorRecord& ours, std::uint64_t entries_end) {
    auto [at, end] = claims_.equal_range(ours.batch_id.value);
    for (; at != end; ++at) {
        AnchorClaim& claim = at->second;
        if (claim.record == ours) {
            claim.matched = true;
            if (claim.counts) entries_covered_ = std::max(entries_covered_, entries_end);
        } else if (!claim.superseded) {
            contradict(claim, ours);
        }
    }
}

void AnchorAudit::finish(std::uint64_t batches) {
    for (auto at = claims_.lower_bound(batches); at != claims_.end(); ++at) {
        const AnchorClaim& claim = at->second;
        Fault fault = batch_fault("rolled_back", at->first, "anchored but not in batches/");
        fault.segment = claim.segment;
        if (!claim.segment.empty()) fault.line = claim.line;
        fault.detail = "the log was rolled back or cut";
        fault.expected = std::to_string(at->first + 1) + " batches";
        fault.found = std::to_string(batches);
        faults_.add(std::move(fault));
    }
    find_covers();
}

// A record that starts at batch f > 0 says the chain holds an earlier one that ends at f-1.
// Where the log shows none, its past was rewritten after it had been anchored, or cut out. What it
// shows need not count: after a reorganisation that record is in a block the reader does not know
// yet, and its receipt is superseded until the daemon has found it again. The level says the rest.
void AnchorAudit::check_first_of(const TrustedAnchor& anchor, const AnchorClaim& first) {
    if (first.from_batch.value == 0) return;
    const std::uint64_t before = first.from_batch.value - 1;
    const auto [begin, end] = claims_.equal_range(before);
    const bool shown = std::any_of(begin, end, [&](const auto& pair) {
        const AnchorClaim& claim = pair.second;
        return claim.from != AnchorClaim::From::attempt && (!claim.superseded || claim.matched) &&
               claim.chain_id == anchor.chain_id && claim.contract == anchor.contract;
    });
    if (shown) return;
    Fault fault = batch_fault("anchor_missing", before, "anchored before by a record not shown");
    fault.segment = first.segment;
    if (!first.segment.empty()) fault.line = first.line;
    fault.detail = "the record for " + range_of(first) + " in block " +
                   std::to_string(first.block_number) + " says that all batches below " +
                   std::to_string(first.from_batch.value) +
                   " had their anchor already: this past was rewritten after it was anchored, "
                   "or its receipts were removed";
    faults_.add(std::move(fault));
}

void AnchorAudit::find_covers() {
    for (const TrustedAnchor& anchor : trust_.anchors) {
        std::map<std::uint64_t, const AnchorClaim*> records;  // by last batch
        for (const auto& [batch, claim] : claims_) {
            if (!claim.counts || !claim.matched || claim.chain_id != anchor.chain_id ||
                claim.contract != anchor.contract) {
                continue;
            }
            records[batch] = &claim;
        }
        if (records.empty()) continue;
        Cover cover;
        cover.anchor = &anchor;
        cover.to = records.rbegin()->first;
        cover.from = records.rbegin()->second->from_batch.value;
        cover.basis = records.rbegin()->second->basis;
        for (const auto& [batch, claim] : records) check_first_of(anchor, *claim);
        for (auto at = records.rbegin(); at != records.rend(); ++at) {
            if (at->first + 1 < cover.from) break;
            cover.from = std::min(cover.from, at->second->from_batch.value);
            ++cover.records;
        }
        verified_ += records.size();
        newest_ = std::max(newest_.value_or(0), cover.to);
        covers_.push_back(std::move(cover));
    }
}

std::vector<const AnchorClaim*> AnchorAudit::claims_over(std::uint64_t batch) const {
    std::vector<const AnchorClaim*> all;
    for (auto at = claims_.lower_bound(batch); at != claims_.end(); ++at) {
        const AnchorClaim& claim = at->second;
        if (claim.from == AnchorClaim::From::attempt || claim.superseded) continue;
        if (claim.from_batch.value <= batch) all.push_back(&claim);
    }
    return all;
}

const AnchorClaim* AnchorAudit::covering(std::uint64_t batch) const {
    for (auto at = claims_.lower_bound(batch); at != claims_.end(); ++at) {
        const AnchorClaim& claim = at->second;
        if (claim.counts && claim.matched && claim.from_batch.value <= batch) return &claim;
    }
    return nullptr;
}

}  // namespace anchorlog::verify
