#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "anchorlog/base/file_system.h"
#include "anchorlog/verify/chain_view.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/alert.h"

namespace anchorlog::verify {

struct AuditOptions {
    unsigned threads = 1;  // 1 to kAuditThreadsMax
    // What one thread reads of log/ at once. It decides on memory and speed, never on a verdict.
    std::uint64_t block_bytes = 512 * 1024;
};
inline constexpr unsigned kAuditThreadsMax = 64;

// Audits the whole store in `dir` (log/, batches/, anchors/) against what `trust` says. Streams:
// memory does not grow with the entries. Goes on after a fault and lists all of them, grouped.
// `chain` null: offline. Never throws, never writes; a store that cannot be read is undecided.
// `fs` is used from several threads. The report is the same whatever their number.
[[nodiscard]] Report verify_log(FileSystem& fs, const std::string& dir, const Trust& trust,
                                ChainView* chain, const AuditOptions& options = {});

// By index, or by entry_id: then every entry that bears it.
using WhichEntry = std::variant<EntryIndex, wire::EntryId>;

// Follows one entry from its line to an anchor, stopping at the first broken link.
[[nodiscard]] EntryReport verify_entry(FileSystem& fs, const std::string& dir,
                                       const WhichEntry& which, const Trust& trust,
                                       ChainView* chain);

}  // namespace anchorlog::verify
