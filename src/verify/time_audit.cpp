#include "verify/time_audit.h"

namespace anchorlog::verify {
namespace {

constexpr std::size_t kListedMax = 20;
// A running daemon writes a heartbeat after an hour without an entry; a minute of grace.
constexpr std::int64_t kSilenceMs = 3'660'000;

std::string duration_text(std::int64_t ms) {
    const std::int64_t seconds = ms / 1'000;
    if (seconds < 60) return std::to_string(ms) + " ms";
    if (seconds < 3'600) {
        return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
    }
    return std::to_string(seconds / 3'600) + " h " + std::to_string(seconds / 60 % 60) + " min";
}

}  // namespace

void TimeAudit::Kind::add(std::string text) {
    ++count;
    if (first.size() < kListedMax) first.push_back(std::move(text));
}

void TimeAudit::Kind::move_to(std::vector<std::string>& notes, const char* what) const {
    notes.insert(notes.end(), first.begin(), first.end());
    if (count > first.size()) {
        notes.push_back(std::to_string(count - first.size()) + " more " + what + " are not listed");
    }
}

void TimeAudit::compare_times(const EntryFact& fact) {
    const std::int64_t passed = fact.received_at.ms - last_at_.ms;
    if (passed >= 0 && passed <= kSilenceMs) return;
    const std::string place = " before entry " + std::to_string(fact.index()) + " (from " +
                              format_server_time(last_at_) + " to " +
                              format_server_time(fact.received_at) + ")";
    if (passed < 0) {
        steps_back_.add("the server's clock went back by " + duration_text(-passed) + place);
    } else {
        silences_.add("no entry for " + duration_text(passed) + place +
                      ": a running daemon writes one every hour");
    }
}

void TimeAudit::entry(const EntryFact& fact) {
    if (last_index_) compare_times(fact);
    if (fact.kind == EntryFact::Kind::start) {
        if (running_ == true) {
            starts_.add("entry " + std::to_string(fact.index()) +
                        " is a start without a stop before it: the daemon was killed, crashed, or "
                        "lost power behind entry " +
                        std::to_string(*last_index_));
        }
        running_ = true;
    } else if (fact.kind == EntryFact::Kind::stop) {
        running_ = false;
    } else if (fact.is_alert()) {
        running_ = true;
    }
    last_index_ = fact.index();
    last_at_ = fact.received_at;
}

std::vector<std::string> TimeAudit::notes() const {
    std::vector<std::string> notes;
    steps_back_.move_to(notes, "steps back of the server's clock");
    silences_.move_to(notes, "long silences");
    starts_.move_to(notes, "starts without a stop");
    return notes;
}

}  // namespace anchorlog::verify
