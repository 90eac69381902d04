#include <algorithm>

#include "verify/evidence_check.h"
#include "verify/verdict.h"

namespace anchorlog::verify {
namespace {

std::string range_of(std::uint64_t from, std::uint64_t to) {
    return from == to ? "batch " + std::to_string(from)
                      : "batches " + std::to_string(from) + "-" + std::to_string(to);
}

std::string time_of(const AnchorClaim& claim) {
    if (claim.block_time_s == 0 || claim.block_time_s > kIntegerMax / 1000) return "";
    return ", which the chain dates " +
           format_server_time(WallTime{static_cast<std::int64_t>(claim.block_time_s) * 1000});
}

std::string place_of(const AnchorClaim& claim) {
    return range_of(claim.from_batch.value, claim.record.batch_id.value) + " in block " +
           std::to_string(claim.block_number) + time_of(claim) + ", contract " +
           eth::format_address(claim.contract) + " on chain " + std::to_string(claim.chain_id);
}

bool is_sealed_by(const eth::AnchorRecord& record, const std::vector<wire::VerifierKey>& keys) {
    if (record.sealed_at_ms > kIntegerMax) return false;
    const WallTime sealed_at{static_cast<std::int64_t>(record.sealed_at_ms)};
    const Bytes payload = wire::seal_payload(record.log_id, record.batch_id, record.merkle_root,
                                             record.history_root, sealed_at);
    Bytes seal;
    append(seal, record.sig_r.bytes);
    append(seal, record.sig_s.bytes);
    return std::any_of(keys.begin(), keys.end(), [&](const wire::VerifierKey& key) {
        return key.key == record.signer_key.bytes && crypto::verify(key.key, payload, seal);
    });
}

}  // namespace

EvidenceCheck::EvidenceCheck(const Trust& trust, ChainView* chain, EntryReport& report)
    : trust_(trust), chain_(chain), report_(report),
      anchors_(trust, faults_, report.notes, report.undecided) {}

void EvidenceCheck::take_anchors(const Hash& log_id,
                                 const std::vector<wire::AnchorReceipt>& receipts) {
    std::uint64_t number = 0;
    for (const wire::AnchorReceipt& receipt : receipts) {
        anchors_.add_receipt(receipt, {"anchors of the evidence", ++number}, log_id);
    }
    if (chain_ != nullptr) anchors_.ask_chain(*chain_, log_id);
}

// One record that claims the batch: its root must be the one this header's path leads to.
bool EvidenceCheck::check_claim(EvidenceWalk& walk, AnchorClaim& claim) {
    const TreeSize size(claim.record.batch_id.value + 1);
    const std::uint64_t batch = walk.evidence.batch_id.value;
    auto path = walk.paths(size);
    if (!path && path.error().code == Errc::corruption) {
        return walk.fail("anchor", "denied by its anchor", place_of(claim),
                         std::to_string(size.value) + " batches", path.error().message);
    }
    if (!path) {
        walk.undecided.push_back("the chain holds a record for " + place_of(claim) +
                                 ", and the evidence has no path to it: export it again");
        return true;
    }
    const auto root = merkle::inclusion_root(batch, size, walk.header_leaf, *path);
    eth::AnchorRecord ours = claim.record;
    if (batch == claim.record.batch_id.value) {
        ours = record_of_batch(claim.record.log_id, *walk.header, root.value_or(Hash{}),
                               walk.signer, walk.evidence.seal);
    }
    ours.history_root = root.value_or(Hash{});
    anchors_.batch(ours, 0);
    claim.matched = claim.record == ours;
    if (claim.matched && !is_sealed_by(claim.record, walk.keys.at(claim.record.batch_id))) {
        if (claim.record.batch_id.value >= walk.checkpoint->size.value) {
            walk.undecided.push_back("the anchored record of " + place_of(claim) +
                                     " is newer than the evidence's checkpoint and no key of "
                                     "then sealed it: export it again");
            return true;
        }
        return walk.fail("anchor", "under an anchored record that no trusted key sealed",
                         place_of(claim));
    }
    return true;
}

bool EvidenceCheck::check_anchors(EvidenceWalk& walk) {
    const std::uint64_t batch = walk.evidence.batch_id.value;
    for (const wire::EvidenceAnchor& anchor : walk.evidence.anchors) {
        const wire::AnchorReceipt& receipt = anchor.receipt;
        if (receipt.from_batch.value <= batch && batch <= receipt.batch_id.value) continue;
        return walk.fail("anchor", "not covered by the anchor beside it",
                         "what was anchored for other batches says nothing of this one",
                         "an anchor with fromBatch <= " + std::to_string(batch) + " <= batchId",
                         range_of(receipt.from_batch.value, receipt.batch_id.value));
    }
    std::vector<AnchorClaim> claims = anchors_.claims_over(batch);
    for (AnchorClaim& claim : claims) {
        if (!check_claim(walk, claim)) return false;
    }
    if (!faults_.empty()) anchor_faults_ = faults_.take();
    if (!anchor_faults_.empty()) {
        const Fault& first = anchor_faults_.front();
        return walk.fail("anchor", "denied by its anchor", describe(first));
    }
    return take_best(walk, claims);
}

bool EvidenceCheck::take_best(EvidenceWalk& walk, const std::vector<AnchorClaim>& claims) {
    const AnchorClaim* best = nullptr;
    bool best_is_public = false;
    for (const AnchorClaim& claim : claims) {
        const TrustedAnchor* anchor = trust_.anchor(claim.chain_id, claim.contract);
        if (anchor == nullptr) {
            walk.notes.push_back("not counted: " + place_of(claim) +
                                 ": the trust file does not name this contract");
        } else if (!claim.counts && claim.from == AnchorClaim::From::receipt) {
            walk.notes.push_back(
                "not counted: " + place_of(claim) + ": the trust file has no line `block " +
                std::to_string(claim.chain_id) + " " + std::to_string(claim.block_number) + " " +
                to_hex(claim.block_hash) +
                "`; write it only if somebody you trust tells you that hash");
        }
        if (!claim.counts || !claim.matched || anchor == nullptr) continue;
        if (best != nullptr && (best_is_public || !anchor->is_public)) continue;
        best = &claim;
        best_is_public = anchor->is_public;
    }
    if (best == nullptr) {
        return walk.skip("anchor", chain_ == nullptr
                                       ? "no receipt of its batch under a block of the trust file"
                                       : "the chain holds no record that covers its batch yet");
    }
    walk.level = Level::anchored;
    walk.label = best_is_public ? "public" : "private";
    const std::string said = place_of(*best) + " (" + walk.label + "); " + std::string(best->basis);
    walk.basis.push_back("anchored: " + said);
    if (!best_is_public) walk.basis.emplace_back(kPrivateChain);
    return walk.ok("anchor", said);
}

// A broken link breaks what hangs on it and nothing else.
std::string EvidenceCheck::still_holds(const EvidenceWalk& walk) {
    const std::string& kind = walk.broken->kind;
    const std::string batch = "batch " + std::to_string(walk.evidence.batch_id.value);
    if (kind == "parse" || kind == "canonical" || kind == "leaf" || kind == "batch_path") {
        EvidenceWalk outer(walk.evidence, walk.paths, walk.place);
        outer.index = walk.index;
        outer.header = walk.header;
        outer.header_leaf = walk.header_leaf;
        outer.note = walk.note;
        outer.checkpoint = walk.checkpoint;
        outer.keys = walk.keys;
        if (!outer.header || !outer_links(outer)) return "nothing of this evidence";
        return batch + " as a whole: its header with merkle_root " +
               to_hex(walk.header->merkle_root) + " is " + std::string(to_string(outer.level)) +
               "; only the entry shown is not the one sealed there";
    }
    if (kind == "header" || kind == "history_path" || kind == "keys" || kind == "checkpoint") {
        return "nothing: entry and header fit each other, which whoever wrote both can arrange";
    }
    if (kind == "batch" || kind == "store") return "nothing of this entry";
    if (kind == "timestamp") return "everything but the time: somebody altered what dates it";
    if (kind == "witnesses") return "the log's own signature under the checkpoint";
    if (kind == "seal") {
        return "the checkpoint: the trusted key signed a history that holds this header; that it "
               "sealed the batch is not shown";
    }
    return "the signatures: whoever holds the log key did seal this entry; that it was there "
           "when the batch was anchored is denied";
}

void EvidenceCheck::run(const wire::Evidence& evidence, const HistoryPaths& paths,
                        const EntryPlace& place, EntryHit& hit) {
    EvidenceWalk walk(evidence, paths, place);
    walk.index = place.index.value_or(0);
    if (auto header = wire::parse_header(evidence.header)) {
        if (header->v == wire::kHeaderVersion) walk.header = std::move(*header);
    }
    walk.header_leaf = merkle::hash_leaf(as_bytes(evidence.header));
    if (auto note = wire::parse_note(evidence.checkpoint)) {
        if (auto stated = wire::parse_checkpoint(note->text)) {
            walk.note = std::move(*note);
            walk.checkpoint = std::move(*stated);
            walk.keys = KeyChain(trust_.keys_of(walk.checkpoint->origin));
            report_.origin = walk.checkpoint->origin;
        }
    }
    if (inner_links(walk) && outer_links(walk) && walk.undecided.empty()) {
        hit.verdict = Verdict::pass;
        hit.level = walk.level;
        hit.label = walk.label;
    }
    report_walk(walk, hit);
}

void EvidenceCheck::report_walk(EvidenceWalk& walk, EntryHit& hit) {
    hit.index = walk.index;
    if (walk.header) hit.batch = walk.evidence.batch_id.value;
    hit.text = walk.evidence.entry;
    hit.steps.insert(hit.steps.end(), walk.steps.begin(), walk.steps.end());
    if (walk.broken) {
        hit.verdict = Verdict::fail;
        report_.still.push_back(still_holds(walk));
        report_.faults.push_back(std::move(*walk.broken));
    }
    const auto take = [](std::vector<std::string>& from, std::vector<std::string>& to) {
        for (std::string& text : from) {
            if (std::find(to.begin(), to.end(), text) == to.end()) to.push_back(std::move(text));
        }
    };
    take(walk.undecided, report_.undecided);
    take(walk.notes, report_.notes);
    if (hit.verdict == Verdict::pass) take(walk.basis, report_.basis);
}

void EvidenceCheck::run_line(const std::string& line, const EntryPlace& place, const Denial& why,
                             EntryHit& hit) {
    wire::Evidence evidence;
    evidence.entry = line;
    const HistoryPaths none;
    EvidenceWalk walk(evidence, none, place);
    walk.index = place.index.value_or(0);
    if (check_line(walk)) {
        if (why.is_fault) {
            static_cast<void>(walk.fail(why.step, why.phrase, why.detail));
        } else {
            walk.skip(why.step, why.phrase);
            walk.undecided.push_back("entry " + std::to_string(walk.index) + " is " + why.phrase +
                                     ": " + why.detail);
        }
    }
    report_walk(walk, hit);
}

void EvidenceCheck::deny(const EntryPlace& place, const Denial& why, EntryHit& hit) {
    const wire::Evidence evidence;
    const HistoryPaths none;
    EvidenceWalk walk(evidence, none, place);
    walk.index = hit.index;
    static_cast<void>(walk.fail(why.step, why.phrase, why.detail));
    hit.steps.push_back(walk.steps.back());
    hit.verdict = Verdict::fail;
    hit.level = Level::none;
    hit.label.clear();
    report_.faults.push_back(std::move(*walk.broken));
    report_.still.emplace_back("the entry under its own checkpoint, and nothing the store adds");
}

void EvidenceCheck::conclude() {
    bool failed = !report_.faults.empty();
    report_.level = report_.hits.empty() ? Level::none : Level::anchored;
    for (const EntryHit& hit : report_.hits) {
        failed = failed || hit.verdict == Verdict::fail;
        report_.level = std::min(report_.level, hit.level);
        if (hit.label == "private" || report_.label.empty()) report_.label = hit.label;
    }
    report_.verdict = failed                       ? Verdict::fail
                      : !report_.undecided.empty() ? Verdict::undecided
                                                   : Verdict::pass;
    if (report_.verdict != Verdict::pass) {
        report_.level = Level::none;
        report_.basis.clear();
    }
    if (report_.level < Level::timestamped) report_.label.clear();
    if (report_.level == Level::sealed) report_.basis.emplace_back(kSealedAlone);
    report_.anchors = anchors_.summaries();
    for (std::string& text : not_checked_of_entry(chain_ != nullptr)) {
        report_.not_checked.push_back(std::move(text));
    }
}

}  // namespace anchorlog::verify
