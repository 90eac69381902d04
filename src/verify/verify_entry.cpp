#include <algorithm>
#include <map>

#include "anchorlog/verify/verify.h"
#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/entry.h"
#include "verify/anchor_audit.h"
#include "verify/batch_reader.h"
#include "verify/entry_reader.h"
#include "verify/fault_list.h"
#include "verify/history_audit.h"
#include "verify/leaf_hints.h"
#include "verify/verdict.h"

namespace anchorlog::verify {
namespace {

// An entry on its way: its line, and the batch once its header is found.
struct Found {
    EntryHit hit;
    EntryFact fact;
    bool in_place = true;  // its line number is its index
    std::optional<BatchFact> batch;
    SealedFacts sealed;
    Hash merkle_root;
};

class EntryCheck {
public:
    EntryCheck(FileSystem& fs, const std::string& dir, const Trust& trust, ChainView* chain)
        : fs_(fs), dir_(dir), trust_(trust), chain_(chain),
          anchors_(trust, faults_, report_.notes, report_.undecided) {}

    EntryReport run(const WhichEntry& which) {
        if (open()) {
            auto done = find(which);
            if (done) done = read_batches();
            if (!done) {
                report_.undecided.push_back(done.error().message);
            } else {
                for (Found& found : found_) follow(found);
            }
        }
        conclude_all();
        return std::move(report_);
    }

private:
    bool open() {
        auto batches = list_segments(fs_, dir_, "batches");
        auto log = list_segments(fs_, dir_, "log");
        for (const auto* list : {&batches, &log}) {
            if (!*list) report_.undecided.push_back("no log to verify: " + list->error().message);
        }
        if (!batches || !log) return false;
        batches_ = std::move(*batches);
        log_ = std::move(*log);
        if (batches_.segments.empty()) report_.undecided.emplace_back("batches/ is empty");
        return !batches_.segments.empty();
    }

    // Step 1: the line.
    Result<void> find(const WhichEntry& which) {
        if (const auto* index = std::get_if<EntryIndex>(&which)) {
            report_.asked = "index " + std::to_string(index->value);
            return find_index(index->value);
        }
        const wire::EntryId& id = std::get<wire::EntryId>(which);
        report_.asked = "entry_id " + wire::format_entry_id(id);
        return find_id(id);
    }

    void add(const RawLine& raw, std::uint64_t index) {
        Found found;
        found.fact = read_entry(raw);
        found.hit.index = index;
        found.hit.segment = log_.segments[raw.segment].name;
        found.hit.line = raw.number + 1;
        found.hit.text = raw.text;
        found.in_place = log_.segments[raw.segment].first_line + raw.number == index;
        found_.push_back(std::move(found));
    }

    // The line that says it is `index`; without one, the line that stands in its place.
    Result<void> find_index(std::uint64_t index) {
        const Segment* segment = segment_of(log_.segments, index);
        if (segment == nullptr) return {};
        const auto first = static_cast<std::size_t>(segment - log_.segments.data());
        LineStream stream(fs_, log_.segments, wire::kEntryLineSizeMax, first);
        RawLine raw;
        const std::string member = ",\"index\":" + std::to_string(index) + ",";
        while (true) {
            auto more = stream.next(raw);
            if (!more) return std::move(more).error();
            if (!*more || raw.segment != first) return {};
            const bool in_place = segment->first_line + raw.number == index;
            const bool says_so =
                raw.text.find(member) != std::string_view::npos && read_entry(raw).claimed == index;
            if (says_so) {
                found_.clear();
                add(raw, index);
                return {};
            }
            if (in_place) add(raw, index);
        }
    }

