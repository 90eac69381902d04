#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "anchorlog/base/result.h"

namespace anchorlog::store {

// Up to where the journals are reflected in the state.
struct Through {
    std::uint64_t batches = 0;  // batch lines folded in
    std::uint64_t entries = 0;  // log lines folded in (= entries of those batches)
};

// A sorted run of key/value pairs, keys strictly ascending bytewise. Given pair by pair: a run
// holds one for every entry, too many to stand in memory a second time.
class Run {
public:
    using Take = std::function<bool(std::string_view key, std::string_view value)>;

    virtual ~Run() = default;
    // Of all keys and values together, or more.
    [[nodiscard]] virtual std::uint64_t bytes_max() const = 0;
    // Gives the pairs in order, each time the same, until `take` says false.
    virtual void for_each(const Take& take) const = 0;
};

// Holds only what can be recomputed from the journals: losing it costs time, never evidence.
// ingest() by one thread; reads by any.
class StateDb {
public:
    virtual ~StateDb() = default;

    // Adds a run and moves `through` in one atomic step; after a crash a prefix of the ingested
    // runs is there, each whole. Later values of a key replace earlier ones.
    [[nodiscard]] virtual Result<void> ingest(const Run& run, Through through) = 0;
    [[nodiscard]] virtual Result<Through> through() const = 0;
    [[nodiscard]] virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
    // The pair with the greatest key in [from, to], if any.
    [[nodiscard]] virtual Result<std::optional<std::pair<std::string, std::string>>> last_in(
        std::string_view from, std::string_view to) const = 0;
    // Visits the keys that start with `prefix`, ascending, until the visitor says false.
    [[nodiscard]] virtual Result<void> scan(
        std::string_view prefix,
        const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

// RocksDB in `dir`, small (design §6): sorted runs ingested as SST files, no WAL. A directory
// that cannot be opened as such is corruption: the caller removes it and rebuilds. Opening does
// not read the tables, so damage in one shows at the first look-up that meets it: `on_damage` is
// called then, on that thread, and the directory is marked to be corruption at the next opening.
[[nodiscard]] Result<std::unique_ptr<StateDb>> open_rocks_state(
    const std::string& dir, std::function<void(const Error&)> on_damage = {});
// Removes what open_rocks_state made, whatever state it is in.
[[nodiscard]] Result<void> remove_rocks_state(const std::string& dir);

}  // namespace anchorlog::store
