#include "anchorlog/ledger/state_index.h"

#include <algorithm>

#include "anchorlog/base/assert.h"
#include "anchorlog/base/bytes.h"

namespace anchorlog::ledger {
namespace {

void put(std::string& out, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>((value >> shift) & 0xff));
    }
}

std::uint64_t take(std::string_view text, std::size_t at) {
    return read_u64be(as_bytes(text.substr(at, 8)).data());
}

std::string key_u64(char kind, std::uint64_t value) {
    std::string key(1, kind);
    put(key, value);
    return key;
}

std::string node_key(merkle::NodeId id) {
    std::string key{'n', static_cast<char>(id.level)};
    put(key, id.index);
    return key;
}

std::string source_key(std::string_view device_id, Epoch epoch, SeqNo seq_no) {
    std::string key = "s" + std::string(device_id);
    key.push_back('\0');
    put(key, epoch.value);
    put(key, seq_no.value);
    return key;
}

constexpr std::string_view kEntryIdKind = "e";
constexpr std::size_t kEntryIdKeySize = 1 + 16 + 8;

std::string entry_id_prefix(const wire::EntryId& id) {
    std::string key(kEntryIdKind);
    key.append(as_text(id));
    return key;
}

// A run that could not be ingested is tried again when so much of the next one has come.
constexpr std::uint64_t kTriesPerRun = 10;

constexpr std::size_t kPlaceSize = 6 * 8;

std::string encode_place(const BatchPlace& place) {
    std::string value;
    put(value, place.first_index.value);
    put(value, place.count);
    put(value, place.log_at.segment_first_line);
    put(value, place.log_at.offset);
    put(value, place.batches_at.segment_first_line);
    put(value, place.batches_at.offset);
    return value;
}

Error damaged(std::string_view what) {
    return {Errc::corruption, "state: " + std::string(what) +
                                  " has a wrong form: stop the daemon and delete state/, it is "
                                  "rebuilt at the next start"};
}

Result<std::optional<BatchPlace>> decode_place(BatchId id, std::string_view value) {
    if (value.size() != kPlaceSize) return damaged("a batch's place");
    return std::optional(BatchPlace{id,
                                    EntryIndex(take(value, 0)),
                                    take(value, 8),
                                    {take(value, 16), take(value, 24)},
                                    {take(value, 32), take(value, 40)}});
}

}  // namespace

StateIndex::StateIndex(std::unique_ptr<store::StateDb> db, std::uint64_t run_entries)
    : db_(std::move(db)), run_entries_(run_entries) {}

void StateIndex::add(const SealedBatch& batch, store::LinePosition batches_at) {
    const BatchPlace place{batch.header.batch_id, batch.header.first_index, batch.header.count,
                           batch.log_at, batches_at};
    const std::lock_guard lock(mutex_);
    auto& pairs = newest_.pairs;
    pairs[key_u64('b', place.batch_id.value)] = encode_place(place);
    if (place.count > 0) {
        std::string id;
        put(id, place.batch_id.value);
        pairs[key_u64('i', place.first_index.value)] = std::move(id);
    }
    for (const auto& [node, hash] : batch.nodes) {
        pairs[node_key(node)] = std::string(hash.bytes.begin(), hash.bytes.end());
    }
    for (const wire::Source& source : batch.sources) {
        std::string number;
        put(number, source.epoch.value);
        put(number, source.last_seq.value);
        std::string& known = pairs["d" + source.device_id];
        if (known < number) known = number;
        std::string value;
        put(value, source.last_seq.value);
        put(value, place.batch_id.value);
        pairs[source_key(source.device_id, source.epoch, source.first_seq)] = std::move(value);
    }
    newest_.entry_ids.insert(newest_.entry_ids.end(), batch.entry_ids.begin(),
                             batch.entry_ids.end());
    newest_.entries += place.count;
    newest_.through = {place.batch_id.value + 1, place.first_index.value + place.count};
}

bool StateIndex::run_due() const {
    const std::lock_guard lock(mutex_);
    if (ingesting_) return retry_at_entries_ && newest_.entries >= *retry_at_entries_;
    return newest_.entries >= run_entries_;
}

std::uint64_t StateIndex::entries_in_memory() const {
    const std::lock_guard lock(mutex_);
    return newest_.entries + (ingesting_ ? ingesting_->entries : 0);
}

Result<void> StateIndex::ingest() {
    const auto run = next_run();
    if (!run) return {};
    auto done = db_->ingest(*run, run->through);
    const std::lock_guard lock(mutex_);
    if (done) {
        ingesting_.reset();
    } else {
        retry_at_entries_ = newest_.entries + run_entries_ / kTriesPerRun;
    }
    return done;
}

// The run to ingest, sorted; null when there is nothing.
std::shared_ptr<const StateIndex::MemoryRun> StateIndex::next_run() {
    const std::lock_guard sorting(sorting_);
    {
        const std::lock_guard lock(mutex_);
        retry_at_entries_.reset();
        if (ingesting_) return ingesting_;     // an earlier try failed: the same run once more
        if (newest_.pairs.empty()) return {};  // every batch has its own
        ingesting_ = std::make_shared<MemoryRun>(std::move(newest_));
        newest_ = {};
        newest_.entry_ids.reserve(ingesting_->entry_ids.size());
    }
    ingesting_->sort();
    return ingesting_;
}

void StateIndex::MemoryRun::sort() {
    // Compared as two numbers, which order as the bytes do: memcmp would be a call each time.
    const auto number = [](const wire::EntryId& id, std::size_t at) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8U | id[at + i];
        return value;
    };
    std::sort(entry_ids.begin(), entry_ids.end(), [&](const auto& a, const auto& b) {
        if (const auto x = number(a.first, 0), y = number(b.first, 0); x != y) return x < y;
        if (const auto x = number(a.first, 8), y = number(b.first, 8); x != y) return x < y;
        return a.second < b.second;
    });
}