    Result<void> find_id(const wire::EntryId& id) {
        LineStream stream(fs_, log_.segments, wire::kEntryLineSizeMax);
        const std::string wanted = wire::format_entry_id(id);
        RawLine raw;
        while (true) {
            auto more = stream.next(raw);
            if (!more) return std::move(more).error();
            if (!*more) return {};
            if (raw.text.find(wanted) == std::string_view::npos) continue;
            auto line = wire::parse_entry_line(raw.text);
            auto key = line ? wire::alert_key(line->body) : Result<wire::AlertKey>(line.error());
            const std::uint64_t place = log_.segments[raw.segment].first_line + raw.number;
            if (key && key->entry_id != id) continue;
            if (found_.size() < kHitsMax) add(raw, line ? line->index.value : place);
        }
    }

    // Step 2: every header, for the history tree; the anchors against them.
    Result<void> read_batches() {
        const Hash log_id = wire::log_id_of(origin_for(fs_, batches_.segments, trust_));
        anchors_.read_journal(fs_, dir_, log_id);
        if (chain_ != nullptr) anchors_.ask_chain(*chain_, log_id);
        Report history_report;
        BatchReader reader(fs_, batches_.segments, faults_);
        HistoryAudit history(trust_, faults_, history_report);
        std::uint64_t batch_id = 0;
        for (;; ++batch_id) {
            auto step = reader.next(batch_id);
            if (!step) return std::move(step).error();
            if (step->kind == BatchReader::Step::Kind::end) break;
            if (step->kind == BatchReader::Step::Kind::lost) {
                history.lost();
                continue;
            }
            const SealedFacts facts = history.line(reader, step->fact, batch_id);
            if (!facts.header_holds || !facts.understood) continue;
            keep_header(step->fact, facts, history);
        }
        report_.origin = history.origin();
        for (std::string& why : history_report.undecided) {
            report_.undecided.push_back(std::move(why));
        }
        if (reader.torn()) report_.notes.push_back(reader.torn_at() + " is incomplete");
        anchors_.finish(batch_id);
        return {};
    }

    void keep_header(const BatchFact& fact, const SealedFacts& facts, const HistoryAudit& history) {
        const wire::Header& header = fact.header;
        const std::uint64_t first = header.first_index.value;
        if (history.intact()) {
            header_leaves_.push_back(merkle::hash_leaf(as_bytes(fact.line.header)));
            newest_root_ = facts.history_root;
        }
        sealed_end_ = std::max(sealed_end_, first + header.count);
        anchors_.batch(record_of_batch(history.log_id(), header, facts.history_root, facts.signer,
                                       fact.line.seal),
                       first + header.count);
        for (Found& found : found_) {
            if (found.hit.index < first || found.hit.index - first >= header.count) continue;
            found.batch = fact;
            found.sealed = facts;
            found.hit.batch = header.batch_id.value;
        }
    }

    // Step 3: from the line to the anchor, up to the first broken link.
    void follow(Found& found) {
        const bool linked = check_line(found) && check_batch(found) && check_header(found) &&
                            check_history(found) && check_signatures(found) && check_anchor(found);
        if (linked && found.hit.verdict != Verdict::undecided) found.hit.verdict = Verdict::pass;
        if (found.hit.verdict != Verdict::pass) {
            found.hit.level = Level::none;
            found.hit.label.clear();
        }
    }

    static bool ok(Found& found, const char* step, std::string detail) {
        found.hit.verdict = Verdict::pass;
        found.hit.steps.push_back({step, StepState::ok, std::move(detail)});
        return true;
    }

    bool fail(Found& found, const char* step, const std::string& phrase, std::string detail) {
        Fault fault;
        fault.kind = step;
        fault.phrase = phrase;
        fault.index = found.hit.index;
        fault.segment = found.hit.segment;
        fault.line = found.hit.line;
        fault.detail = std::move(detail);
        if (found.batch) {
            fault.batch = found.batch->header.batch_id.value;
            fault.batch_first_index = found.batch->header.first_index.value;
            fault.batch_count = found.batch->header.count;
        }
        found.hit.steps.push_back({step, StepState::failed, describe(fault)});
        found.hit.verdict = Verdict::fail;
        report_.faults.push_back(std::move(fault));
        return false;
    }

