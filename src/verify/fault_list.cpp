#include "verify/fault_list.h"

namespace anchorlog::verify {
namespace {

// True when `next` starts where `last` ends; widens `last` then.
bool continues(Fault& last, const Fault& next) {
    if (last.kind != next.kind || last.phrase != next.phrase || last.detail != next.detail ||
        last.index.has_value() != next.index.has_value()) {
        return false;
    }
    if (last.index) {
        if (last.kind == "reordered" || last.index_last.value_or(*last.index) + 1 != *next.index) {
            return false;
        }
        last.index_last = next.index_last ? next.index_last : next.index;
        if (next.batch && last.batch && *next.batch != last.batch_last.value_or(*last.batch)) {
            last.batch_last = next.batch_last ? next.batch_last : next.batch;
        }
        return true;
    }
    if (!last.batch || !next.batch || last.batch_last.value_or(*last.batch) + 1 != *next.batch) {
        return false;
    }
    last.batch_last = next.batch_last ? next.batch_last : next.batch;
    last.expected.clear();
    last.found.clear();
    return true;
}

std::string range_text(const char* one, const char* many, std::uint64_t first,
                       std::optional<std::uint64_t> last) {
    if (!last || *last == first) return std::string(one) + " " + std::to_string(first);
    return std::string(many) + " " + std::to_string(first) + "-" + std::to_string(*last);
}

}  // namespace

void FaultList::add(Fault fault) {
    if (!faults_.empty() && continues(faults_.back(), fault)) return;
    if (faults_.size() >= kFaultsListedMax) {
        ++unlisted_;
        return;
    }
    faults_.push_back(std::move(fault));
}

void FaultList::move_to(Report& report) {
    report.faults = std::move(faults_);
    report.faults_unlisted = unlisted_;
}

Fault misnamed_fault(const Segment& segment) {
    Fault fault;
    fault.kind = "segment_name";
    fault.phrase = "a segment's name is not the number of lines before it";
    fault.segment = segment.name;
    return fault;
}

Fault batch_fault(std::string kind, std::uint64_t batch, std::string phrase) {
    Fault fault;
    fault.kind = std::move(kind);
    fault.phrase = std::move(phrase);
    fault.batch = batch;
    return fault;
}

std::string describe(const Fault& fault) {
    std::string text;
    std::string place;
    const auto join = [&place](const std::string& part) {
        place += (place.empty() ? "" : ", ") + part;
    };
    if (fault.index) {
        text = range_text("entry", "entries", *fault.index, fault.index_last) + " ";
        if (fault.batch) {
            text += "of " + range_text("batch", "batches", *fault.batch, fault.batch_last) + " ";
        }
    }
    const bool batch_is_subject = !fault.index && fault.batch;
    if (batch_is_subject) {
        text = range_text("batch", "batches", *fault.batch, fault.batch_last) + " ";
    }
    text += fault.phrase;
    if (!fault.segment.empty()) {
        join(fault.segment + (fault.line ? " line " + std::to_string(*fault.line) : ""));
    }
    if (fault.index && fault.batch_count && *fault.batch_count > 0 && fault.batch_first_index) {
        join("its batch holds entries " + std::to_string(*fault.batch_first_index) + "-" +
             std::to_string(*fault.batch_first_index + *fault.batch_count - 1));
    }
    if (!fault.detail.empty()) join(fault.detail);
    if (!place.empty()) text += ": " + place;
    if (!fault.expected.empty() || !fault.found.empty()) {
        text += " (expected " + fault.expected + ", found " + fault.found + ")";
    }
    return text;
}

}  // namespace anchorlog::verify