std::uint64_t StateIndex::MemoryRun::bytes_max() const {
    std::uint64_t bytes = entry_ids.size() * kEntryIdKeySize;
    for (const auto& [key, value] : pairs) bytes += key.size() + value.size();
    return bytes;
}

void StateIndex::MemoryRun::for_each(const Take& take) const {
    const auto behind_ids = pairs.lower_bound(kEntryIdKind);
    const auto give_pairs = [&](auto from, auto to) {
        return std::all_of(from, to,
                           [&](const auto& pair) { return take(pair.first, pair.second); });
    };
    if (!give_pairs(pairs.begin(), behind_ids)) return;
    std::string key;
    for (const auto& [id, index] : entry_ids) {
        key.assign(kEntryIdKind).append(as_text(id));
        put(key, index.value);
        if (!take(key, {})) return;
    }
    give_pairs(behind_ids, pairs.end());
}

Result<std::optional<std::string>> StateIndex::get(std::string_view key) const {
    std::shared_ptr<const MemoryRun> ingesting;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = newest_.pairs.find(key); found != newest_.pairs.end()) {
            return std::optional(found->second);
        }
        ingesting = ingesting_;
    }
    if (ingesting) {
        if (const auto found = ingesting->pairs.find(key); found != ingesting->pairs.end()) {
            return std::optional(found->second);
        }
    }
    return db_->get(key);
}

Result<std::optional<std::pair<std::string, std::string>>> StateIndex::last_in(
    std::string_view from, std::string_view to) const {
    std::optional<std::pair<std::string, std::string>> best;
    const auto consider = [&](const MemoryRun& run) {
        auto after = run.pairs.upper_bound(to);
        if (after == run.pairs.begin()) return;
        --after;
        if (std::string_view(after->first) < from) return;
        if (!best || best->first < after->first) best = *after;
    };
    {
        const std::lock_guard lock(mutex_);
        consider(newest_);
        if (ingesting_) consider(*ingesting_);
    }
    auto stored = db_->last_in(from, to);
    if (!stored) return stored;
    if (*stored && (!best || best->first < (*stored)->first)) best = **stored;
    return best;
}

Result<std::optional<BatchPlace>> StateIndex::batch(BatchId id) const {
    auto value = get(key_u64('b', id.value));
    if (!value) return std::move(value).error();
    if (!*value) return std::optional<BatchPlace>();
    return decode_place(id, **value);
}

Result<std::optional<BatchPlace>> StateIndex::batch_of(EntryIndex index) const {
    auto found = last_in(key_u64('i', 0), key_u64('i', index.value));
    if (!found) return std::move(found).error();
    if (!*found) return std::optional<BatchPlace>();
    if ((*found)->second.size() != 8) return damaged("an index entry");
    auto place = batch(BatchId(take((*found)->second, 0)));
    if (!place || !*place) return place;
    if (index.value >= (*place)->first_index.value + (*place)->count) {
        return std::optional<BatchPlace>();
    }
    return place;
}

Result<Hash> StateIndex::node(merkle::NodeId id) const {
    auto value = get(node_key(id));
    if (!value) return std::move(value).error();
    if (!*value) {
        return Error{Errc::not_found, "state: no history node at level " +
                                          std::to_string(id.level) + ", index " +
                                          std::to_string(id.index)};
    }
    return hash_from_bytes(as_bytes(**value));
}

Result<std::optional<BatchPlace>> StateIndex::batch_of(std::string_view device_id, Epoch epoch,
                                                       SeqNo seq_no) const {
    auto found =
        last_in(source_key(device_id, epoch, SeqNo(0)), source_key(device_id, epoch, seq_no));
    if (!found) return std::move(found).error();
    if (!*found) return std::optional<BatchPlace>();
    const std::string& value = (*found)->second;
    if (value.size() != 16) return damaged("a source entry");
    if (take(value, 0) < seq_no.value) return std::optional<BatchPlace>();
    return batch(BatchId(take(value, 8)));
}

Result<std::vector<EntryIndex>> StateIndex::find_entry_id(const wire::EntryId& id) const {
    std::vector<EntryIndex> found;
    const auto collect = [&](const MemoryRun& run) {
        for (const auto& [known, index] : run.entry_ids) {
            if (known == id) found.push_back(index);
        }
    };
    {
        const std::lock_guard sorting(sorting_);
        std::shared_ptr<const MemoryRun> ingesting;
        {
            const std::lock_guard lock(mutex_);
            collect(newest_);
            ingesting = ingesting_;
        }
        if (ingesting) collect(*ingesting);
    }
    const std::string prefix = entry_id_prefix(id);
    auto scanned = db_->scan(prefix, [&](std::string_view key, std::string_view) {
        if (key.size() == kEntryIdKeySize) found.push_back(EntryIndex(take(key, prefix.size())));
        return true;
    });
    if (!scanned) return std::move(scanned).error();
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

Result<void> StateIndex::for_each_device(
    const std::function<void(std::string_view, DeviceNumber)>& visit) const {
    const auto give = [&](std::string_view key, std::string_view value) {
        if (value.size() == 16) {
            visit(key.substr(1), {Epoch(take(value, 0)), SeqNo(take(value, 8))});
        }
        return true;
    };
    if (auto scanned = db_->scan("d", give); !scanned) return scanned;
    const std::lock_guard lock(mutex_);
    for (auto it = newest_.pairs.lower_bound("d");
         it != newest_.pairs.end() && it->first.starts_with('d'); ++it) {
        give(it->first, it->second);
    }
    return {};
}

}  // namespace anchorlog::ledger