    bool check_line(Found& found) {
        const EntryFact& fact = found.fact;
        auto parsed = wire::parse_entry_line(found.hit.text);
        if (!parsed || fact.shape == EntryFact::Shape::cut_short) {
            return fail(found, "parse", "altered", fact.why);
        }
        if (parsed->index.value != found.hit.index) {
            return fail(found, "parse", "altered or replaced",
                        "the line in its place says index " + std::to_string(parsed->index.value));
        }
        ok(found, "parse",
           std::string(fact.is_alert ? "alert" : "audit") + " received " +
               format_server_time(parsed->received_at) + " from " + std::string(parsed->sender));
        if (fact.shape != EntryFact::Shape::good) {
            return fail(found, "canonical", "altered", fact.why);
        }
        ok(found, "canonical", "the line is canonical JSON, byte for byte");
        if (!found.in_place) {
            report_.notes.push_back("entry " + std::to_string(found.hit.index) +
                                    " does not stand on its own line: lines before it were "
                                    "added, removed or re-ordered");
        }
        return ok(found, "leaf", to_hex(fact.leaf));
    }

    // The lines of a batch by their own index; a line that is not there leaves no leaf.
    Result<std::vector<Hash>> batch_leaves(std::uint64_t first, std::uint64_t count) {
        std::vector<std::optional<Hash>> slots(count);
        const Segment* segment = segment_of(log_.segments, first);
        if (segment == nullptr) return Error{Errc::not_found, "its segment is missing"};
        const auto from = static_cast<std::size_t>(segment - log_.segments.data());
        LineStream stream(fs_, log_.segments, wire::kEntryLineSizeMax, from);
        RawLine raw;
        std::uint64_t filled = 0;
        while (filled < count) {
            auto more = stream.next(raw);
            if (!more) return std::move(more).error();
            if (!*more) return Error{Errc::not_found, "lines of the batch are missing"};
            const EntryFact fact = read_entry(raw);
            const std::uint64_t index = fact.index();
            if (!fact.claimed || index < first || index - first >= count) continue;
            if (slots[index - first]) continue;
            slots[index - first] = fact.leaf;
            ++filled;
        }
        std::vector<Hash> leaves;
        leaves.reserve(count);
        for (const auto& slot : slots) leaves.push_back(slot.value_or(Hash{}));
        return leaves;
    }

    bool check_batch(Found& found) {
        if (!found.batch) return unsealed(found);
        const wire::Header& header = found.batch->header;
        const std::uint64_t first = header.first_index.value;
        const std::uint64_t place = found.hit.index - first;
        auto leaves = batch_leaves(first, header.count);
        const bool whole = leaves && merkle::root_of(*leaves) == header.merkle_root;
        if (!whole) {
            LeafHints hints(fs_, log_.segments);
            auto proven = hints.leaves(first, header.count, header.merkle_root);
            if (!proven) {
                return fail(found, "batch_path", "not proven",
                            "the batch's lines do not give its merkle_root, and without the leaf "
                            "hashes beside the log it cannot be told which was altered");
            }
            if ((*proven)[place] != found.fact.leaf) {
                return fail(found, "batch_path", "altered",
                            "expected leaf " + to_hex((*proven)[place]) + ", found " +
                                to_hex(found.fact.leaf));
            }
            report_.notes.push_back("batch " + std::to_string(header.batch_id.value) +
                                    ": other entries of it are altered or missing");
            leaves = std::move(*proven);
        }
        auto path = merkle::inclusion_path(place, *leaves);
        if (!path || !merkle::verify_inclusion(place, TreeSize(header.count), found.fact.leaf,
                                               *path, header.merkle_root)) {
            return fail(found, "batch_path", "altered", "its path does not end in merkle_root");
        }
        ok(found, "batch_path",
           std::to_string(path->size()) + " hashes from leaf " + std::to_string(place) + " of " +
               std::to_string(header.count));
        return ok(
            found, "merkle_root",
            to_hex(header.merkle_root) + " of batch " + std::to_string(header.batch_id.value));
    }

