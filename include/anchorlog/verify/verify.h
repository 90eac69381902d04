#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "anchorlog/base/file_system.h"
#include "anchorlog/verify/chain_view.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/alert.h"

namespace anchorlog::verify {

// How far an audit is.
struct Progress {
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0;  // of what will be read, as large as it was at the beginning
    std::uint64_t entries = 0;      // checked so far
};

struct AuditOptions {
    unsigned threads = 1;  // 1 to kAuditThreadsMax
    // What one thread reads of log/ at once. It decides on memory and speed, never on a verdict.
    std::uint64_t block_bytes = 512 * 1024;
    // Reads the lines of those batches alone that hold one of these entries. All headers, seals,
    // checkpoints and anchors are checked in any case. Nothing: the whole log.
    std::optional<EntryRange> range;
    // Called after each batch, on the caller's thread. May be empty.
    std::function<void(const Progress&)> progress;
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

// Whether the history in `dir` begins with the one that `kept`, a checkpoint somebody has had
// since, is of: read from the headers, which are hashed anew. A kept note that no key of `trust`,
// or that the log changed to, signed says nothing of the log and decides nothing.
[[nodiscard]] ConsistencyReport verify_consistency(FileSystem& fs, const std::string& dir,
                                                   std::string_view kept, const Trust& trust);

}  // namespace anchorlog::verify
