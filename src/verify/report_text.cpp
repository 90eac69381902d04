#include "anchorlog/base/bytes.h"
#include "anchorlog/verify/report.h"

namespace anchorlog::verify {
namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

void add_list(std::string& out, const std::vector<std::string>& list, const char* prefix) {
    for (const std::string& text : list) out += prefix + text + "\n";
}

std::string level_text(Level level, const std::string& label) {
    std::string text(to_string(level));
    if (!label.empty()) text += " (" + label + ")";
    return text;
}

void add_faults(std::string& out, const std::vector<Fault>& faults, std::uint64_t unlisted) {
    for (const Fault& fault : faults) out += "FAULT " + describe(fault) + "\n";
    if (unlisted > 0) out += "FAULT " + number(unlisted) + " more faults are not listed\n";
}

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::pass:
            return "PASS";
        case Verdict::fail:
            return "FAIL";
        case Verdict::undecided:
            return "UNDECIDED";
    }
    return "UNDECIDED";
}

std::string_view to_string(Level level) noexcept {
    switch (level) {
        case Level::none:
            return "NONE";
        case Level::sealed:
            return "SEALED";
        case Level::witnessed:
            return "WITNESSED";
        case Level::timestamped:
            return "TIMESTAMPED";
        case Level::anchored:
            return "ANCHORED";
    }
    return "NONE";
}

std::string to_text(const Report& report) {
    std::string out;
    if (!report.origin.empty()) out += "log " + report.origin + "\n";
    const Checked& checked = report.checked;
    out += "checked " + number(checked.entries) + " entries (" + number(checked.alerts) +
           " alerts, " + number(checked.audits) + " audits" +
           (checked.pruned > 0 ? ", " + number(checked.pruned) + " pruned" : std::string()) +
           ") of " + number(checked.devices) + " devices, " + number(checked.batches) +
           " batches, " + number(checked.anchors) + " anchors\n";
    if (report.range) {
        out += "asked for entries " + number(report.range->first) + " to " +
               number(report.range->last) + ": lines of other batches were not read\n";
    }
    add_faults(out, report.faults, report.faults_unlisted);
    add_list(out, report.undecided, "UNDECIDED ");
    add_list(out, report.basis, "reason ");
    for (const TargetSummary& one : report.targets) {
        out += "target " + one.target + " " + one.type + " " + one.state + ": " + one.detail + "\n";
    }
    add_list(out, report.notes, "note ");
    add_list(out, report.not_checked, "not checked ");
    if (report.unsealed > 0) out += "unsealed " + number(report.unsealed) + " entries\n";
    out += "unprotected " + number(report.unprotected) + " of " + number(report.entries) +
           " entries are newer than the newest verified anchor\n";
    out += std::string(to_string(report.verdict));
    if (report.verdict == Verdict::pass) {
        out += " " + level_text(report.level, report.label) + ": " + number(report.entries) +
               " entries in " + number(report.checked.batches) + " batches";
    } else if (report.verdict == Verdict::fail) {
        const std::uint64_t count = report.faults.size() + report.faults_unlisted;
        out += " " + number(count) + (count == 1 ? " fault" : " faults") + ": " +
               describe(report.faults.front());
    } else if (!report.undecided.empty()) {
        out += " " + report.undecided.front();
    }
    return out + "\n";
}

std::string to_text(const EntryReport& report) {
    std::string out;
    if (!report.origin.empty()) out += "log " + report.origin + "\n";
    for (const EntryHit& hit : report.hits) {
        out += "entry " + number(hit.index);
        if (!hit.segment.empty()) out += " at " + hit.segment + " line " + number(hit.line);
        if (hit.batch) out += ", batch " + number(*hit.batch);
        out += "\n";
        for (const Step& step : hit.steps) {
            const char* state = step.state == StepState::ok       ? "  ok    "
                                : step.state == StepState::failed ? "  FAIL  "
                                                                  : "  -     ";
            out += state + step.name + ": " + step.detail + "\n";
        }
        out += "  => " + std::string(to_string(hit.verdict));
        if (hit.verdict == Verdict::pass) out += " " + level_text(hit.level, hit.label);
        out += "\n";
    }
    add_faults(out, report.faults, 0);
    add_list(out, report.still, "still trustworthy ");
    add_list(out, report.undecided, "UNDECIDED ");
    add_list(out, report.basis, "reason ");
    add_list(out, report.notes, "note ");
    add_list(out, report.not_checked, "not checked ");
    out += std::string(to_string(report.verdict));
    if (report.verdict == Verdict::pass) {
        out += " " + level_text(report.level, report.label) + ": " + report.asked;
        if (report.hits.size() > 1) out += ", " + number(report.hits.size()) + " entries";
    } else if (report.verdict == Verdict::fail && !report.faults.empty()) {
        out += " " + describe(report.faults.front());
    } else if (!report.undecided.empty()) {
        out += " " + report.undecided.front();
    }
    return out + "\n";
}

std::string to_text(const ConsistencyReport& report) {
    std::string out;
    if (!report.origin.empty()) out += "log " + report.origin + "\n";
    const auto add_head = [&out](const char* whose, const std::optional<HistoryHead>& head) {
        out += whose;
        out += head ? "size " + number(head->size) + " root " + to_hex(head->root) : "no head";
        out += "\n";
    };
    add_head("kept  ", report.kept);
    add_head("store ", report.store);
    if (report.root_then) out += "store at the kept size: root " + to_hex(*report.root_then) + "\n";
    add_faults(out, report.faults, 0);
    add_list(out, report.undecided, "UNDECIDED ");
    add_list(out, report.basis, "reason ");
    add_list(out, report.notes, "note ");
    add_list(out, report.not_checked, "not checked ");
    out += std::string(to_string(report.verdict));
    if (report.verdict == Verdict::pass) {
        out += " CONSISTENT: from " + number(report.kept->size) + " to " +
               number(report.store ? report.store->size : 0) + " batches the log only grew";
    } else if (report.verdict == Verdict::fail) {
        out += " " + describe(report.faults.front());
    } else if (!report.undecided.empty()) {
        out += " " + report.undecided.front();
    }
    return out + "\n";
}

}  // namespace anchorlog::verify
