#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/ledger/state_index.h"
#include "anchorlog/net/local_http.h"
#include "anchorlog/store/journal.h"
#include "anchorlog/wire/evidence.h"
#include "app/read_side.h"

namespace anchorlog::app {

// Finds sealed alerts by the id their sender gave them, and proves one. Touches the state and the
// files: read thread.
class EntryBook {
public:
    EntryBook(const ledger::StateIndex& state, const store::Journal& log, const SealedBook& book)
        : state_(state), log_(log), book_(book) {}

    struct Place {
        EntryIndex index;
        BatchId batch_id;
    };
    // Every sealed entry with this id, in order, at most kPlacesMax of them: a sender may use an id
    // more than once, and does when it opens a new epoch.
    struct Found {
        std::vector<Place> places;
        std::uint64_t total = 0;
    };
    static constexpr std::size_t kPlacesMax = 1'000;
    [[nodiscard]] Result<Found> find(const wire::EntryId& id) const;

    // An evidence file (docs/evidence_format.md) for one of them, under its own batch's checkpoint
    // and without anchors. not_found: no such entry, or not of this id. refused: it is pruned.
    // unavailable: its batch is
    // too large to be read while senders wait for this thread.
    [[nodiscard]] Result<std::string> evidence(const wire::EntryId& id, EntryIndex index) const;

private:
    struct BatchLines;
    [[nodiscard]] Result<BatchLines> read_batch(const ledger::BatchPlace& place,
                                                EntryIndex index) const;
    [[nodiscard]] Result<void> add_keys(wire::Evidence& evidence) const;

    const ledger::StateIndex& state_;
    const store::Journal& log_;
    const SealedBook& book_;
};

inline constexpr std::string_view kEntriesPath = "/entries/";
// /entries/ID and /entries/ID/INDEX.
[[nodiscard]] net::HttpReply entries_page(const EntryBook& book, std::string_view path);

}  // namespace anchorlog::app
