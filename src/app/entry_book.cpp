#include "app/entry_book.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/evidence.h"
#include "anchorlog/wire/pruned_lines.h"

namespace anchorlog::app {
namespace {

// Of one batch's lines, read for one proof.
constexpr std::uint64_t kBatchBytesMax = 64u << 20;

net::HttpReply refusal(const Error& error) {
    const unsigned status = error.code == Errc::invalid_input ? 400
                            : error.code == Errc::not_found   ? 404
                            : error.code == Errc::refused     ? 410
                            : error.code == Errc::unavailable ? 503
                                                              : 500;
    return {status, "text/plain; charset=utf-8", error.message + "\n"};
}

net::HttpReply places_page(const wire::EntryId& id, const EntryBook::Found& found) {
    nlohmann::json out = {{"entry_id", wire::format_entry_id(id)},
                          {"found", found.total},
                          {"entries", nlohmann::json::array()}};
    for (const EntryBook::Place& place : found.places) {
        out["entries"].push_back(
            {{"index", place.index.value}, {"batch_id", place.batch_id.value}});
    }
    return {found.total == 0 ? 404u : 200u, "application/json", out.dump(2) + "\n"};
}

}  // namespace

// The leaves of a batch and the one line that was asked for.
struct EntryBook::BatchLines {
    std::vector<Hash> leaves;
    std::string entry;
};

Result<EntryBook::Found> EntryBook::find(const wire::EntryId& id) const {
    auto indexes = state_.find_entry_id(id);
    if (!indexes) return std::move(indexes).error();
    Found found;
    found.total = indexes->size();
    indexes->resize(std::min(indexes->size(), kPlacesMax));
    for (const EntryIndex index : *indexes) {
        const auto batch = state_.batch_of(index);
        if (!batch) return batch.error();
        if (!*batch) {
            return Error{Errc::corruption, "state: no batch holds entry " +
                                               std::to_string(index.value) + " of this id"};
        }
        found.places.push_back({index, (*batch)->batch_id});
    }
    return found;
}

Result<EntryBook::BatchLines> EntryBook::read_batch(const ledger::BatchPlace& place,
                                                    EntryIndex index) const {
    BatchLines out;
    out.leaves.reserve(place.count);
    std::uint64_t bytes = 0;
    const std::uint64_t first = place.first_index.value;
    const auto visit = [&](std::uint64_t line, std::string_view text,
                           store::LinePosition) -> Result<void> {
        if (out.leaves.size() == place.count) return Error{Errc::not_found, "end of batch"};
        bytes += text.size();
        if (bytes > kBatchBytesMax) {
            return Error{Errc::unavailable, "batch " + std::to_string(place.batch_id.value) +
                                                " is too large to be read here; `logverify "
                                                "export` does it from the store"};
        }
        const auto erased = wire::is_erased_line(text) ? wire::parse_erased_line(text)
                                                       : Result<wire::ErasedLine>(Error{});
        out.leaves.push_back(erased ? erased->leaf : merkle::hash_leaf(as_bytes(text)));
        if (line == index.value) out.entry = text;
        return {};
    };
    auto visited = log_.for_each(first, visit, &place.log_at);
    if (!visited && visited.error().code != Errc::not_found) return std::move(visited).error();
    if (out.leaves.size() < place.count) return Error{Errc::corruption, "log/ ends early"};
    return out;
}

// The changes of the log's key before the batch.
Result<void> EntryBook::add_keys(wire::Evidence& evidence) const {
    const auto changes = book_.key_changes();
    if (!changes) return changes.error();
    for (const BatchId change : *changes) {
        if (change > evidence.batch_id) break;
        auto line = book_.line(change);
        if (!line) return std::move(line).error();
        auto path =
            merkle::inclusion_path(change.value, TreeSize(evidence.batch_id.value + 1),
                                   [this](merkle::NodeId node) { return state_.node(node); });
        if (!path) return std::move(path).error();
        evidence.keys.push_back(
            {std::move(line->checkpoint), std::move(line->header), std::move(*path)});
    }
    return {};
}

Result<std::string> EntryBook::evidence(const wire::EntryId& id, EntryIndex index) const {
    const Error absent{Errc::not_found, "no sealed entry " + std::to_string(index.value) +
                                            " has the id " + wire::format_entry_id(id)};
    const auto hits = state_.find_entry_id(id);
    if (!hits) return hits.error();
    const auto place = state_.batch_of(index);
    if (!place) return place.error();
    if (!*place || index.value - (*place)->first_index.value >= (*place)->count) return absent;
    auto lines = read_batch(**place, index);
    if (!lines) return std::move(lines).error();
    // Before the id, which nobody knows any more once state/ was rebuilt.
    if (wire::is_erased_line(lines->entry)) {
        return Error{Errc::refused,
                     "entry " + std::to_string(index.value) +
                         " is pruned: its line is in the archive, if it was kept; here only its "
                         "leaf hash is left, which still proves the entries beside it"};
    }
    if (!std::binary_search(hits->begin(), hits->end(), index)) return absent;
    // What the index says is only a hint: what is handed out is what it is asked for, or nothing.
    const auto entry = wire::parse_entry_line(lines->entry);
    const auto key = entry ? wire::alert_key(entry->body) : Result<wire::AlertKey>(entry.error());
    if (!key || key->entry_id != id) {
        return Error{Errc::corruption, "entry " + std::to_string(index.value) +
                                           " has another id than state/ says; stop the daemon and "
                                           "delete state/, it is rebuilt at the next start"};
    }
    auto line = book_.line((*place)->batch_id);
    if (!line) return std::move(line).error();
    wire::Evidence out;
    out.batch_id = (*place)->batch_id;
    auto path =
        merkle::inclusion_path(index.value - (*place)->first_index.value, std::span(lines->leaves));
    if (!path) return std::move(path).error();
    out.batch_path = std::move(*path);
    auto history =
        merkle::inclusion_path(out.batch_id.value, TreeSize(out.batch_id.value + 1),
                               [this](merkle::NodeId node) { return state_.node(node); });
    if (!history) return std::move(history).error();
    out.history_path = std::move(*history);
    out.checkpoint = std::move(line->checkpoint);
    out.entry = std::move(lines->entry);
    out.header = std::move(line->header);
    out.seal = std::move(line->seal);
    if (auto added = add_keys(out); !added) return std::move(added).error();
    return wire::format_evidence(out);
}

net::HttpReply entries_page(const EntryBook& book, std::string_view path) {
    path.remove_prefix(std::min(path.size(), kEntriesPath.size()));
    const std::size_t slash = path.find('/');
    const auto id = wire::parse_entry_id(path.substr(0, slash));
    if (!id) return refusal(id.error());
    if (slash == std::string_view::npos) {
        const auto found = book.find(*id);
        return found ? places_page(*id, *found) : refusal(found.error());
    }
    const std::string_view digits = path.substr(slash + 1);
    std::uint64_t index = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) {
        return refusal({Errc::invalid_input, "an entry's index is a decimal number"});
    }
    auto file = book.evidence(*id, EntryIndex(index));
    if (!file) return refusal(file.error());
    return {200, "text/plain; charset=utf-8", std::move(*file)};
}

}  // namespace anchorlog::app
