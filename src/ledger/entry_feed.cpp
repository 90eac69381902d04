#include "ledger/entry_feed.h"

#include <utility>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/alert_line.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/pruned_lines.h"
#include "ledger/damage.h"

namespace anchorlog::ledger {
namespace {

// A little under two reads of a journal, so that hardly any byte is read twice.
constexpr std::size_t kChunkBytes = (2u << 20) - (64u << 10);
// Fewer lines are taken apart sooner than a thread starts.
constexpr std::size_t kThreadLinesMin = 64;

Error wrong_index(EntryIndex index) {
    return {Errc::corruption, "it carries index " + std::to_string(index.value)};
}

Result<FedEntry> parse_erased(std::uint64_t number, std::string_view text) {
    auto line = wire::parse_erased_line(text);
    if (!line) return std::move(line).error();
    if (line->index.value != number) return wrong_index(line->index);
    FedEntry entry;
    entry.index = line->index;
    entry.leaf = line->leaf;
    entry.is_erased = true;
    return entry;
}

Result<FedEntry> parse_any(std::uint64_t number, std::string_view text) {
    if (wire::is_erased_line(text)) return parse_erased(number, text);
    auto line = wire::parse_entry_line(text);
    if (!line) return std::move(line).error();
    if (line->index.value != number) return wrong_index(line->index);
    FedEntry entry;
    entry.index = line->index;
    entry.received_at = line->received_at;
    entry.leaf = merkle::hash_leaf(as_bytes(text));
    if (line->kind == wire::EntryLine::Kind::audit) return entry;
    auto key = wire::alert_key(line->body);
    if (!key) return std::move(key).error();
    entry.alert = std::move(*key);
    return entry;
}

// By far the most lines: alerts as the daemon writes them, taken apart in one walk.
Result<FedEntry> parse(std::uint64_t number, std::string_view text) {
    const auto alert = wire::read_expected_line(text);
    if (!alert) return parse_any(number, text);
    if (alert->index.value != number) return wrong_index(alert->index);
    FedEntry entry;
    entry.index = alert->index;
    entry.received_at = alert->received_at;
    entry.leaf = merkle::hash_leaf(as_bytes(text));
    entry.alert =
        wire::AlertKey{std::string(alert->device_id), alert->entry_id, alert->epoch, alert->seq_no};
    return entry;
}

}  // namespace

EntryFeed::EntryFeed(const store::Journal& log, EntryIndex from,
                     const std::optional<BatchPlace>& before)
    : log_(log), from_(from.value), next_line_(from.value) {
    if (before && before->count > 0) {
        next_line_ = before->first_index.value;
        hint_ = before->log_at;
    }
    ahead_ = read();
    prepare_next();
}

Result<const FedEntry*> EntryFeed::next() {
    while (given_ == current_.entries.size()) {
        if (current_.end) return *current_.end;
        if (!next_.valid()) return nullptr;
        current_ = next_.get();
        given_ = 0;
        if (!current_.end) prepare_next();
    }
    return &current_.entries[given_++];
}

void EntryFeed::prepare_next() {
    Lines lines = std::exchange(ahead_, {});
    if (lines.lines.empty() && !lines.end) return;
    const bool is_last = lines.end.has_value();
    // Here, by next(), if there can be no other thread.
    auto where = std::launch::deferred;
    if (lines.lines.size() >= kThreadLinesMin) where |= std::launch::async;
    next_ = std::async(where, &EntryFeed::take_apart, std::move(lines));
    if (!is_last) ahead_ = read();
}

EntryFeed::Lines EntryFeed::read() {
    Lines out;
    out.text.reserve(kChunkBytes + wire::kEntryLineSizeMax);
    bool is_full = false;
    const auto visit = [&](std::uint64_t number, std::string_view text,
                           store::LinePosition at) -> Result<void> {
        if (number < from_) return {};
        if (out.text.size() >= kChunkBytes) {
            is_full = true;
            hint_ = at;
            return Error{Errc::not_found, "the chunk is full"};
        }
        out.lines.push_back({number, at, out.text.size(), text.size()});
        out.text.append(text);
        next_line_ = number + 1;
        return {};
    };
    const auto hint = std::exchange(hint_, std::nullopt);
    auto visited = log_.for_each(next_line_, visit, hint ? &*hint : nullptr);
    if (!visited && !is_full) out.end = std::move(visited).error();
    return out;
}

EntryFeed::Entries EntryFeed::take_apart(Lines lines) {
    Entries out;
    out.entries.reserve(lines.lines.size());
    for (const Line& line : lines.lines) {
        auto entry =
            parse(line.number, std::string_view(lines.text).substr(line.offset, line.size));
        if (!entry) {
            out.end =
                damage("log/ line " + std::to_string(line.number) + ": " + entry.error().message);
            return out;
        }
        entry->at = line.at;
        out.entries.push_back(std::move(*entry));
    }
    out.end = std::move(lines.end);
    return out;
}

}  // namespace anchorlog::ledger
