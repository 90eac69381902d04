#include <algorithm>
#include <optional>

#include "anchorlog/verify/verify.h"
#include "verify/anchor_audit.h"
#include "verify/batch_reader.h"
#include "verify/crash_tail.h"
#include "verify/entry_audit.h"
#include "verify/fault_list.h"
#include "verify/history_audit.h"
#include "verify/verdict.h"

namespace anchorlog::verify {
namespace {

class LogAudit {
public:
    LogAudit(FileSystem& fs, const std::string& dir, const Trust& trust, ChainView* chain,
             const AuditOptions& options)
        : fs_(fs), dir_(dir), trust_(trust), chain_(chain), options_(options),
          range_(options.range.value_or(EntryRange())),
          anchors_(trust, faults_, report_.notes, report_.undecided), stamps_(trust, faults_),
          pool_(std::clamp(options.threads, 1u, kAuditThreadsMax)) {}

    Report run() {
        report_.range = options_.range;
        if (open()) {
            const std::string origin = origin_for(fs_, batches_.segments, trust_);
            const Hash log_id = wire::log_id_of(origin);
            keys_->set({origin, log_id, trust_.keys_of(origin), trust_.hardware_of(origin)});
            anchors_.read_journal(fs_, dir_, log_id, stamps_);
            if (chain_ != nullptr) anchors_.ask_chain(*chain_, log_id);
            if (auto done = audit(); !done) report_.undecided.push_back(done.error().message);
        }
        faults_.move_to(report_);
        conclude(report_, trust_, anchors_, stamps_, chain_ != nullptr);
        return std::move(report_);
    }

private:
    bool open() {
        auto batches = list_segments(fs_, dir_, "batches");
        if (!batches) {
            report_.undecided.push_back("no batches to verify: " + batches.error().message);
            return false;
        }
        batches_ = std::move(*batches);
        auto log = list_segments(fs_, dir_, "log");
        if (log) {
            log_ = std::move(*log);
        } else if (log.error().code == Errc::not_found) {
            report_.notes.push_back("there is no log/ in " + dir_);
        } else {
            report_.undecided.push_back(log.error().message);
            return false;
        }
        return true;
    }

    // Of the entries in front of a batch: how many they are is not known, or how they read.
    struct Before {
        bool unknown = false;
        bool other_version = false;
    };

    Result<void> audit() {
        BatchReader reader(fs_, batches_.segments, faults_, &pool_, keys_,
                           std::min(options_.block_bytes, BatchReader::kBlockBytes));
        HistoryAudit history(trust_, faults_, report_, keys_);
        progress_.bytes_total = bytes_to_read();
        std::uint64_t batch_id = 0;
        for (;; ++batch_id) {
            auto step = reader.next(batch_id);
            if (!step) return std::move(step).error();
            if (step->kind == BatchReader::Step::Kind::end) break;
            if (step->kind == BatchReader::Step::Kind::lost) {
                history.lost();
                continue;
            }
            const Before before{!history.next_index(), history.after_other_version()};
            const SealedFacts facts = history.line(reader, step->fact, batch_id);
            if (!facts.header_holds || !facts.understood) continue;
            ++report_.checked.batches;
            if (auto done = take_batch(step->fact, facts, history, before); !done) {
                return done;
            }
            tell_progress(reader);
        }
        return finish(reader, batch_id);
    }

    // The files that hold lines to be read.
    std::uint64_t bytes_to_read() {
        std::uint64_t total = 0;
        const auto add = [&](const Segment& segment) {
            auto file = open_segment(fs_, segment);
            const auto size = file ? (*file)->size() : Result<std::uint64_t>(file.error());
            total += size ? *size : 0;
        };
        for (const Segment& segment : batches_.segments) add(segment);
        for (std::size_t i = 0; i < log_.segments.size(); ++i) {
            const bool behind = log_.segments[i].first_line > range_.last;
            const bool before =
                i + 1 < log_.segments.size() && log_.segments[i + 1].first_line <= range_.first;
            if (!behind && !before) add(log_.segments[i]);
        }
        return total;
    }

    void tell_progress(const BatchReader& reader) {
        if (!options_.progress) return;
        progress_.bytes_done = reader.bytes() + (entries_ ? entries_->bytes() : 0);
        progress_.entries = report_.checked.entries;
        options_.progress(progress_);
    }

    // From the first entry that is wanted on; lines before it are not looked at.
    Result<EntryAudit*> entries_from(std::uint64_t index) {
        if (!entries_) {
            const std::uint64_t first = range_.first == 0 ? 0 : index;
            entries_.emplace(fs_, log_.segments, pool_, options_.block_bytes, faults_,
                             report_.checked, prune_, first);
            if (auto done = entries_->seek(); !done) return std::move(done).error();
        }
        return &*entries_;
    }

    Result<void> take_batch(const BatchFact& fact, const SealedFacts& facts,
                            const HistoryAudit& history, Before before) {
        const wire::Header& header = fact.header;
        if (header.prune) prune_.allow(header);
        const std::uint64_t end = header.first_index.value + header.count;
        const bool too_early = range_.first > 0 && end <= range_.first;
        if (!too_early && header.first_index.value <= range_.last) {
            if (auto done = take_entries(header, before); !done) return done;
        }
        sealed_end_ = end;
        anchors_.batch(record_of_batch(history.log_id(), header, facts.history_root, facts.signer,
                                       fact.line.seal),
                       sealed_end_);
        stamps_.batch(header.batch_id, fact.line.checkpoint, header.sealed_at, sealed_end_);
        return {};
    }

