#include "support/fake_state_db.h"

#include <random>
#include <utility>

namespace anchorlog::testing {

void FakeStateDisk::add(ListedRun run, store::Through through) {
    const std::lock_guard lock(mutex_);
    runs_.push_back({std::move(run), through});
}

void FakeStateDisk::crash(std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    std::mt19937_64 random(seed);
    runs_.resize(static_cast<std::size_t>(random() % (runs_.size() + 1)));
    good_runs_left_ = UINT64_MAX;
}

void FakeStateDisk::clear() {
    const std::lock_guard lock(mutex_);
    runs_.clear();
}

std::size_t FakeStateDisk::runs() const {
    const std::lock_guard lock(mutex_);
    return runs_.size();
}

void FakeStateDisk::fail_after(std::uint64_t runs) {
    const std::lock_guard lock(mutex_);
    good_runs_left_ = runs;
}

FakeStateDb::FakeStateDb(std::shared_ptr<FakeStateDisk> disk) : disk_(std::move(disk)) {
    const std::lock_guard lock(disk_->mutex_);
    for (const auto& ingested : disk_->runs_) {
        take(ingested.run, ingested.through);
    }
}

Result<void> FakeStateDb::ingest(const store::Run& run, store::Through through) {
    ListedRun listed(run);
    std::string_view before;
    for (const auto& [key, value] : listed.pairs()) {
        if (key.starts_with('\0') || key <= before) {
            return Error{Errc::internal, "state: the keys of a run must ascend"};
        }
        before = key;
    }
    {
        const std::lock_guard lock(disk_->mutex_);
        if (disk_->good_runs_left_ == 0) return Error{Errc::io, "state: simulated fault"};
        --disk_->good_runs_left_;
    }
    const std::lock_guard lock(mutex_);
    take(listed, through);
    disk_->add(std::move(listed), through);
    return {};
}

void FakeStateDb::take(const ListedRun& run, store::Through through) {
    for (const auto& [key, value] : run.pairs()) pairs_[key] = value;
    through_ = through;
}

Result<store::Through> FakeStateDb::through() const {
    const std::lock_guard lock(mutex_);
    return through_;
}

Result<std::optional<std::string>> FakeStateDb::get(std::string_view key) const {
    const std::lock_guard lock(mutex_);
    const auto found = pairs_.find(key);
    if (found == pairs_.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
}

Result<std::optional<std::pair<std::string, std::string>>> FakeStateDb::last_in(
    std::string_view from, std::string_view to) const {
    std::optional<std::pair<std::string, std::string>> last;
    const std::lock_guard lock(mutex_);
    auto after = pairs_.upper_bound(to);
    if (after == pairs_.begin()) return last;
    --after;
    if (std::string_view(after->first) >= from) last = *after;
    return last;
}

Result<void> FakeStateDb::scan(
    std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
    const std::lock_guard lock(mutex_);
    for (auto at = pairs_.lower_bound(prefix); at != pairs_.end(); ++at) {
        if (!std::string_view(at->first).starts_with(prefix)) break;
        if (!visit(at->first, at->second)) break;
    }
    return {};
}

}  // namespace anchorlog::testing
