#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/store/journal.h"
#include "anchorlog/store/segment_names.h"
#include "store/line_reader.h"

namespace anchorlog::store {

// One file of a journal: the lines from first_line on, in its first `end` bytes.
struct Segment {
    std::uint64_t first_line = 0;
    std::uint64_t end = 0;
    // The file is gone; what is read are the lines that stand for its leaf hashes (formats §5).
    bool is_pruned = false;
};

// Nothing for any other name: leaf and device files stand beside the segments (formats §5).
[[nodiscard]] std::optional<std::uint64_t> parse_segment_name(std::string_view name);

// The first line of a segment's `.devices.ndjson`.
[[nodiscard]] std::optional<std::uint64_t> parse_pruned_name(std::string_view name);
// A segment to be read, whether its file is there or pruned.
[[nodiscard]] Result<std::unique_ptr<File>> open_segment(FileSystem& fs, const std::string& dir,
                                                         const Segment& segment);

// What the scan of a whole segment found.
struct SegmentScan {
    std::uint64_t lines = 0;      // valid ones
    std::uint64_t end = 0;        // behind the last of them
    std::uint64_t tail_end = 0;   // behind the last byte that is not NUL, or `end`
    bool complete_lines = false;  // the bytes in between hold a whole line
    std::string reason;           // why the prefix ends; empty at a clean end
};

// Reads one segment from start to end. Lines are judged by `check`, which may be empty.
[[nodiscard]] Result<SegmentScan> scan_segment(const File& file, std::uint64_t first_line,
                                               const JournalOptions& options,
                                               const Journal::LineCheck& check);

// Checks a closed segment without reading it whole: it ends in LF, and its first and last line
// pass `check` under the numbers that its own name and the next one give them. Returns its size.
[[nodiscard]] Result<std::uint64_t> check_closed_segment(const File& file, std::uint64_t first_line,
                                                         std::uint64_t next_first_line,
                                                         const JournalOptions& options,
                                                         const Journal::LineCheck& check);

// Reads exactly the bytes [from, end); a shorter file is corruption.
[[nodiscard]] Result<std::string> read_range(const File& file, std::uint64_t from,
                                             std::uint64_t end);

}  // namespace anchorlog::store
