#include "edits/subject.h"

#include <algorithm>
#include <array>
#include <random>

namespace anchorlog::edits {
namespace {

constexpr std::array kOutcomes = {Outcome::named,      Outcome::undecided,   Outcome::said_less,
                                  Outcome::no_meaning, Outcome::named_wrong, Outcome::missed};
constexpr std::uint64_t kComplaintsMax = 20;
// A made-up alert's line, and how many share a batch and batches an anchor.
constexpr std::uint64_t kLineBytes = 460;
constexpr std::uint64_t kBatchEntries = 128;
constexpr std::uint64_t kBatchesPerAnchor = 3;

bool covers(std::optional<std::uint64_t> first, std::optional<std::uint64_t> last,
            std::uint64_t wanted, std::uint64_t wanted_last) {
    return first && *first <= wanted_last && wanted <= last.value_or(*first);
}

std::string journal_of(const std::string& file) { return file.substr(0, file.find('/') + 1); }

bool names(const verify::Fault& fault, const Place& place) {
    const bool in_batches = place.file.starts_with("batches/");
    // A batch that is gone has no line to name; its number tells it.
    if (in_batches && covers(fault.batch, fault.batch_last, place.number, place.number_last)) {
        return true;
    }
    if (place.moved ? journal_of(fault.segment) != journal_of(place.file)
                    : fault.segment != place.file) {
        return false;
    }
    if (place.whole_file) return true;
    if (!place.moved && covers(fault.line, fault.line, place.line, place.line_last)) return true;
    return covers(fault.index, fault.index_last, place.number, place.number_last);
}

bool names(const verify::Report& report, const Place& place) {
    return std::any_of(report.faults.begin(), report.faults.end(),
                       [&](const verify::Fault& fault) { return names(fault, place); }) ||
           std::any_of(report.undecided.begin(), report.undecided.end(),
                       [&](const std::string& why) { return why.find(place.file) != why.npos; });
}

bool says_less(const verify::Report& report, const verify::Report& clean) {
    return report.level < clean.level || report.anchored_to < clean.anchored_to ||
           report.unprotected > clean.unprotected || report.unsealed > clean.unsealed;
}

}  // namespace

Subject make_subject(std::uint64_t bytes, std::uint64_t seed, std::uint64_t log_segments) {
    Subject subject;
    testing::LogBuilder& log = subject.log;
    std::mt19937_64 draw(seed);
    log.padding_bytes = 64;
    // Batches and anchors take a twentieth of it.
    const std::uint64_t entries = std::max<std::uint64_t>(bytes * 19 / 20 / kLineBytes, 6);
    const std::uint64_t per_batch = std::min(kBatchEntries, entries / 3 + 1);
    std::uint64_t batches = 0;
    while (log.entries.size() < entries) {
        const std::uint64_t end = std::min(entries, log.entries.size() + per_batch);
        while (log.entries.size() < end) {
            if (draw() % 40 == 0) {
                log.add_audit(draw() % 2 == 0 ? "replay" : "identity", "cam-1");
            } else {
                log.add_alert("cam-" + std::to_string(draw() % 20), draw() % 30 == 0 ? 2 : 0);
            }
        }
        log.seal();
        if (++batches % kBatchesPerAnchor == 0 || end == entries) log.anchor(subject.chain);
    }
    log.write(subject.fs, kStoreDir,
              {entries / log_segments + 1, batches * 2 / 3 + 1, batches / 3 + 1}, true);
    subject.trust.logs.push_back({log.vkey(), ""});
    subject.trust.anchors.push_back({testing::FakeChain::kChainId, testing::FakeChain::contract(),
                                     testing::FakeChain::code_hash(), false});
    for (const auto& one : subject.chain.anchored()) {
        subject.trust.blocks.insert(
            {testing::FakeChain::kChainId, one.block_number, one.block_hash});
    }
    subject.clean = verify_log(subject.fs, kStoreDir, subject.trust, nullptr);
    return subject;
}

const char* to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::named:
            return "named";
        case Outcome::undecided:
            return "undecided";
        case Outcome::said_less:
            return "said_less";
        case Outcome::no_meaning:
            return "no_meaning";
        case Outcome::named_wrong:
            return "named_wrong";
        case Outcome::missed:
            return "missed";
    }
    return "missed";
}

Outcome judge(const verify::Report& report, const verify::Report& clean, const Place& place) {
    if (report.verdict != verify::Verdict::pass && !names(report, place)) {
        return Outcome::named_wrong;
    }
    if (report.verdict == verify::Verdict::fail) return Outcome::named;
    if (report.verdict == verify::Verdict::undecided) return Outcome::undecided;
    return says_less(report, clean) ? Outcome::said_less : Outcome::missed;
}

void Tally::add(const std::string& deed, Outcome outcome, const std::string& what) {
    ++counts_[deed][outcome];
    if (outcome != Outcome::missed && outcome != Outcome::named_wrong) return;
    if (++complaint_count_ > kComplaintsMax) return;
    complaints_ += std::string(to_string(outcome)) + ": " + deed + " " + what + "\n";
}

void Tally::add(const Tally& other) {
    for (const auto& [deed, outcomes] : other.counts_) {
        for (const auto& [outcome, count] : outcomes) counts_[deed][outcome] += count;
    }
    if (complaint_count_ < kComplaintsMax) complaints_ += other.complaints_;
    complaint_count_ += other.complaint_count_;
}

std::uint64_t Tally::count(Outcome outcome) const {
    std::uint64_t sum = 0;
    for (const auto& [deed, outcomes] : counts_) {
        const auto found = outcomes.find(outcome);
        if (found != outcomes.end()) sum += found->second;
    }
    return sum;
}

std::uint64_t Tally::tried() const {
    std::uint64_t sum = 0;
    for (const Outcome outcome : kOutcomes) sum += count(outcome);
    return sum;
}

std::string Tally::to_json() const {
    std::string text = "{";
    for (const auto& [deed, outcomes] : counts_) {
        text += (text.size() > 1 ? ",\"" : "\"") + deed + "\":{";
        std::uint64_t tried = 0;
        for (const auto& [outcome, count] : outcomes) {
            text +=
                "\"" + std::string(edits::to_string(outcome)) + "\":" + std::to_string(count) + ",";
            tried += count;
        }
        text += "\"tried\":" + std::to_string(tried) + "}";
    }
    return text + "}";
}

}  // namespace anchorlog::edits
