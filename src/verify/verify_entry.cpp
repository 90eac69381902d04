#include <algorithm>

#include "anchorlog/verify/evidence.h"
#include "anchorlog/verify/verify.h"
#include "anchorlog/wire/alert.h"
#include "verify/evidence_check.h"
#include "verify/evidence_source.h"
#include "verify/own_keys.h"

namespace anchorlog::verify {
namespace {

std::string name_of(const WhichEntry& which) {
    const auto* index = std::get_if<EntryIndex>(&which);
    return index != nullptr ? "index " + std::to_string(index->value)
                            : "entry_id " + wire::format_entry_id(std::get<wire::EntryId>(which));
}

// Builds the evidence of an entry from a store and checks it as if it had come from outside.
class EntryVerifier {
public:
    EntryVerifier(FileSystem& fs, const std::string& dir, const Trust& trust, ChainView* chain)
        : source_(fs, dir, trust), check_(trust, chain, report_) {}

    EntryReport run(const WhichEntry& which) {
        report_.asked = name_of(which);
        auto done = source_.open();
        if (done) done = source_.read(which);
        if (!done) {
            report_.undecided.push_back(done.error().message);
        } else {
            report_.origin = source_.origin();
            check_.take_anchors(wire::log_id_of(source_.origin()), source_.receipts());
            for (const FoundEntry& found : source_.found()) follow(found);
            if (source_.found().empty()) missing(which);
        }
        conclude();
        return std::move(report_);
    }

    // Of the last entry that passed.
    [[nodiscard]] const std::optional<wire::Evidence>& evidence() const { return evidence_; }

private:
    void follow(const FoundEntry& found) {
        EntryHit hit;
        hit.segment = found.place.segment;
        hit.line = found.place.line;
        if (source_.is_pruned(found)) {
            report_.undecided.push_back("entry " + std::to_string(*found.place.index) +
                                        " is pruned: only its leaf hash is left here; with its "
                                        "segment put back into log/ from the archive it is "
                                        "checked as any other");
            return;
        }
        auto put = source_.put_together(found);
        if (!put) {
            report_.undecided.push_back(put.error().message);
            return;
        }
        EntryPlace place = found.place;
        place.leaf = put->leaf;
        if (!put->evidence) {
            check_.run_line(found.text, place, put->missing, hit);
        } else {
            const std::uint64_t batch = put->evidence->batch_id.value;
            check_.run(*put->evidence, source_.paths_of(batch), place, hit);
            if (hit.verdict == Verdict::pass) check_store(batch, place, hit);
            if (hit.verdict == Verdict::pass) evidence_ = std::move(put->evidence);
        }
        if (!found.in_place) {
            report_.notes.push_back("entry " + std::to_string(hit.index) +
                                    " does not stand on its own line: lines before it were "
                                    "added, removed or re-ordered");
        }
        report_.hits.push_back(std::move(hit));
    }

    // What the store says elsewhere can deny the batch that its evidence alone proves.
    void check_store(std::uint64_t batch, const EntryPlace& place, EntryHit& hit) {
        for (const Fault& fault : source_.faults()) {
            const bool here = fault.batch && *fault.batch <= batch &&
                              batch <= fault.batch_last.value_or(*fault.batch);
            const bool always = fault.kind == "origin" || fault.kind == "genesis_key";
            const bool touches = fault.kind == "header" || fault.kind == "checkpoint";
            if (!always && !(here && touches)) continue;
            check_.deny(place, {true, "store", "denied by the store it is in", describe(fault)},
                        hit);
            return;
        }
    }

    void missing(const WhichEntry& which) {
        const auto* index = std::get_if<EntryIndex>(&which);
        if (index != nullptr && index->value < source_.sealed_end()) {
            Fault fault;
            fault.kind = "missing";
            fault.phrase = report_.asked + " is not in the log";
            fault.detail = std::to_string(source_.sealed_end()) + " entries are sealed";
            report_.faults.push_back(std::move(fault));
            return;
        }
        report_.undecided.push_back("no entry with " + report_.asked + " in the log");
        if (source_.has_pruned_segments()) {
            report_.notes.push_back(
                "the ids of pruned entries are not known here: put their segments back into log/ "
                "from the archive to search them too");
        }
    }

