#include "verify/evidence_source.h"

#include <algorithm>

#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/pruned_lines.h"
#include "verify/history_audit.h"
#include "verify/leaf_hints.h"

namespace anchorlog::verify {
namespace {

constexpr std::size_t kHitsMax = 1'000;

std::string batch_text(std::uint64_t batch) { return "batch " + std::to_string(batch); }

}  // namespace

Result<void> EvidenceSource::open() {
    auto batches = list_segments(fs_, dir_, "batches");
    if (!batches) return std::move(batches).error().in("no log to verify");
    auto log = list_segments(fs_, dir_, "log");
    if (!log) return std::move(log).error().in("no log to verify");
    if (batches->segments.empty()) return Error{Errc::not_found, "batches/ is empty"};
    batches_ = std::move(*batches);
    log_ = std::move(*log);
    return {};
}

Result<void> EvidenceSource::read(const WhichEntry& which) {
    const auto* index = std::get_if<EntryIndex>(&which);
    if (index != nullptr) asked_index_ = index->value;
    auto done =
        index != nullptr ? find_index(index->value) : find_id(std::get<wire::EntryId>(which));
    if (done) done = read_batches();
    return done ? read_anchors() : done;
}

void EvidenceSource::add(const RawLine& raw, std::uint64_t index) {
    FoundEntry found;
    found.text = raw.text;
    found.place.index = index;
    found.place.segment = log_.segments[raw.segment].name;
    found.place.line = raw.number + 1;
    found.in_place = log_.segments[raw.segment].first_line + raw.number == index;
    found.cut_short = raw.cut_short || raw.too_long;
    found_.push_back(std::move(found));
}

// The line that says it is `index`; without one, the line that stands in its place.
Result<void> EvidenceSource::find_index(std::uint64_t index) {
    const Segment* segment = segment_of(log_.segments, index);
    if (segment == nullptr) return {};
    const auto first = static_cast<std::size_t>(segment - log_.segments.data());
    LineStream stream(fs_, log_.segments, wire::kEntryLineSizeMax, first);
    RawLine raw;
    const std::string member = ",\"index\":" + std::to_string(index);
    while (true) {
        auto more = stream.next(raw);
        if (!more) return std::move(more).error();
        if (!*more || raw.segment != first) return {};
        const bool says_so =
            raw.text.find(member) != std::string_view::npos && read_entry(raw).claimed == index;
        if (says_so) {
            found_.clear();
            add(raw, index);
            return {};
        }
        if (segment->first_line + raw.number == index) add(raw, index);
    }
}

bool EvidenceSource::is_pruned(const FoundEntry& found) const {
    if (!wire::is_erased_line(found.text)) return false;
    const EntryIndex index(*found.place.index);
    return std::any_of(pruned_.begin(), pruned_.end(), [&](const wire::PruneRange& range) {
        return range.first <= index && index <= range.last;
    });
}

bool EvidenceSource::has_pruned_segments() const {
    return std::any_of(log_.segments.begin(), log_.segments.end(),
                       [](const Segment& segment) { return segment.is_pruned; });
}

Result<void> EvidenceSource::find_id(const wire::EntryId& id) {
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

// Every header, for the history tree, and which of them hold the entries.
Result<void> EvidenceSource::read_batches() {
    Report history_report;
    BatchReader reader(fs_, batches_.segments, faults_);
    auto keys = std::make_shared<LogKeys>();
    HistoryAudit history(trust_, faults_, history_report, keys);
    for (;; ++batches_end_) {
        auto step = reader.next(batches_end_);
        if (!step) return std::move(step).error();
        if (step->kind == BatchReader::Step::Kind::end) break;
        if (step->kind == BatchReader::Step::Kind::lost) {
            history.lost();
            continue;
        }
        const SealedFacts facts = history.line(reader, step->fact, batches_end_);
        if (!facts.header_holds) continue;
        if (history.intact()) {
            header_leaves_.push_back(merkle::hash_leaf(as_bytes(step->fact.line.header)));
        }
        if (facts.understood) keep_header(step->fact);
        if (facts.understood && facts.seal_holds) keep_sealed(step->fact);
        const auto& change = step->fact.header.key_change;
        if (!facts.understood || !change) continue;
        const auto& now = keys->current()->keys;
        const bool is_followed = now.size() == 1 && wire::format_vkey(now[0]) == change->new_key;
        if (is_followed) key_changes_.push_back(step->fact.header);
    }
    origin_ = history.origin();
    undecided_ = std::move(history_report.undecided);
    if (reader.torn()) notes_.push_back(reader.torn_at() + " is incomplete");
    audit_faults_ = faults_.take();
    return {};
}

void EvidenceSource::keep_header(const BatchFact& fact) {
    const wire::Header& header = fact.header;
    const std::uint64_t first = header.first_index.value;
    sealed_end_ = std::max(sealed_end_, first + header.count);
    if (header.prune) {
        pruned_.insert(pruned_.end(), header.prune->ranges.begin(), header.prune->ranges.end());
    }
    if (header.kind == "key") key_batches_.push_back(header.batch_id.value);
    for (FoundEntry& found : found_) {
        const std::uint64_t index = *found.place.index;
        if (index >= first && index - first < header.count) found.batch = fact;
    }
}

void EvidenceSource::keep_sealed(const BatchFact& fact) {
    newest_ = fact;
    const std::uint64_t first = fact.header.first_index.value;
    const bool covers =
        asked_index_ && *asked_index_ >= first && *asked_index_ - first < fact.header.count;
    if (covers) asked_ = fact;
}

bool EvidenceSource::is_wanted(const wire::AnchorReceipt& receipt) const {
    return std::any_of(found_.begin(), found_.end(), [&](const FoundEntry& found) {
        return found.batch && receipt.from_batch <= found.batch->header.batch_id &&
               found.batch->header.batch_id <= receipt.batch_id;
    });
}

bool EvidenceSource::is_wanted(const wire::AnchorToken& token) const {
    return std::any_of(found_.begin(), found_.end(), [&](const FoundEntry& found) {
        if (!found.batch || token.batch_id < found.batch->header.batch_id) return false;
        return std::none_of(tokens_.begin(), tokens_.end(), [&](const wire::AnchorToken& one) {
            return one.target == token.target && found.batch->header.batch_id <= one.batch_id &&
                   one.batch_id <= token.batch_id;
        });
    });
}

// Receipts that cover an entry and still stand, and tokens over it. Other lines are the whole log's
// audit's.
Result<void> EvidenceSource::read_anchors() {
    auto list = list_segments(fs_, dir_, "anchors");
    if (!list) {
        return list.error().code == Errc::not_found ? Result<void>() : std::move(list).error();
    }
    LineStream stream(fs_, list->segments, kAnchorLineSizeMax);
    RawLine raw;
    while (true) {
        auto more = stream.next(raw);
        if (!more) return std::move(more).error();
        if (!*more) return {};
        // An attempt covers nothing, and most lines are attempts.
        if (raw.text.find("\"kind\":\"attempt\"") != std::string_view::npos) continue;
        auto step = wire::parse_anchor_step(raw.text);
        if (!step) {
            notes_.push_back("elsewhere in the store: " + list->segments[raw.segment].name +
                             " line " + std::to_string(raw.number + 1) +
                             " does not read: " + step.error().message);
        } else if (auto* receipt = std::get_if<wire::AnchorReceipt>(&*step)) {
            if (is_wanted(*receipt)) receipts_.push_back(std::move(*receipt));
        } else if (auto* token = std::get_if<wire::AnchorToken>(&*step)) {
            if (is_wanted(*token)) tokens_.push_back(std::move(*token));
        } else if (const auto* gone = std::get_if<wire::AnchorSuperseded>(&*step)) {
            std::erase_if(receipts_, [gone](const wire::AnchorReceipt& one) {
                return one.target == gone->target && one.batch_id == gone->batch_id &&
                       one.hash == gone->hash;
            });
        }
    }
}

// The lines of a batch by their own index; a line that is not there leaves no leaf.
Result<std::vector<Hash>> EvidenceSource::read_leaves(std::uint64_t first, std::uint64_t count) {
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

// The leaves that give the batch's root: of its lines, or else as kept beside the log.
Result<std::vector<Hash>> EvidenceSource::batch_leaves(const wire::Header& header) {
    const std::uint64_t first = header.first_index.value;
    auto leaves = read_leaves(first, header.count);
    if (leaves && merkle::root_of(*leaves) == header.merkle_root) return leaves;
    if (!leaves && leaves.error().code != Errc::not_found) return leaves;
    LeafHints hints(fs_, log_.segments);
    auto proven = hints.leaves(first, header.count, header.merkle_root);
    if (!proven) {
        return Error{Errc::corruption,
                     "the batch's lines do not give its merkle_root, and without the leaf hashes "
                     "beside the log it cannot be told which was altered"};
    }
    notes_.push_back(batch_text(header.batch_id.value) +
                     ": lines of it are altered or missing; what proves the entry are the leaf "
                     "hashes beside the log");
    return std::move(*proven);
}

Result<wire::BatchLine> EvidenceSource::batch_line(std::uint64_t batch) {
    const Segment* segment = segment_of(batches_.segments, batch);
    if (segment == nullptr) return Error{Errc::not_found, batch_text(batch) + " has no line"};
    const auto from = static_cast<std::size_t>(segment - batches_.segments.data());
    LineStream stream(fs_, batches_.segments, kBatchLineSizeMax, from);
    RawLine raw;
    while (true) {
        auto more = stream.next(raw);
        if (!more) return std::move(more).error();
        if (!*more) return Error{Errc::not_found, batch_text(batch) + " has no line"};
        auto line = wire::parse_batch_line(raw.text);
        if (line && merkle::hash_leaf(as_bytes(line->header)) == header_leaves_[batch]) return line;
    }
}

HistoryPaths EvidenceSource::paths_of(std::uint64_t batch) const {
    return [this, batch](TreeSize size) -> Result<merkle::Path> {
        if (size.value > batches_end_) {
            return Error{Errc::corruption,
                         std::to_string(batches_end_) + " in the store: it was rolled back or cut"};
        }
        if (size.value > header_leaves_.size()) {
            return Error{Errc::not_found, "a header before it is lost"};
        }
        return merkle::inclusion_path(batch, std::span(header_leaves_).first(size.value));
    };
}

// The tokens over the batch, each with the checkpoint it was given for. One that does not fit is
// brought all the same: the check says what is wrong with it.
void EvidenceSource::add_stamps(std::uint64_t batch, wire::Evidence& evidence) {
    for (const wire::AnchorToken& token : tokens_) {
        const std::uint64_t stamped = token.batch_id.value;
        if (stamped < batch || evidence.stamps.size() == wire::kEvidenceStampsMax) continue;
        auto path = paths_of(batch)(TreeSize(stamped + 1));
        auto line = path ? batch_line(stamped) : Result<wire::BatchLine>(path.error());
        if (!line) {
            notes_.push_back("the time stamp of " + batch_text(stamped) +
                             " is left out: " + line.error().message);
            continue;
        }
        evidence.stamps.push_back({std::move(line->checkpoint), std::move(*path), token});
    }
}

// The checkpoint of the newest anchor over the batch, so that the root that was signed is the one
// that was anchored; without an anchor the newest checkpoint there is.
Result<void> EvidenceSource::add_history(const FoundEntry& found, wire::Evidence& evidence) {
    const std::uint64_t batch = evidence.batch_id.value;
    const HistoryPaths paths = paths_of(batch);
    std::uint64_t size = 0;
    for (const wire::AnchorReceipt& receipt : receipts_) {
        if (batch < receipt.from_batch.value || receipt.batch_id.value < batch) continue;
        auto path = paths(TreeSize(receipt.batch_id.value + 1));
        if (!path && path.error().code == Errc::not_found) {
            notes_.push_back("the anchor of " + batch_text(receipt.batch_id.value) +
                             " is left out: " + path.error().message);
            continue;
        }
        if (path) size = std::max(size, receipt.batch_id.value + 1);
        evidence.anchors.push_back({path ? std::move(*path) : merkle::Path(), receipt});
    }
    add_stamps(batch, evidence);
    if (size == 0) size = header_leaves_.size();
    auto line =
        size == batch + 1 ? Result<wire::BatchLine>(found.batch->line) : batch_line(size - 1);
    if (!line) return std::move(line).error();
    evidence.checkpoint = std::move(line->checkpoint);
    auto path = paths(TreeSize(size));
    if (!path) return std::move(path).error();
    evidence.history_path = std::move(*path);
    for (const std::uint64_t key : key_batches_) {
        if (key >= size) break;
        auto key_line = batch_line(key);
        if (!key_line) return std::move(key_line).error();
        auto key_path = paths_of(key)(TreeSize(size));
        if (!key_path) return std::move(key_path).error();
        evidence.keys.push_back(
            {std::move(key_line->checkpoint), std::move(key_line->header), std::move(*key_path)});
    }
    return {};
}

Result<EvidenceSource::Put> EvidenceSource::put_together(const FoundEntry& found) {
    Put put;
    const std::uint64_t index = *found.place.index;
    if (found.cut_short) {
        put.missing = {true, "parse", "altered", "the line is cut short or too long"};
        return put;
    }
    if (!found.batch) {
        const bool sealed = index < sealed_end_;
        put.missing = {sealed, "batch",
                       sealed ? "not covered by any readable header" : "not sealed yet",
                       sealed ? "" : "nothing proves it"};
        return put;
    }
    const wire::Header& header = found.batch->header;
    if (header.batch_id.value >= header_leaves_.size()) {
        put.missing = {true, "history_path", "not linked to the log's beginning",
                       "a header before its batch is lost"};
        return put;
    }
    auto leaves = batch_leaves(header);
    if (!leaves && leaves.error().code != Errc::corruption) return std::move(leaves).error();
    if (!leaves) {
        put.missing = {true, "batch_path", "not proven", leaves.error().message};
        return put;
    }
    const std::uint64_t place = index - header.first_index.value;
    put.leaf = (*leaves)[place];
    wire::Evidence evidence;
    evidence.batch_id = header.batch_id;
    evidence.entry = found.text;
    evidence.header = found.batch->line.header;
    evidence.seal = found.batch->line.seal;
    auto path = merkle::inclusion_path(place, *leaves);
    if (!path) return std::move(path).error();
    evidence.batch_path = std::move(*path);
    if (auto added = add_history(found, evidence); !added) return std::move(added).error();
    put.evidence = std::move(evidence);
    return put;
}

}  // namespace anchorlog::verify
