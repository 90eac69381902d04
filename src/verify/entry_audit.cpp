#include "verify/entry_audit.h"

#include <algorithm>
#include <ranges>

#include "anchorlog/merkle/tree.h"
#include "verify/batch_damage.h"
#include "verify/crash_tail.h"

namespace anchorlog::verify {
namespace {

constexpr std::size_t kGapNotesMax = 20;
// A batch's lines are looked for this far behind its own count: near first, because most damage
// moves nothing, then far.
constexpr std::size_t kLookaheadNear = 256;
constexpr std::size_t kLookaheadFar = 65'536;
// Lines that stand too early wait in memory for their batch; more are given up as inserted.
constexpr std::size_t kStraysMax = 131'072;
// Every entry begins so: what a crash leaves of a line does too.
constexpr std::string_view kEntryStart = "{\"a";

std::size_t segment_with(const std::vector<Segment>& segments, std::uint64_t index) {
    const Segment* segment = segment_of(segments, index);
    return segment == nullptr ? 0 : static_cast<std::size_t>(segment - segments.data());
}

}  // namespace

EntryAudit::EntryAudit(FileSystem& fs, const std::vector<Segment>& segments, WorkPool& pool,
                       std::uint64_t block_bytes, FaultList& faults, Checked& checked,
                       PruneAudit& prune, std::uint64_t first_index)
    : fs_(fs), segments_(segments), faults_(faults), checked_(checked), prune_(prune),
      reader_(fs, segments, pool, block_bytes, segment_with(segments, first_index)),
      hints_(fs, segments), devices_(reader_.devices(), first_index == 0),
      first_index_(first_index) {
    if (first_index > 0) last_index_ = first_index - 1;
}

Result<void> EntryAudit::seek() {
    auto& window = reader_.window();
    while (true) {
        if (auto filled = reader_.fill(1); !filled) return filled;
        if (window.empty()) return {};
        const EntryFact& fact = window.front();
        const std::uint64_t place = segments_[fact.segment].first_line + fact.number;
        if (place >= first_index_ || fact.index() >= first_index_) return {};
        window.pop_front();
    }
}

// The common case: the next lines are exactly the batch's.
bool EntryAudit::matches(const wire::Header& header) {
    const std::uint64_t first = header.first_index.value;
    const FactWindow& window = reader_.window();
    if (window.size() < header.count) return false;
    const auto stray = strays_.lower_bound(first);
    if (stray != strays_.end() && stray->first < first + header.count) return false;
    leaves_.clear();
    for (std::uint64_t i = 0; i < header.count; ++i) {
        const EntryFact& fact = window[i];
        if (fact.shape != EntryFact::Shape::good || fact.claimed != first + i) return false;
        leaves_.push_back(fact.leaf);
    }
    return merkle::root_of(leaves_) == header.merkle_root;
}

void EntryAudit::accept(const EntryFact& fact) {
    ++checked_.entries;
    if (fact.is_erased()) {
        ++checked_.pruned;
        prune_.met(fact.index());
    } else {
        ++(fact.is_alert() ? checked_.alerts : checked_.audits);
        times_.entry(fact);
    }
    const Segment& segment = segments_[fact.segment];
    const bool follows = fact.index() == (last_index_ ? *last_index_ + 1 : 0);
    if (fact.number == 0 && follows && fact.index() != segment.first_line) {
        Fault fault;
        fault.kind = "segment_name";
        fault.phrase = "a segment's name is not the number of its first line";
        fault.segment = segment.name;
        fault.expected = std::to_string(fact.index());
        fault.found = std::to_string(segment.first_line);
        faults_.add(std::move(fault));
    }
    last_index_ = fact.index();
    if (!fact.is_erased()) devices_.entry(fact, faults_, segment);
}

// All entries of a batch, in order. Where lines are gone, what they were is not there to be
// compared with the header: its own sources, or the file beside the log that holds them, stand in.
template <class Facts>
void EntryAudit::accept_batch(const wire::Header& header, const Facts& facts) {
    const auto erased = std::find_if(facts.begin(), facts.end(),
                                     [](const EntryFact& fact) { return fact.is_erased(); });
    devices_.begin_batch();
    for (const EntryFact& fact : facts) accept(fact);
    if (erased == facts.end()) {
        devices_.end_batch(header, faults_);
        return;
    }
    const auto sources = prune_.sources_of(header, segments_[erased->segment], faults_);
    if (sources) {
        devices_.pruned_batch(header, *sources);
    } else {
        devices_.damaged_batch(&header);
    }
}

Result<void> EntryAudit::batch(const wire::Header& header) {
    sealed_end_ = header.first_index.value + header.count;
    if (header.count == 0) return {};
    if (auto filled = reader_.fill(header.count); !filled) return filled;
    if (!matches(header)) return damaged(header);
    auto& window = reader_.window();
    const auto end = window.begin() + static_cast<std::ptrdiff_t>(header.count);
    accept_batch(header, std::ranges::subrange(window.begin(), end));
    window.pop_front(header.count);
    return {};
}

// Which lines of the window belong to entries [first, first + count), or to earlier ones that
// nobody wanted.
std::vector<bool> EntryAudit::choose_lines(std::uint64_t first, std::uint64_t count) {
    const auto& window = reader_.window();
    std::vector<bool> filled(count, false);
    std::vector<bool> take(window.size(), false);
    for (std::size_t i = 0; i < window.size(); ++i) {
        const std::uint64_t index = window[i].index();
        if (index >= first + count) continue;
        take[i] = true;
        if (index >= first) filled[index - first] = true;
    }
    // A line whose `index` was altered stands where its entry is missing, between neighbours
    // that go on without it. A line that its successor continues is itself: others are missing.
    for (std::size_t i = 0; i < window.size(); ++i) {
        const EntryFact& fact = window[i];
        if (take[i] || fact.guess < first || fact.guess >= first + count) continue;
        if (filled[fact.guess - first]) continue;
        const bool last = i + 1 == window.size();
        const bool continued = !last && window[i + 1].index() == fact.index() + 1;
        if (continued || (last && fact.index() <= first + count + 1)) continue;
        take[i] = true;
        filled[fact.guess - first] = true;
    }
    return take;
}

Result<void> EntryAudit::look_ahead(std::uint64_t first, std::uint64_t count) {
    if (auto filled = reader_.fill(count + kLookaheadNear); !filled) return filled;
    std::uint64_t found = 0;
    for (const EntryFact& fact : reader_.window()) {
        const bool ours = fact.index() >= first && fact.index() < first + count;
        if (ours && fact.shape == EntryFact::Shape::good) ++found;
    }
    if (found >= count) return {};
    return reader_.fill(count + kLookaheadFar);
}

std::vector<EntryFact> EntryAudit::take_lines(std::uint64_t first, std::uint64_t count) {
    std::vector<EntryFact> taken;
    while (!strays_.empty() && strays_.begin()->first < first + count) {
        taken.push_back(std::move(strays_.begin()->second));
        strays_.erase(strays_.begin());
    }
    std::sort(taken.begin(), taken.end(),
              [](const EntryFact& a, const EntryFact& b) { return a.ordinal < b.ordinal; });
    const std::vector<bool> take = choose_lines(first, count);
    const auto last = std::find(take.rbegin(), take.rend(), true);
    auto& window = reader_.window();
    std::vector<EntryFact> from_window;
    std::vector<EntryFact> passed;
    const auto prefix = static_cast<std::size_t>(take.rend() - last);
    for (std::size_t i = 0; i < prefix; ++i) {
        (take[i] ? from_window : passed).push_back(std::move(window.front()));
        window.pop_front();
    }
    blame_order(from_window, passed);
    window.put_back(std::move(passed));
    for (EntryFact& fact : from_window) taken.push_back(std::move(fact));
    return taken;
}

// Lines of later batches (`passed`) stood before lines of this one: the smaller group is the one
// out of its place. Lines that stood too early leave the window and wait for their batch.
void EntryAudit::blame_order(const std::vector<EntryFact>& taken, std::vector<EntryFact>& passed) {
    if (passed.empty()) return;
    std::vector<const EntryFact*> late;
    std::vector<const EntryFact*> early;
    for (const EntryFact& fact : taken) {
        if (fact.ordinal > passed.front().ordinal) late.push_back(&fact);
    }
    for (const EntryFact& fact : passed) early.push_back(&fact);
    if (early.size() > late.size()) {
        add_reordered(std::move(late));
        return;
    }
    add_reordered(std::move(early));
    for (EntryFact& fact : passed) {
        if (strays_.size() >= kStraysMax) {
            drop(fact);
            continue;
        }
        fact.blamed = true;
        strays_.emplace(fact.index(), std::move(fact));
    }
    passed.clear();
}

void EntryAudit::add_reordered(std::vector<const EntryFact*> facts) {
    std::sort(facts.begin(), facts.end(),
              [](const EntryFact* a, const EntryFact* b) { return a->index() < b->index(); });
    for (std::size_t i = 0; i < facts.size();) {
        std::size_t end = i + 1;
        while (end < facts.size() && facts[end]->index() == facts[end - 1]->index() + 1) ++end;
        Fault fault = line_fault(*facts[i], segments_, "reordered", "re-ordered");
        fault.index_last = facts[end - 1]->index();
        fault.detail = "out of place in the file";
        faults_.add(std::move(fault));
        i = end;
    }
}

// A line no batch has room for.
void EntryAudit::drop(const EntryFact& fact) {
    const bool good = fact.shape == EntryFact::Shape::good;
    Fault fault = line_fault(fact, segments_, good ? "duplicated" : "inserted",
                             good ? "appears again or out of place" : "followed by a foreign line");
    fault.detail = fact.why();
    faults_.add(std::move(fault));
}

Result<void> EntryAudit::damaged(const wire::Header& header) {
    const std::uint64_t first = header.first_index.value;
    if (auto ready = look_ahead(first, header.count); !ready) return ready;
    DamagedBatch batch;
    batch.batch_id = header.batch_id.value;
    batch.first_index = first;
    batch.count = header.count;
    batch.merkle_root = header.merkle_root;
    for (EntryFact& fact : take_lines(first, header.count)) {
        const bool ours = fact.index() >= first || fact.guess >= first;
        if (!ours) {
            drop(fact);
        } else {
            batch.lines.push_back(std::move(fact));
        }
    }
    batch.leaves = hints_.leaves(first, header.count, header.merkle_root);
    auto whole = name_damage(std::move(batch), segments_, faults_);
    if (!whole) {
        devices_.damaged_batch(&header);
        last_index_ = first + header.count - 1;
        return {};
    }
    accept_batch(header, *whole);
    return {};
}

Result<void> EntryAudit::skip_to(std::uint64_t index) {
    bool skipped = false;
    while (true) {
        if (auto filled = reader_.fill(1); !filled) return filled;
        auto& window = reader_.window();
        if (window.empty() || window.front().index() >= index) break;
        const EntryFact& fact = window.front();
        if (fact.shape != EntryFact::Shape::good) {
            Fault fault = line_fault(fact, segments_, "altered", "altered");
            fault.detail = fact.why();
            faults_.add(std::move(fault));
        }
        last_index_ = fact.index();
        skipped = true;
        window.pop_front();
    }
    if (skipped) devices_.damaged_batch(nullptr);
    return {};
}

Result<void> EntryAudit::pass_over(std::uint64_t index) {
    bool skipped = false;
    while (true) {
        if (auto filled = reader_.fill(1); !filled) return filled;
        auto& window = reader_.window();
        if (window.empty()) break;
        const EntryFact& fact = window.front();
        const std::uint64_t at = segments_[fact.segment].first_line + fact.number;
        if (at >= index) break;
        const bool cut = fact.has_nul || fact.shape == EntryFact::Shape::cut_short;
        if (cut || fact.too_long) {
            auto crash = left_by_crash(fs_, segments_, fact.segment, fact.offset, kLinesOfGroup);
            if (!crash) return std::move(crash).error();
            if (cut && *crash) break;
            Fault fault = line_fault(fact, segments_, "altered", "altered");
            fault.detail = fact.why();
            faults_.add(std::move(fault));
        }
        last_index_ = at;
        skipped = true;
        window.pop_front();
    }
    if (skipped) devices_.damaged_batch(nullptr);
    return {};
}

void EntryAudit::tail_gap(std::uint64_t from, std::uint64_t to) {
    Fault fault;
    fault.kind = "missing";
    fault.phrase = "missing";
    fault.index = from;
    fault.index_last = to - 1;
    fault.detail = "not sealed yet";
    faults_.add(std::move(fault));
}

// One unsealed line: nothing but its form and its place can be checked.
void EntryAudit::tail_line(EntryFact fact, std::uint64_t& expected) {
    auto& window = reader_.window();
    const bool swapped = !window.empty() && window.front().claimed == expected && fact.claimed &&
                         *fact.claimed > expected;
    if (swapped) {
        EntryFact second = std::move(window.front());
        window.pop_front();
        Fault fault = line_fault(fact, segments_, "reordered", "re-ordered");
        fault.index = expected;
        fault.index_last = fact.claimed;
        fault.detail = "not sealed yet";
        faults_.add(std::move(fault));
        accept(second);
        ++expected;
    }
    const bool good = fact.shape == EntryFact::Shape::good;
    const bool next_goes_on = !window.empty() && window.front().claimed == expected + 1;
    if (!good || (fact.claimed != expected && next_goes_on)) {
        Fault fault = line_fault(fact, segments_, "altered", "altered");
        fault.index = expected;
        fault.detail = good ? "not sealed yet" : fact.why();
        if (good) {
            fault.expected = "index " + std::to_string(expected);
            fault.found = std::to_string(*fact.claimed);
        }
        faults_.add(std::move(fault));
        ++expected;
        return;
    }
    if (*fact.claimed < expected) {
        drop(fact);
        return;
    }
    if (*fact.claimed > expected) tail_gap(expected, *fact.claimed);
    expected = *fact.claimed + 1;
    accept(fact);
}

Result<std::uint64_t> EntryAudit::tail(std::uint64_t first_index) {
    std::uint64_t expected = first_index;
    devices_.begin_batch();
    while (true) {
        if (auto filled = reader_.fill(2); !filled) return std::move(filled).error();
        auto& window = reader_.window();
        if (window.empty()) break;
        EntryFact fact = std::move(window.front());
        window.pop_front();
        const bool cut = fact.shape == EntryFact::Shape::cut_short || fact.has_nul;
        if (cut && fact.segment + 1 == segments_.size()) {
            auto taken = take_crash_tail(fact);
            if (!taken) return std::move(taken).error();
            if (*taken) break;
        }
        tail_line(std::move(fact), expected);
    }
    for (const auto& [index, fact] : strays_) drop(fact);
    strays_.clear();
    if (auto done = check_ends(); !done) return std::move(done).error();
    return expected - first_index;
}

// What a crash cut short is not sealed, so nothing is claimed of it. The rest of the file belongs
// to the same write.
Result<bool> EntryAudit::take_crash_tail(const EntryFact& fact) {
    const Segment& segment = segments_[fact.segment];
    auto tail = crash_tail(fs_, segment, fact.offset, kLinesOfGroup);
    if (!tail) return std::move(tail).error();
    if (!tail->possible) return false;
    const std::string start = tail->start.substr(0, tail->bytes).substr(0, kEntryStart.size());
    const bool begins_well = kEntryStart.starts_with(start);
    const std::string place = segment.name + " line " + std::to_string(fact.number + 1);
    if (begins_well && !tail->has_holes) {
        notes_.push_back(place + " is incomplete and not sealed: a write that a crash cut short");
    } else {
        undecided_.push_back(place + ": " + std::to_string(tail->bytes) +
                             " bytes behind the last entry are what a crash may leave (the "
                             "daemon's next start mends it), or somebody wrote there");
    }
    while (true) {
        reader_.window().clear();
        if (auto filled = reader_.fill(1); !filled) return std::move(filled).error();
        if (reader_.window().empty()) break;
    }
    crash_tail_taken_ = true;
    return true;
}

Result<void> EntryAudit::check_ends() {
    for (const std::size_t segment : reader_.misnamed()) {
        faults_.add(misnamed_fault(segments_[segment]));
    }
    for (const SegmentEnd& end : reader_.ends()) {
        if (!end.padding && crash_tail_taken_) continue;
        if (!end.padding) {
            EntryFact at;
            at.segment = static_cast<std::uint32_t>(end.segment);
            at.number = end.line;
            at.offset = end.offset;
            auto taken = end.segment + 1 == segments_.size() ? take_crash_tail(at) : false;
            if (!taken) return std::move(taken).error();
            if (*taken) continue;
        }
        Fault fault;
        fault.kind = "padding";
        fault.phrase = end.padding ? "zero bytes behind the last line of a closed segment"
                                   : "bytes behind the zero padding";
        fault.segment = segments_[end.segment].name;
        fault.line = end.line + 1;
        fault.detail = std::to_string(end.bytes) + " bytes";
        faults_.add(std::move(fault));
    }
    return {};
}

std::vector<std::string> EntryAudit::notes(bool whole) {
    std::vector<std::string> notes = std::move(notes_);
    for (std::string& note : times_.notes()) notes.push_back(std::move(note));
    if (const std::uint64_t end = hints_.end(); whole && end > sealed_end_) {
        notes.push_back("the leaf hashes beside the log reach entry " + std::to_string(end - 1) +
                        ", the sealed batches only " +
                        (sealed_end_ == 0 ? std::string("none") : std::to_string(sealed_end_ - 1)) +
                        ": sealed batches may be gone");
    }
    for (std::string& note : devices_.gap_notes(kGapNotesMax)) notes.push_back(std::move(note));
    return notes;
}

}  // namespace anchorlog::verify
