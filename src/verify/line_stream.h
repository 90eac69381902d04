#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"

namespace anchorlog::verify {

// One file of a journal, as its name says.
struct Segment {
    std::uint64_t first_line = 0;
    std::string name;  // inside the store: log/00000000000000000000.ndjson
    std::string path;
};

// A journal's segments in order. A directory that is not there is not_found.
struct SegmentList {
    std::vector<Segment> segments;
    std::vector<std::string> strangers;  // names that are no segment's
};
[[nodiscard]] Result<SegmentList> list_segments(FileSystem& fs, const std::string& dir,
                                                const std::string& journal);
// The segment that holds line `line` by name: the last that starts at or before it.
[[nodiscard]] const Segment* segment_of(const std::vector<Segment>& segments, std::uint64_t line);

// A line as it stands in its file.
struct RawLine {
    std::string_view text;     // without LF; lives until the next call
    std::uint64_t number = 0;  // in the file, from 0
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

// Reads a journal's lines in large chunks. A journal's newest file ends in NUL padding, which is
// no line; everything else that is not a whole line is handed out marked, for the caller to name.
class LineStream {
public:
    static constexpr std::size_t kChunkBytes = 1u << 20;

    LineStream(FileSystem& fs, const std::vector<Segment>& segments, std::size_t line_size_max,
               std::size_t first_segment = 0);

    // False at the end of the last file.
    [[nodiscard]] Result<bool> next(RawLine& line);
    [[nodiscard]] const std::vector<SegmentEnd>& ends() const { return ends_; }
    // Segments without a whole line whose name is not the number of lines before them. At the end.
    [[nodiscard]] std::vector<std::size_t> misnamed() const;
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t files() const { return files_; }

private:
    [[nodiscard]] Result<bool> open_next();
    [[nodiscard]] Result<bool> fill();
    [[nodiscard]] Result<bool> skip_long(RawLine& line);
    [[nodiscard]] bool finish_file(RawLine& line);
    void hand_out(RawLine& line, std::size_t size);

    FileSystem& fs_;
    const std::vector<Segment>& segments_;
    std::size_t line_size_max_;
    std::size_t next_segment_;
    std::unique_ptr<File> file_;
    std::string buffer_;
    std::size_t begin_ = 0;          // of the next line in buffer_
    std::size_t end_ = 0;            // of what was read
    std::uint64_t file_size_ = 0;    // when it was opened
    std::uint64_t file_offset_ = 0;  // of buffer_[end_]
    bool at_eof_ = false;
    std::uint64_t number_ = 0;
    std::string long_text_;
    std::vector<SegmentEnd> ends_;
    std::vector<std::uint64_t> lines_;  // whole ones, of each segment read
    std::uint64_t bytes_ = 0;
    std::size_t files_ = 0;
};

}  // namespace anchorlog::verify
