#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"

namespace anchorlog::verify {

// A line as it stands in its file.
struct RawLine {
    std::string_view text;     // without LF; lives until the next call
    std::uint64_t number = 0;  // in what is read of the file, from 0
    std::size_t segment = 0;   // place in the list
    std::uint64_t offset = 0;  // of its first byte
    bool cut_short = false;    // no LF: the file ends inside it
    bool too_long = false;     // longer than the limit; `text` is its beginning
};

// What stands behind the last line of a file and should not.
struct SegmentEnd {
    std::size_t segment = 0;
    std::uint64_t line = 0;  // number in the file, from 0, a line here would have
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    bool padding = false;  // NULs in a file that is not the newest; else bytes behind NULs
};

// The part of a file to read: the lines that begin in [begin, end).
struct FileRange {
    std::size_t segment = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = ~std::uint64_t{0};
    bool at_line = true;  // `begin` is where a line begins; else the first one behind it counts
    bool newest = false;  // its padding is no fault
};

// Reads a file's lines in large chunks. The newest file of a journal ends in NUL padding, which is
// no line; everything else that is not a whole line is handed out marked, for the caller to name.
class FileLines {
public:
    // Fits the second cache level, so that a line is still in it when it is parsed and hashed.
    static constexpr std::size_t kChunkBytes = 128 * 1024;

    // `buffer` keeps its memory from file to file.
    FileLines(const File& file, std::uint64_t file_size, const FileRange& range,
              std::size_t line_size_max, std::string& buffer);

    // False behind the last line.
    [[nodiscard]] Result<bool> next(RawLine& line);
    [[nodiscard]] const std::vector<SegmentEnd>& ends() const { return ends_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] std::uint64_t whole_lines() const { return whole_lines_; }
    // Where the next line would begin.
    [[nodiscard]] std::uint64_t offset() const { return file_offset_ - (end_ - begin_); }

private:
    [[nodiscard]] Result<bool> fill();
    [[nodiscard]] Result<bool> find_first();
    [[nodiscard]] Result<bool> skip_long(RawLine& line);
    [[nodiscard]] bool finish_file(RawLine& line);
    [[nodiscard]] std::string_view rest() const { return {buffer_.data() + begin_, end_ - begin_}; }
    void hand_out(RawLine& line, std::size_t size);

    const File& file_;
    std::uint64_t file_size_;
    FileRange range_;
    std::size_t line_size_max_;
    std::string& buffer_;
    std::size_t begin_ = 0;      // of the next line in buffer_
    std::size_t end_ = 0;        // of what was read
    std::uint64_t file_offset_;  // of buffer_[end_]
    bool at_eof_ = false;
    bool started_;
    std::uint64_t number_ = 0;
    std::uint64_t whole_lines_ = 0;
    std::string long_text_;
    std::vector<SegmentEnd> ends_;
    std::uint64_t bytes_ = 0;
};

}  // namespace anchorlog::verify
