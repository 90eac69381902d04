#pragma once

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/ledger/state_index.h"
#include "anchorlog/store/journal.h"
#include "anchorlog/wire/alert.h"

namespace anchorlog::ledger {

// What a stored line says, without the line.
struct FedEntry {
    EntryIndex index;
    WallTime received_at;
    std::optional<wire::AlertKey> alert;  // none: an audit, or erased
    bool is_erased = false;               // only its leaf is left
    Hash leaf;
    store::LinePosition at;
};

// The entries of log/, one after the other, for recovery. Files are read on the caller's thread;
// parsing and hashing, which depend on nothing but the bytes, are done for the next chunk of lines
// on another one while the caller reads the one after it and works on this one. So the order of
// all calls to the file system stays the same in every run.
class EntryFeed {
public:
    // `log` outlives this and is not written meanwhile. `before` is a batch that ends before
    // `from`, from whose place on lines are read: without it a segment is read from its beginning.
    EntryFeed(const store::Journal& log, EntryIndex from,
              const std::optional<BatchPlace>& before = std::nullopt);

    // The next entry, valid until the next call; null behind the last. A line that is no entry,
    // or carries another index than its line number, is damage.
    [[nodiscard]] Result<const FedEntry*> next();

private:
    struct Line {
        std::uint64_t number = 0;
        store::LinePosition at;
        std::size_t offset = 0;  // in Lines::text
        std::size_t size = 0;
    };
    struct Lines {
        std::string text;
        std::vector<Line> lines;
        std::optional<Error> end;  // why no more could be read
    };
    struct Entries {
        std::vector<FedEntry> entries;
        std::optional<Error> end;  // what is wrong behind them
    };

    [[nodiscard]] static Entries take_apart(Lines lines);
    [[nodiscard]] Lines read();
    void prepare_next();

    const store::Journal& log_;
    const std::uint64_t from_;
    std::uint64_t next_line_;
    std::optional<store::LinePosition> hint_;  // of next_line_
    Lines ahead_;                              // read, and not yet taken apart
    std::future<Entries> next_;                // not valid: there is nothing more
    Entries current_;
    std::size_t given_ = 0;  // of current_.entries
};

}  // namespace anchorlog::ledger
