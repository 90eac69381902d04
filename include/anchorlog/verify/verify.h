#pragma once

#include <string>
#include <variant>

#include "anchorlog/base/file_system.h"
#include "anchorlog/verify/chain_view.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/alert.h"

namespace anchorlog::verify {

// Audits the whole store in `dir` (log/, batches/, anchors/) against what `trust` says. Streams:
// memory does not grow with the entries. Goes on after a fault and lists all of them, grouped.
// `chain` null: offline. Never throws, never writes; a store that cannot be read is undecided.
[[nodiscard]] Report verify_log(FileSystem& fs, const std::string& dir, const Trust& trust,
                                ChainView* chain);

// By index, or by entry_id: then every entry that bears it.
using WhichEntry = std::variant<EntryIndex, wire::EntryId>;

// Follows one entry from its line to an anchor, stopping at the first broken link.
[[nodiscard]] EntryReport verify_entry(FileSystem& fs, const std::string& dir,
                                       const WhichEntry& which, const Trust& trust,
                                       ChainView* chain);

}  // namespace anchorlog::verify
