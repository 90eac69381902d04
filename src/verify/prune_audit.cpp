#include "verify/prune_audit.h"

#include <algorithm>

#include "anchorlog/crypto/sha256.h"

namespace anchorlog::verify {
namespace {

std::string entries_text(const EntryRange& range) {
    if (range.first == range.last) return "entry " + std::to_string(range.first);
    return "entries " + std::to_string(range.first) + "-" + std::to_string(range.last);
}

// `log/<first>.devices.ndjson`, inside the store.
std::string devices_name(const Segment& segment) {
    return segment.name.substr(0, segment.name.find('.')) + ".devices.ndjson";
}

std::uint64_t shared(const EntryRange& a, const EntryRange& b) {
    const std::uint64_t first = std::max(a.first, b.first);
    const std::uint64_t last = std::min(a.last, b.last);
    return first <= last ? last - first + 1 : 0;
}

}  // namespace

void PruneAudit::allow(const wire::Header& header) {
    Record record;
    record.batch = header.batch_id.value;
    record.devices_sha256 = header.prune->devices_sha256;
    record.why = header.prune->why;
    for (const wire::PruneRange& range : header.prune->ranges) {
        record.ranges.push_back({range.first.value, range.last.value});
        ranges_.push_back({record.ranges.back(), record.batch});
    }
    records_.push_back(std::move(record));
}

void PruneAudit::met(std::uint64_t index) {
    if (!gone_.empty() && gone_.back().last + 1 == index) {
        gone_.back().last = index;
    } else {
        gone_.push_back({index, index});
    }
}

std::string PruneAudit::devices_path(const Segment& segment) const {
    return dir_ + "/" + devices_name(segment);
}

std::optional<std::vector<wire::Source>> PruneAudit::sources_of(const wire::Header& header,
                                                                const Segment& segment,
                                                                FaultList& faults) {
    if (lines_of_ != &segment) {
        auto text = read_file(fs_, devices_path(segment), wire::kDevicesFileSizeMax);
        lines_of_ = &segment;
        if (text) {
            lines_.emplace(std::move(*text));
        } else {
            lines_.reset();
        }
    }
    Fault fault = batch_fault("devices", header.batch_id.value,
                              "has pruned entries, and their devices are not told as sealed");
    fault.segment = devices_name(segment);
    if (!lines_) {
        fault.detail = "the file is missing, too large or cannot be read";
    } else if (auto sources = lines_->of(header.batch_id); !sources) {
        fault.detail = sources.error().message;
    } else if (wire::are_sources_of(header, *sources)) {
        return std::move(*sources);
    } else {
        fault.detail = "the file has other sources than the header";
    }
    faults.add(std::move(fault));
    return std::nullopt;
}

// Each range in one segment, none twice.
void PruneAudit::check_ranges(FaultList& faults) {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
        return a.entries.first != b.entries.first ? a.entries.first < b.entries.first
                                                  : a.batch < b.batch;
    });
    const Range* before = nullptr;
    for (const Range& range : ranges_) {
        const bool overlaps = before != nullptr && range.entries.first <= before->entries.last;
        const bool crosses =
            segment_of(segments_, range.entries.first) != segment_of(segments_, range.entries.last);
        if (overlaps || crosses) {
            Fault fault =
                batch_fault("prune_range", std::max(range.batch, overlaps ? before->batch : 0),
                            overlaps ? "prunes entries that are pruned already"
                                     : "prunes a range that is not of one segment");
            fault.index = range.entries.first;
            fault.index_last = range.entries.last;
            faults.add(std::move(fault));
        }
        if (before == nullptr || range.entries.last > before->entries.last) before = &range;
    }
}

void PruneAudit::check_met(FaultList& faults) const {
    for (const EntryRange& run : gone_) {
        std::uint64_t next = run.first;
        const auto name = [&](std::uint64_t last) {
            Fault fault;
            fault.kind = "erased";
            fault.phrase = "gone, and no sealed prune header says that it may be";
            fault.index = next;
            fault.index_last = last;
            if (const Segment* segment = segment_of(segments_, next)) fault.segment = segment->name;
            faults.add(std::move(fault));
        };
        for (const Range& range : ranges_) {
            if (range.entries.last < next || range.entries.first > run.last) continue;
            if (range.entries.first > next) name(range.entries.first - 1);
            next = range.entries.last + 1;
        }
        if (next <= run.last) name(run.last);
    }
}

// The devices files of the ranges' segments, each once, hash to what the header says.
void PruneAudit::check_files(const Record& record, FaultList& faults) const {
    std::string all;
    const Segment* before = nullptr;
    std::uint64_t files = 0;
    Fault fault = batch_fault("devices", record.batch,
                              "seals other devices of the entries it prunes than are on file");
    for (const EntryRange& range : record.ranges) {
        const Segment* const segment = segment_of(segments_, range.first);
        if (segment == nullptr || segment == before) continue;
        before = segment;
        if (files++ == 0) fault.segment = devices_name(*segment);
        auto text = read_file(fs_, devices_path(*segment), wire::kDevicesFileSizeMax);
        if (!text) {
            fault.segment = devices_name(*segment);
            fault.detail = "the file is missing, too large or cannot be read";
            faults.add(std::move(fault));
            return;
        }
        all += *text;
    }
    const Hash found = crypto::sha256(as_bytes(all));
    if (found == record.devices_sha256) return;
    if (files > 1) {
        fault.detail =
            "this file or one of the " + std::to_string(files - 1) + " others that it names";
    }
    fault.expected = to_hex(record.devices_sha256);
    fault.found = to_hex(found);
    faults.add(std::move(fault));
}

std::uint64_t PruneAudit::gone_of(const Record& record) const {
    std::uint64_t gone = 0;
    for (const EntryRange& range : record.ranges) {
        for (const EntryRange& run : gone_) gone += shared(range, run);
    }
    return gone;
}

void PruneAudit::finish(FaultList& faults, Report& report) {
    check_ranges(faults);
    check_met(faults);
    for (const Record& record : records_) check_files(record, faults);
    for (const Record& record : records_) {
        std::string what;
        for (const EntryRange& range : record.ranges) {
            what += (what.empty() ? "" : ", ") + entries_text(range);
            if (what.size() > 200) {
                what += " and more";
                break;
            }
        }
        report.notes.push_back("batch " + std::to_string(record.batch) + " prunes " + what + " (" +
                               record.why + "): the lines of " + std::to_string(gone_of(record)) +
                               " of them are gone");
    }
    std::uint64_t gone = 0;
    for (const EntryRange& run : gone_) gone += run.last - run.first + 1;
    if (gone > 0) {
        report.not_checked.push_back("the lines of " + std::to_string(gone) +
                                     " pruned entries: what is left are their leaf hashes, and "
                                     "they give the sealed roots");
    }
}

}  // namespace anchorlog::verify
