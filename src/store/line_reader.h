#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"

namespace anchorlog::store {

// Why no further line follows.
enum class LineStop {
    none,      // a line was read
    end,       // the range ends right behind a LF
    torn,      // bytes without a LF before the end of the range
    nul,       // a NUL before the next LF
    too_long,  // no LF within line_size_max bytes
};

[[nodiscard]] std::string_view to_string(LineStop stop) noexcept;

// One step of a LineReader.
struct LineRead {
    LineStop stop = LineStop::none;
    std::string_view text;     // without LF; valid until the next step
    std::uint64_t offset = 0;  // of the line's first byte, or of the bytes that are no line
};

// Reads lines of one file between two offsets, a chunk at a time, so that memory is bounded by
// the longest line and a chunk. It judges no content: a line is what stands before a LF.
class LineReader {
public:
    LineReader(const File& file, std::uint64_t from, std::uint64_t end, std::uint64_t line_size_max,
               std::size_t chunk_bytes);

    // After anything but LineStop::none the same answer is given again.
    [[nodiscard]] Result<LineRead> next();

private:
    [[nodiscard]] Result<void> fill();

    const File& file_;
    std::uint64_t end_;
    std::uint64_t line_size_max_;
    std::size_t chunk_bytes_;
    std::string buffer_;
    std::uint64_t buffer_offset_;  // of buffer_[0] in the file
    std::size_t cursor_ = 0;       // start of the next line in buffer_
    std::size_t searched_ = 0;     // buffer_ before it holds neither LF nor NUL behind cursor_
};

}  // namespace anchorlog::store
