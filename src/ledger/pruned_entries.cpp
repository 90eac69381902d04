#include "ledger/pruned_entries.h"

#include <algorithm>
#include <utility>

#include "anchorlog/store/segment_names.h"
#include "ledger/damage.h"

namespace anchorlog::ledger {

void PrunedEntries::met(const FedEntry& entry) {
    segment_ = entry.at.segment_first_line;
    if (!met_.empty() && met_.back().last.plus(1) == entry.index) {
        met_.back().last = entry.index;
    } else {
        met_.push_back({entry.index, entry.index});
    }
}

Result<std::vector<wire::Source>> PrunedEntries::sources_of(const wire::Header& header) {
    if (!header.sources_digest) return header.sources;
    const std::string path = log_dir_ + "/" + store::devices_name(segment_);
    if (!lines_ || lines_of_ != segment_) {
        auto text = read_file(fs_, path, wire::kDevicesFileSizeMax);
        if (!text) return std::move(text).error();
        lines_.emplace(std::move(*text));
        lines_of_ = segment_;
    }
    auto sources = lines_->of(header.batch_id);
    if (!sources) return damage(path + ": " + sources.error().message);
    if (!wire::are_sources_of(header, *sources)) {
        return damage(path + " does not hold the sources of batch " +
                      std::to_string(header.batch_id.value) + ": put the file back from a backup");
    }
    return std::move(*sources);
}

void PrunedEntries::allow(const wire::PruneRecord& prune) {
    allowed_.insert(allowed_.end(), prune.ranges.begin(), prune.ranges.end());
    std::sort(allowed_.begin(), allowed_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
}

Result<void> PrunedEntries::check() const {
    for (const wire::PruneRange& run : met_) {
        EntryIndex next = run.first;
        for (const wire::PruneRange& range : allowed_) {
            if (range.first <= next && next <= range.last) next = range.last.plus(1);
        }
        if (next <= run.last) {
            return damage("log/ line " + std::to_string(next.value) +
                          " is gone, and no sealed prune header says that it may be: put its "
                          "segment back from an archive or a backup");
        }
    }
    return {};
}

}  // namespace anchorlog::ledger
