#include <algorithm>

#include "anchorlog/verify/verify.h"
#include "verify/batch_reader.h"
#include "verify/fault_list.h"
#include "verify/history_audit.h"
#include "verify/verdict.h"

namespace anchorlog::verify {
namespace {

std::string batches_of(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " batch" : " batches");
}

std::string head_text(std::uint64_t size, const Hash& root) {
    return "size " + std::to_string(size) + ", root " + to_hex(root);
}

class ConsistencyAudit {
public:
    ConsistencyAudit(FileSystem& fs, const std::string& dir, const Trust& trust)
        : fs_(fs), dir_(dir), trust_(trust) {}

    ConsistencyReport run(std::string_view kept) {
        auto done = read_kept(kept);
        if (done) done = read_store();
        if (done) done = check_signature();
        if (!done) report_.undecided.push_back(done.error().message);
        if (done) compare();
        conclude();
        return std::move(report_);
    }

private:
    // A key, and the first batch from which on it counts.
    struct Reign {
        std::uint64_t from = 0;
        std::shared_ptr<const KeySet> keys;
    };

    Result<void> read_kept(std::string_view kept) {
        auto note = wire::parse_note(kept);
        if (!note) return std::move(note).error().in("the kept checkpoint does not read");
        auto stated = wire::parse_checkpoint(note->text);
        if (!stated) return std::move(stated).error().in("the kept checkpoint does not read");
        note_ = std::move(*note);
        kept_origin_ = stated->origin;
        report_.kept = HistoryHead{stated->size.value, stated->root, std::string(kept)};
        if (report_.kept->size == 0) root_then_ = merkle::empty_root();
        return {};
    }

    Result<void> read_store() {
        auto list = list_segments(fs_, dir_, "batches");
        if (!list) return std::move(list).error().in("no batches to compare with");
        BatchReader reader(fs_, list->segments, faults_);
        auto keys = std::make_shared<LogKeys>();
        HistoryAudit history(trust_, faults_, audit_, keys);
        for (;; ++batches_) {
            auto step = reader.next(batches_);
            if (!step) return std::move(step).error();
            if (step->kind == BatchReader::Step::Kind::end) break;
            if (step->kind == BatchReader::Step::Kind::lost) {
                history.lost();
                continue;
            }
            take(history, *keys, history.line(reader, step->fact, batches_), step->fact);
        }
        report_.origin = history.origin();
        if (reader.torn()) {
            report_.notes.push_back(reader.torn_at() +
                                    " is incomplete: a crash cut a seal short, or somebody did");
        }
        return {};
    }

    void take(const HistoryAudit& history, const LogKeys& keys, const SealedFacts& facts,
              const BatchFact& fact) {
        if (!facts.header_holds || !history.intact()) return;
        if (report_.kept->size == batches_ + 1) root_then_ = facts.history_root;
        report_.store = HistoryHead{batches_ + 1, facts.history_root, fact.line.checkpoint};
        const std::uint64_t from = reigns_.empty() ? 0 : batches_ + 1;
        if (reigns_.empty() || reigns_.back().keys != keys.current()) {
            reigns_.push_back({from, keys.current()});
        }
    }

    // By a key of the trust file, or one that the log changed to: else it says nothing of the log.
    Result<void> check_signature() {
        std::vector<wire::VerifierKey> keys = trust_.keys_of(kept_origin_);
        if (report_.origin == kept_origin_) {
            for (const Reign& reign : reigns_) {
                keys.insert(keys.end(), reign.keys->keys.begin(), reign.keys->keys.end());
            }
        }
        if (auto valid = wire::verify_note(note_, keys); !valid) {
            return std::move(valid).error().in("the kept checkpoint proves nothing");
        }
        const auto hardware = trust_.hardware_of(kept_origin_);
        if (auto held = wire::verify_hardware(note_, hardware); !held) {
            return std::move(held).error().in("the kept checkpoint proves nothing");
        }
        if (!report_.origin.empty() && kept_origin_ != report_.origin && faults_.empty()) {
            return Error{Errc::invalid_input, "the kept checkpoint is of " + kept_origin_ +
                                                  ", the store of " + report_.origin};
        }
        return {};
    }

    // Of the keys at the kept size.
    [[nodiscard]] bool is_signed_by_its_time() const {
        const KeySet* then = nullptr;
        for (const Reign& reign : reigns_) {
            if (reign.from < std::max<std::uint64_t>(report_.kept->size, 1)) {
                then = reign.keys.get();
            }
        }
        return then == nullptr || wire::verify_note(note_, then->keys);
    }

    void compare() {
        const HistoryHead& kept = *report_.kept;
        report_.root_then = root_then_;
        Fault fault;
        if (batches_ < kept.size) {
            fault = batch_fault("rolled_back", batches_,
                                batches_ + 1 == kept.size ? "is missing" : "are missing");
            fault.batch_last = kept.size - 1;
            fault.detail = "the log was set back: it holds " + batches_of(batches_);
            fault.found = report_.store ? head_text(report_.store->size, report_.store->root)
                                        : "no header that holds";
        } else if (root_then_ && *root_then_ != kept.root) {
            fault = batch_fault("forked", 0, "are of another history");
            fault.batch_last = std::max<std::uint64_t>(kept.size, 1) - 1;
            fault.detail = "one or more of them are not those of the kept checkpoint";
            fault.found = head_text(kept.size, *root_then_);
        } else {
            return;
        }
        fault.expected = head_text(kept.size, kept.root);
        if (!is_signed_by_its_time()) {
            fault.detail +=
                "; the kept checkpoint bears a key that the log had replaced by then: "
                "whoever stole that key can have made it";
        }
        findings_.push_back(std::move(fault));
    }

    void conclude() {
        report_.faults = std::move(findings_);
        for (Fault& fault : faults_.take()) report_.faults.push_back(std::move(fault));
        for (std::string& why : audit_.undecided) report_.undecided.push_back(std::move(why));
        for (std::string& note : audit_.notes) report_.notes.push_back(std::move(note));
        report_.not_checked = {
            "entries and anchors, and what the kept checkpoint is too old for: `logverify log`",
            "whether another history was shown to somebody else"};
        if (!report_.faults.empty()) {
            report_.verdict = Verdict::fail;
            return;
        }
        if (!report_.undecided.empty()) return;
        report_.verdict = Verdict::pass;
        const std::uint64_t since = report_.store ? report_.store->size - report_.kept->size : 0;
        report_.basis.push_back(
            "the headers in batches/ give the kept checkpoint's root at its size: no batch of it "
            "was altered, removed or added since, not even by the holder of the log key");
        if (const auto hardware = trust_.hardware_of(kept_origin_); !hardware.empty()) {
            report_.basis.push_back(hardware_basis(hardware));
        }
        report_.basis.push_back("since then " + batches_of(since) +
                                ", which rest on their seals: " + kSealedAlone);
    }

    FileSystem& fs_;
    const std::string& dir_;
    const Trust& trust_;
    ConsistencyReport report_;
    FaultList faults_;             // of batches/
    std::vector<Fault> findings_;  // of the comparison
    Report audit_;
    wire::Note note_;
    std::string kept_origin_;
    std::optional<Hash> root_then_;
    std::vector<Reign> reigns_;
    std::uint64_t batches_ = 0;  // lines in batches/, readable or not
};

}  // namespace

ConsistencyReport verify_consistency(FileSystem& fs, const std::string& dir, std::string_view kept,
                                     const Trust& trust) {
    return ConsistencyAudit(fs, dir, trust).run(kept);
}

}  // namespace anchorlog::verify