    Result<void> take_entries(const wire::Header& header, Before before) {
        const std::uint64_t first = header.first_index.value;
        auto entries = entries_from(first);
        if (!entries) return std::move(entries).error();
        if (before.unknown) {
            auto done =
                before.other_version ? (*entries)->pass_over(first) : (*entries)->skip_to(first);
            if (!done) return done;
        }
        if (header.count > kCountMax) return {};
        return (*entries)->batch(header);
    }

    // The lines behind the last sealed entry, if they are wanted.
    Result<void> audit_tail() {
        if (range_.last < sealed_end_) {
            report_.entries = sealed_end_;
            return {};
        }
        auto entries = entries_from(std::max(sealed_end_, range_.first));
        if (!entries) return std::move(entries).error();
        auto unsealed = (*entries)->tail(std::max(sealed_end_, range_.first));
        if (!unsealed) return std::move(unsealed).error();
        report_.unsealed = *unsealed;
        report_.entries = sealed_end_ + *unsealed;
        return {};
    }

    Result<void> finish(const BatchReader& reader, std::uint64_t batches) {
        if (auto done = audit_tail(); !done) return done;
        if (reader.torn()) {
            report_.undecided.push_back(
                reader.torn_at() +
                " is incomplete: a crash cut a seal short (the daemon's next "
                "start mends it), or somebody cut the file");
        }
        if (auto done = check_batches_end(reader); !done) return done;
        prune_.finish(faults_, report_);
        check_names();
        anchors_.finish(batches);
        stamps_.finish(batches);
        if (batches == 0 && !reader.torn()) no_genesis(report_.unsealed);
        report_.checked.segments = reader.files();
        report_.checked.bytes = reader.bytes();
        if (entries_) report_entries();
        if (options_.range && report_.checked.entries == 0) {
            report_.undecided.push_back(
                "the log holds none of the entries asked for: it ends "
                "before entry " +
                std::to_string(report_.entries));
        }
        return {};
    }

    void report_entries() {
        report_.checked.segments += entries_->files();
        report_.checked.bytes += entries_->bytes();
        report_.checked.devices = entries_->devices().devices();
        report_.devices = entries_->devices().summaries();
        for (const std::string& why : entries_->undecided()) report_.undecided.push_back(why);
        for (std::string& note : entries_->notes(!options_.range)) {
            report_.notes.push_back(std::move(note));
        }
    }

    Result<void> check_batches_end(const BatchReader& reader) {
        for (const std::size_t segment : reader.misnamed()) {
            faults_.add(misnamed_fault(batches_.segments[segment]));
        }
        for (const SegmentEnd& end : reader.ends()) {
            const std::string& name = batches_.segments[end.segment].name;
            auto crash = end.padding
                             ? false
                             : left_by_crash(fs_, batches_.segments, end.segment, end.offset, 1);
            if (!crash) return std::move(crash).error();
            if (*crash) {
                report_.undecided.push_back(name + " ends in what a crash may leave of a seal");
                continue;
            }
            Fault fault;
            fault.kind = "padding";
            fault.phrase = end.padding ? "zero bytes behind the last line of a closed segment"
                                       : "bytes behind the zero padding";
            fault.segment = name;
            fault.line = end.line + 1;
            faults_.add(std::move(fault));
        }
        return {};
    }

    void no_genesis(std::uint64_t entries) {
        if (entries == 0) {
            report_.undecided.push_back("batches/ and log/ of " + dir_ + " are empty");
            return;
        }
        Fault fault;
        fault.kind = "no_genesis";
        fault.phrase =
            "log/ holds entries and batches/ holds nothing, not even the log's "
            "beginning";
        faults_.add(std::move(fault));
    }

    // The names of segments are checked with their lines.
    void check_names() {
        for (const auto* list : {&log_, &batches_}) {
            for (const std::string& name : list->strangers) {
                if (name.ends_with(".leaves") || name.ends_with(".devices.ndjson")) continue;
                report_.notes.push_back(name + " is not part of the log");
            }
        }
    }

    static constexpr std::uint64_t kCountMax = 65'536;

    FileSystem& fs_;
    const std::string& dir_;
    const Trust& trust_;
    ChainView* chain_;
    const AuditOptions& options_;
    const EntryRange range_;
    Progress progress_;
    Report report_;
    FaultList faults_;
    AnchorAudit anchors_;
    StampAudit stamps_;
    SegmentList batches_;
    SegmentList log_;
    PruneAudit prune_{fs_, dir_, log_.segments};
    std::uint64_t sealed_end_ = 0;
    std::shared_ptr<LogKeys> keys_ = std::make_shared<LogKeys>();
    std::optional<EntryAudit> entries_;
    WorkPool pool_;  // last: what its threads look at is there until they are done
};

}  // namespace

Report verify_log(FileSystem& fs, const std::string& dir, const Trust& trust, ChainView* chain,
                  const AuditOptions& options) {
    return LogAudit(fs, dir, trust, chain, options).run();
}

}  // namespace anchorlog::verify
