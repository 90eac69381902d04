#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"

namespace anchorlog::store {

struct JournalOptions {
    std::uint64_t segment_bytes = 64u << 20;      // a segment is closed when it reaches this
    std::uint64_t preallocate_bytes = 16u << 20;  // space is taken in these steps; 0: grow
    std::uint64_t line_size_max = 1u << 20;       // longer lines are damage
    std::uint64_t tail_rewrite_bytes = 4u << 20;  // rewritten and synced at open
};

// Where a line stands; stays valid as long as its segment is not pruned or rewritten.
struct LinePosition {
    std::uint64_t segment_first_line = 0;  // names the file
    std::uint64_t offset = 0;              // of the line's first byte in it
};

// The lines of one file: [first_line, lines_end).
struct SegmentSpan {
    std::uint64_t first_line = 0;
    std::uint64_t lines_end = 0;
    bool is_pruned = false;
};

// What lies behind the last valid line of the last segment.
struct Tail {
    std::uint64_t line = 0;  // the number the first cut line would have had
    LinePosition position;
    std::uint64_t bytes = 0;  // up to the NUL-only rest or EOF; 0: a clean end
    // The cut holds a whole line: a run without NUL from its start or a LF to a LF. Damage, or a
    // power failure that stored later sectors of an unsynced group but not earlier ones.
    bool complete_lines = false;
};

// Append-only NDJSON in one directory (formats §3, design §3).
//
// Files: `<first line number, 20 digits>.ndjson`, each line ends in LF and holds no NUL. The
// newest file is preallocated with zeros; its content ends at the last LF before the first NUL
// or EOF. Every other file is exactly its lines. Never rewritten but for the last
// `tail_rewrite_bytes`, which are written again with the same bytes at open: after a failed
// sync, pages that look clean may never have reached the disk.
//
// Of log/, a closed file may be pruned: then `<first>.leaves` and `<first>.devices.ndjson` are
// there without it, and the lines read are the erased lines of those leaves (wire/pruned_lines.h).
//
// One writer thread, which is also the only one to call tail(), read_tail() and next_position();
// lines(), read_lines() and for_each() are for any thread and see what was appended.
class Journal {
public:
    // Checks one complete line during open(); an error there ends the valid prefix, or is
    // corruption in a closed segment. It is not called for every line (see open), so it must
    // judge each by itself; one that compares the line's own number with `line` is what finds
    // lost and doubled segments already at open().
    using LineCheck = std::function<Result<void>(std::uint64_t line, std::string_view text)>;
    // Called for each valid line from `from_line` on.
    using LineVisitor =
        std::function<Result<void>(std::uint64_t line, std::string_view text, LinePosition at)>;

    // Finds the valid prefix: all segments must follow each other without gap; inside the last
    // one the prefix ends at the first line that is incomplete or fails `check`. Changes nothing
    // on disk. A missing or empty directory is an empty journal; other files in it are ignored.
    //
    // Start-up does not depend on the size of the log: the newest segment is read whole (and the
    // one before it, if the newest holds no line). Of every other only the last byte and, against
    // the numbers that the names give, the first and last line are checked; what lies between
    // is for_each's to find.
    [[nodiscard]] static Result<std::unique_ptr<Journal>> open(FileSystem& fs, std::string dir,
                                                               JournalOptions options,
                                                               LineCheck check);
    virtual ~Journal() = default;

    [[nodiscard]] virtual std::uint64_t lines() const = 0;  // next line number
    // The files, in order; the newest may hold no line yet.
    [[nodiscard]] virtual std::vector<SegmentSpan> segments() const = 0;
    [[nodiscard]] virtual const Tail& tail() const = 0;  // as found by open()
    // Bytes of the tail, for the audit and torn/.
    [[nodiscard]] virtual Result<std::string> read_tail() const = 0;
    // Drops lines from `line` on and the tail, by truncation and, newest first, by removing
    // segments, then syncs. Only for recovery: of the tail and of unsealed lines.
    [[nodiscard]] virtual Result<void> cut_to(std::uint64_t line) = 0;
    // Rewrites the last tail_rewrite_bytes in place and syncs. MUST be called before anything
    // recovered is acknowledged or published.
    [[nodiscard]] virtual Result<void> settle() = 0;

    // Writes whole lines (each ending in LF) behind the last one; rolls to a new segment first
    // when the current one is full. Not durable before sync(). storage_full: nothing was kept,
    // the journal can be used on; any other error is as final as one of sync(). Refused
    // (internal) while a tail is not cut.
    [[nodiscard]] virtual Result<void> append(std::string_view lines, std::uint64_t count) = 0;
    // fdatasync. An error is final: the process must exit (74) and never sync this file again.
    [[nodiscard]] virtual Result<void> sync() = 0;

    // Where the next append will put its first byte (after rolling, if it has to roll).
    [[nodiscard]] virtual Result<LinePosition> next_position() = 0;
    // Reads `count` consecutive lines starting at a known position, without their LFs, across
    // segments. not_found: fewer lines are there; corruption: no line starts there.
    [[nodiscard]] virtual Result<std::vector<std::string>> read_lines(
        LinePosition at, std::uint64_t count) const = 0;
    // Visits all lines from `from_line` on, in order; starts at the segment that holds it, or
    // straight at `hint` when the caller knows where that line stands. Damage on the way (a NUL,
    // more or fewer lines than the next segment's name says) is corruption with file and place;
    // the visitor's own error ends the visit and is returned as it is.
    [[nodiscard]] virtual Result<void> for_each(std::uint64_t from_line, const LineVisitor& visit,
                                                const LinePosition* hint = nullptr) const = 0;
};

}  // namespace anchorlog::store