    bool unsealed(Found& found) {
        if (found.hit.index < sealed_end_) {
            return fail(found, "batch", "not covered by any readable header", "");
        }
        found.hit.verdict = Verdict::undecided;
        found.hit.steps.push_back({"batch", StepState::skipped, "not sealed yet"});
        report_.undecided.push_back("entry " + std::to_string(found.hit.index) +
                                    " is not sealed yet: nothing proves it");
        return false;
    }

    // The first fault of these kinds that touches the entry's batch.
    const Fault* fault_of(std::uint64_t batch, std::initializer_list<std::string_view> kinds) {
        for (const Fault& fault : audit_faults()) {
            const bool kind = std::find(kinds.begin(), kinds.end(), fault.kind) != kinds.end();
            const bool here = !fault.batch || (*fault.batch <= batch &&
                                               batch <= fault.batch_last.value_or(*fault.batch));
            const bool past =
                fault.kind == "anchor_missing" && fault.batch && batch <= *fault.batch;
            const bool all = fault.kind == "origin" || fault.kind == "genesis_key";
            if (kind && (here || past || all)) return &fault;
        }
        return nullptr;
    }

    const std::vector<Fault>& audit_faults() {
        if (!faults_.empty()) audit_faults_ = faults_.take();
        return audit_faults_;
    }

    bool check_header(Found& found) {
        const wire::Header& header = found.batch->header;
        const Fault* fault = fault_of(header.batch_id.value, {"origin", "genesis_key", "header"});
        if (fault != nullptr) {
            return fail(found, "header", "sealed by a header that does not hold", describe(*fault));
        }
        return ok(found, "header",
                  "batch " + std::to_string(header.batch_id.value) + ", entries " +
                      std::to_string(header.first_index.value) + "-" +
                      std::to_string(header.first_index.value + header.count - 1) + ", sealed " +
                      format_server_time(header.sealed_at));
    }

    bool check_history(Found& found) {
        const std::uint64_t batch = found.batch->header.batch_id.value;
        const std::uint64_t size = header_leaves_.size();
        if (batch >= size) {
            return fail(found, "history_path", "not linked to the log's beginning",
                        "a header before its batch is lost");
        }
        const Hash leaf = merkle::hash_leaf(as_bytes(found.batch->line.header));
        auto path = merkle::inclusion_path(batch, header_leaves_);
        if (!path || !merkle::verify_inclusion(batch, TreeSize(size), leaf, *path, newest_root_)) {
            return fail(found, "history_path", "not in the history", "");
        }
        return ok(found, "history_path",
                  std::to_string(path->size()) + " hashes to the checkpoint of size " +
                      std::to_string(size));
    }

    bool check_signatures(Found& found) {
        const std::uint64_t batch = found.batch->header.batch_id.value;
        const std::uint64_t newest = header_leaves_.size() - 1;
        for (const std::uint64_t place : {batch, newest}) {
            if (const Fault* fault = fault_of(place, {"checkpoint"})) {
                return fail(found, "checkpoint", "under a checkpoint that does not hold",
                            describe(*fault));
            }
        }
        ok(found, "checkpoint",
           "size " + std::to_string(newest + 1) + ", root " + to_hex(newest_root_) +
               ", signed by the trusted key");
        if (!found.sealed.seal_holds) {
            return fail(found, "seal", "under a seal no trusted key made", "");
        }
        found.hit.level = Level::sealed;
        return ok(found, "seal", "Ed25519 by key " + to_hex(ByteView(found.sealed.signer)));
    }

