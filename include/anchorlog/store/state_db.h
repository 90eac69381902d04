#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
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

// A sorted run of key/value pairs, keys strictly ascending bytewise; kept in one piece of memory,
// because a run holds a pair for every entry.
class Run {
public:
    struct Pair {
        std::string_view key;
        std::string_view value;
    };

    Run() = default;
    Run(std::initializer_list<Pair> pairs) {
        for (const Pair& pair : pairs) add(pair.key, pair.value);
    }

    void reserve(std::size_t pairs, std::size_t bytes) {
        ends_.reserve(pairs);
        bytes_.reserve(bytes);
    }
    void add(std::string_view key, std::string_view value) {
        bytes_.append(key);
        const std::size_t key_end = bytes_.size();
        bytes_.append(value);
        ends_.push_back({key_end, bytes_.size()});
    }
    [[nodiscard]] std::size_t size() const { return ends_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }  // of all keys and values
    // Valid until the next add().
    [[nodiscard]] Pair operator[](std::size_t i) const {
        const std::string_view bytes = bytes_;
        const std::size_t begin = i == 0 ? 0 : ends_[i - 1].value;
        return {bytes.substr(begin, ends_[i].key - begin),
                bytes.substr(ends_[i].key, ends_[i].value - ends_[i].key)};
    }

private:
    struct Ends {
        std::size_t key = 0;
        std::size_t value = 0;
    };
    std::string bytes_;
    std::vector<Ends> ends_;
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
