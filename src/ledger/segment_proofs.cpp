#include "ledger/segment_proofs.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/pruned_lines.h"
#include "ledger/damage.h"
#include "ledger/entry_feed.h"
#include "ledger/pruned_entries.h"

namespace anchorlog::ledger {
namespace {

class ProofReader {
public:
    ProofReader(FileSystem& fs, const std::string& dir, const store::Journal& log,
                const std::vector<KeptSegment>& segments)
        : log_(log), segments_(segments), pruned_(fs, dir + "/log"), proofs_(segments.size()) {}

    // Batch after batch, from the first one on.
    Result<void> take(const wire::Header& header) {
        const bool is_wanted = std::any_of(segments_.begin(), segments_.end(),
                                           [&](const auto& one) { return overlaps(one, header); });
        std::vector<FedEntry> entries;
        if (is_wanted || header.sources_digest) {
            auto read = entries_of(header);
            if (!read) return std::move(read).error();
            entries = std::move(*read);
        }
        auto sources = sources_of(header, entries);
        if (!sources) return std::move(sources).error();
        for (const wire::Source& source : *sources) {
            numbers_[source.device_id] = {source.epoch, source.last_seq};
        }
        return is_wanted ? add(header, entries, *sources) : Result<void>();
    }
    std::vector<SegmentProofs> proofs() { return std::move(proofs_); }

private:
    static bool overlaps(const KeptSegment& segment, const wire::Header& header) {
        return header.first_index <= segment.last &&
               segment.first < header.first_index.plus(header.count);
    }

    Result<std::vector<FedEntry>> entries_of(const wire::Header& header) {
        if (!feed_ || next_ != header.first_index) feed_.emplace(log_, header.first_index);
        std::vector<FedEntry> entries;
        entries.reserve(header.count);
        for (std::uint64_t i = 0; i < header.count; ++i) {
            auto entry = feed_->next();
            if (!entry) return std::move(entry).error();
            if (*entry == nullptr) return damage("log/ ends inside a sealed batch");
            if ((*entry)->is_erased) pruned_.met(**entry);
            entries.push_back(**entry);
        }
        next_ = header.first_index.plus(header.count);
        return entries;
    }

    // As the header lists them, or as the entries give what it digests.
    Result<std::vector<wire::Source>> sources_of(const wire::Header& header,
                                                 const std::vector<FedEntry>& entries) {
        const bool is_pruned = std::any_of(entries.begin(), entries.end(),
                                           [](const FedEntry& one) { return one.is_erased; });
        if (!header.sources_digest || is_pruned) return pruned_.sources_of(header);
        std::map<std::pair<std::string, Epoch>, wire::Source> rows;
        for (const FedEntry& entry : entries) {
            if (!entry.alert) continue;
            const auto& alert = *entry.alert;
            auto [row, made] = rows.try_emplace({std::string(alert.device_id), alert.epoch});
            wire::Source& source = row->second;
            if (made) {
                source.device_id = alert.device_id;
                source.epoch = alert.epoch;
                source.first_seq = alert.seq_no;
            }
            source.last_seq = alert.seq_no;
            ++source.count;
        }
        std::vector<wire::Source> sources;
        for (auto& [key, source] : rows) {
            const auto known = numbers_.find(source.device_id);
            const bool goes_on = known != numbers_.end() && known->second.epoch == source.epoch;
            const std::uint64_t before = goes_on ? known->second.highest.value : 0;
            source.gaps = source.last_seq.value - before - source.count;
            sources.push_back(std::move(source));
        }
        if (wire::are_sources_of(header, sources)) return sources;
        return damage("batch " + std::to_string(header.batch_id.value) +
                      ": its entries are not of the sources that its header digests");
    }

    Result<void> add(const wire::Header& header, const std::vector<FedEntry>& entries,
                     const std::vector<wire::Source>& sources) {
        std::vector<Hash> leaves;
        leaves.reserve(entries.size());
        for (const FedEntry& entry : entries) leaves.push_back(entry.leaf);
        if (merkle::root_of(leaves) != header.merkle_root) {
            return damage("batch " + std::to_string(header.batch_id.value) +
                          ": its entries do not give the sealed root; nothing is pruned");
        }
        for (std::size_t i = 0; i < segments_.size(); ++i) {
            if (!overlaps(segments_[i], header)) continue;
            for (const FedEntry& entry : entries) {
                if (entry.index < segments_[i].first || entry.index > segments_[i].last) continue;
                proofs_[i].leaves.append(as_text(ByteView(entry.leaf.bytes)));
            }
            for (const wire::Source& source : sources) {
                wire::append_source_line(proofs_[i].devices, header.batch_id, source);
            }
        }
        return {};
    }

    const store::Journal& log_;
    const std::vector<KeptSegment>& segments_;
    PrunedEntries pruned_;
    std::vector<SegmentProofs> proofs_;
    std::map<std::string, DeviceNumber> numbers_;  // before the batch at hand
    std::optional<EntryFeed> feed_;
    EntryIndex next_;  // of feed_
};

}  // namespace

Result<wire::Header> header_of_line(std::uint64_t number, std::string_view text) {
    const std::string where = "batches/ line " + std::to_string(number);
    auto line = wire::parse_batch_line(text);
    if (!line) return damage(where + ": " + line.error().message);
    auto header = wire::parse_header(line->header);
    if (!header) return damage(where + ": " + header.error().message);
    if (header->v != wire::kHeaderVersion) {
        return Error{Errc::refused, where + " was written by a newer version of Anchorlog"};
    }
    return header;
}

Result<std::vector<SegmentProofs>> read_proofs(FileSystem& fs, const std::string& dir,
                                               const store::Journal& log,
                                               const store::Journal& batches,
                                               const std::vector<KeptSegment>& segments) {
    ProofReader reader(fs, dir, log, segments);
    bool is_done = false;
    const auto visit = [&](std::uint64_t number, std::string_view text,
                           store::LinePosition) -> Result<void> {
        auto header = header_of_line(number, text);
        if (!header) return std::move(header).error();
        is_done = header->first_index > segments.back().last;
        if (is_done) return Error{Errc::not_found, "behind the last segment"};
        return header->count == 0 ? Result<void>() : reader.take(*header);
    };
    auto visited = batches.for_each(0, visit);
    if (!visited && !is_done) return std::move(visited).error();
    return reader.proofs();
}

}  // namespace anchorlog::ledger