    void conclude() {
        for (const std::string& why : source_.undecided()) report_.undecided.push_back(why);
        for (const std::string& note : source_.notes()) report_.notes.push_back(note);
        for (const Fault& fault : source_.faults()) {
            if (report_.notes.size() >= kNotesListedMax) break;
            report_.notes.push_back("elsewhere in the store: " + describe(fault));
        }
        check_.conclude();
    }

    EntryReport report_;
    EvidenceSource source_;
    EvidenceCheck check_;
    std::optional<wire::Evidence> evidence_;
};

}  // namespace

EntryReport verify_entry(FileSystem& fs, const std::string& dir, const WhichEntry& which,
                         const Trust& trust, ChainView* chain) {
    return EntryVerifier(fs, dir, trust, chain).run(which);
}

ExportedEvidence export_evidence(FileSystem& fs, const std::string& dir, const WhichEntry& which,
                                 const Trust* trust) {
    ExportedEvidence out;
    Trust own;
    if (trust == nullptr) {
        auto keys = own_keys(fs, dir);
        if (!keys) {
            out.report.asked = name_of(which);
            out.report.undecided.push_back(keys.error().message);
            return out;
        }
        own = std::move(*keys);
        trust = &own;
    }
    EntryVerifier verifier(fs, dir, *trust, nullptr);
    out.report = verifier.run(which);
    if (out.report.verdict != Verdict::pass) return out;
    if (out.report.hits.size() > 1) {
        out.report.verdict = Verdict::undecided;
        std::string all;
        for (const EntryHit& hit : out.report.hits) all += " " + std::to_string(hit.index);
        out.report.undecided.push_back(
            "several entries bear this entry_id: choose one by --index:" + all);
        return out;
    }
    out.file = wire::format_evidence(*verifier.evidence());
    return out;
}

EntryReport verify_evidence(std::string_view file, const Trust& trust, ChainView* chain) {
    EntryReport report;
    report.asked = "the evidence file";
    EvidenceCheck check(trust, chain, report);
    auto evidence = wire::parse_evidence(file);
    if (!evidence) {
        if (evidence.error().code == Errc::unavailable) {
            report.undecided.push_back(evidence.error().message);
        } else {
            Fault fault;
            fault.kind = "parse";
            fault.phrase = "this is no evidence file, or one that was altered";
            fault.detail = evidence.error().message;
            report.faults.push_back(std::move(fault));
            report.still.emplace_back("nothing: what cannot be read proves nothing");
        }
        check.conclude();
        return report;
    }
    const auto note = wire::parse_note(evidence->checkpoint);
    const auto stated =
        note ? wire::parse_checkpoint(note->text) : Result<wire::Checkpoint>(note.error());
    const TreeSize size = stated ? stated->size : TreeSize(0);
    std::vector<wire::AnchorReceipt> receipts;
    for (const wire::EvidenceAnchor& anchor : evidence->anchors) receipts.push_back(anchor.receipt);
    if (stated && !trust.keys_of(stated->origin).empty()) {
        check.take_anchors(wire::log_id_of(stated->origin), receipts);
    }
    const HistoryPaths paths = [&](TreeSize wanted) -> Result<merkle::Path> {
        for (const wire::EvidenceAnchor& anchor : evidence->anchors) {
            if (anchor.receipt.batch_id.value + 1 == wanted.value) return anchor.path;
        }
        if (wanted == size) return evidence->history_path;
        return Error{Errc::not_found, "no path of this size"};
    };
    EntryHit hit;
    check.run(*evidence, paths, {}, hit);
    report.hits.push_back(std::move(hit));
    check.conclude();
    return report;
}

}  // namespace anchorlog::verify
