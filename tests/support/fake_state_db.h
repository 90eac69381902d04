#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "anchorlog/store/state_db.h"
#include "support/listed_run.h"

namespace anchorlog::testing {

// What a FakeStateDb leaves behind when it is gone: its runs, in order. Any thread.
class FakeStateDisk {
public:
    void add(ListedRun run, store::Through through);
    // Keeps any prefix of the runs, as the seed says: nothing promises that a run is durable.
    void crash(std::uint64_t seed);
    // As if the state directory had been deleted.
    void clear();
    [[nodiscard]] std::size_t runs() const;
    // The next ingest after `runs` more fails with io and changes nothing.
    void fail_after(std::uint64_t runs);

private:
    friend class FakeStateDb;
    struct Ingested {
        ListedRun run;
        store::Through through;
    };

    mutable std::mutex mutex_;
    std::vector<Ingested> runs_;
    std::uint64_t good_runs_left_ = UINT64_MAX;
};

// StateDb in memory over a FakeStateDisk that outlives it.
class FakeStateDb final : public store::StateDb {
public:
    explicit FakeStateDb(std::shared_ptr<FakeStateDisk> disk);

    [[nodiscard]] Result<void> ingest(const store::Run& run, store::Through through) override;
    [[nodiscard]] Result<store::Through> through() const override;
    [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key) const override;
    [[nodiscard]] Result<std::optional<std::pair<std::string, std::string>>> last_in(
        std::string_view from, std::string_view to) const override;
    [[nodiscard]] Result<void> scan(
        std::string_view prefix,
        const std::function<bool(std::string_view key, std::string_view value)>& visit)
        const override;

private:
    void take(const ListedRun& run, store::Through through);  // with mutex_ or nobody else

    std::shared_ptr<FakeStateDisk> disk_;
    mutable std::mutex mutex_;  // guards the next two
    std::map<std::string, std::string, std::less<>> pairs_;
    store::Through through_;
};

}  // namespace anchorlog::testing
