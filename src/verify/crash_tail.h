#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "verify/line_stream.h"

namespace anchorlog::verify {

// What stands behind the last whole line of a journal's newest segment.
struct CrashTail {
    bool possible = false;  // a crash can have left it: sectors of one write are there or are not
    bool has_holes = false;
    std::uint64_t bytes = 0;  // up to the last that is not NUL
    std::string start;        // its first bytes
};

// Judges the bytes from `offset`, the start of the first line that has no LF or holds a NUL, to
// the end of the file. `lines_max` is how many lines one write may hold.
[[nodiscard]] Result<CrashTail> crash_tail(FileSystem& fs, const Segment& segment,
                                           std::uint64_t offset, std::uint64_t lines_max);

// True when it is the newest segment and a crash can have left what it holds from `offset` on.
[[nodiscard]] Result<bool> left_by_crash(FileSystem& fs, const std::vector<Segment>& segments,
                                         std::size_t segment, std::uint64_t offset,
                                         std::uint64_t lines_max);

// One write of batches/ or anchors/ is one line, one of log/ is a commit group.
inline constexpr std::uint64_t kLinesOfGroup = ~std::uint64_t{0};

}  // namespace anchorlog::verify