    bool check_anchor(Found& found) {
        const std::uint64_t batch = found.batch->header.batch_id.value;
        const Fault* fault = fault_of(
            batch, {"anchor_conflict", "anchor_missing", "anchor_line", "code_hash", "chain"});
        if (fault != nullptr && fault->kind != "anchor_line") {
            return fail(found, "anchor", "denied by its anchor", describe(*fault));
        }
        const AnchorClaim* claim = anchors_.covering(batch);
        if (claim == nullptr) {
            found.hit.steps.push_back(
                {"anchor", StepState::skipped,
                 chain_ == nullptr ? "no receipt of its batch under a block of the trust file"
                                   : "the chain holds no record that covers its batch yet"});
            return true;
        }
        const TrustedAnchor* anchor = trust_.anchor(claim->chain_id, claim->contract);
        found.hit.level = Level::anchored;
        found.hit.label = anchor != nullptr && anchor->is_public ? "public" : "private";
        return ok(found, "anchor",
                  "batches " + std::to_string(claim->from_batch.value) + "-" +
                      std::to_string(claim->record.batch_id.value) + " in block " +
                      std::to_string(claim->block_number) + " of chain " +
                      std::to_string(claim->chain_id) + " (" + found.hit.label + "); " +
                      claim->basis);
    }

    void conclude_all() {
        report_.not_checked = not_checked_by(trust_, chain_ != nullptr);
        report_.not_checked.emplace_back("the rest of the log: `logverify log` does that");
        report_.anchors = anchors_.summaries();
        for (const Fault& fault : audit_faults()) {
            if (report_.notes.size() < kNotesListedMax) {
                report_.notes.push_back("elsewhere in the store: " + describe(fault));
            }
        }
        if (found_.empty() && report_.undecided.empty()) missing();
        bool failed = !report_.faults.empty();
        report_.level = found_.empty() ? Level::none : Level::anchored;
        for (Found& found : found_) {
            failed = failed || found.hit.verdict == Verdict::fail;
            report_.level = std::min(report_.level, found.hit.level);
            if (found.hit.label == "private" || report_.label.empty()) {
                report_.label = found.hit.label;
            }
            report_.hits.push_back(std::move(found.hit));
        }
        report_.verdict = failed                       ? Verdict::fail
                          : !report_.undecided.empty() ? Verdict::undecided
                                                       : Verdict::pass;
        if (report_.verdict != Verdict::pass) report_.level = Level::none;
        if (report_.level != Level::anchored) report_.label.clear();
        if (report_.level == Level::sealed) report_.basis.emplace_back(kSealedAlone);
        if (report_.label == "private") {
            report_.basis.emplace_back(
                "the chain is private: it proves nothing to those who do not trust its operator");
        }
    }

    void missing() {
        if (report_.asked.starts_with("index ")) {
            Fault fault;
            fault.kind = "missing";
            fault.phrase = report_.asked + " is not in the log";
            fault.detail = std::to_string(sealed_end_) + " entries are sealed";
            const std::uint64_t index = std::stoull(report_.asked.substr(6));
            if (index < sealed_end_) {
                report_.faults.push_back(std::move(fault));
                return;
            }
        }
        report_.undecided.push_back("no entry with " + report_.asked + " in the log");
    }

    static constexpr std::size_t kHitsMax = 1'000;

    FileSystem& fs_;
    const std::string& dir_;
    const Trust& trust_;
    ChainView* chain_;
    EntryReport report_;
    FaultList faults_;
    AnchorAudit anchors_;
    SegmentList batches_;
    SegmentList log_;
    std::vector<Found> found_;
    std::vector<Fault> audit_faults_;
    std::vector<Hash> header_leaves_;  // as far as the history could be recomputed
    Hash newest_root_;
    std::uint64_t sealed_end_ = 0;
};

}  // namespace

EntryReport verify_entry(FileSystem& fs, const std::string& dir, const WhichEntry& which,
                         const Trust& trust, ChainView* chain) {
    return EntryCheck(fs, dir, trust, chain).run(which);
}

}  // namespace anchorlog::verify
