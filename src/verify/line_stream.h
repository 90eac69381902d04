#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "verify/file_lines.h"

namespace anchorlog::verify {

// One file of a journal, as its name says.
struct Segment {
    std::uint64_t first_line = 0;
    std::string name;  // inside the store: log/00000000000000000000.ndjson
    std::string path;
    // Its file is gone; name and path are those of its leaf hashes (formats §5).
    bool is_pruned = false;
};

// A journal's segments in order. A directory that is not there is not_found.
struct SegmentList {
    std::vector<Segment> segments;
    std::vector<std::string> strangers;  // names that are no segment's
};
[[nodiscard]] Result<SegmentList> list_segments(FileSystem& fs, const std::string& dir,
                                                const std::string& journal);
// To be read. Of a pruned segment these are the lines that stand for its leaf hashes.
[[nodiscard]] Result<std::unique_ptr<File>> open_segment(FileSystem& fs, const Segment& segment);
// The segment that holds line `line` by name: the last that starts at or before it.
[[nodiscard]] const Segment* segment_of(const std::vector<Segment>& segments, std::uint64_t line);

// The names of segments that hold no whole line and are not the number of lines before them;
// `lines` are the whole lines of each segment, which were counted from `first` on.
[[nodiscard]] std::vector<std::size_t> misnamed_segments(const std::vector<Segment>& segments,
                                                         const std::vector<std::uint64_t>& lines,
                                                         std::size_t first = 0);

// Reads a journal's lines, segment after segment.
class LineStream {
public:
    LineStream(FileSystem& fs, const std::vector<Segment>& segments, std::size_t line_size_max,
               std::size_t first_segment = 0);

    // False at the end of the last file.
    [[nodiscard]] Result<bool> next(RawLine& line);
    [[nodiscard]] const std::vector<SegmentEnd>& ends() const { return ends_; }
    [[nodiscard]] std::vector<std::size_t> misnamed() const {
        return misnamed_segments(segments_, lines_);
    }

private:
    [[nodiscard]] Result<bool> open_next();
    void close();

    FileSystem& fs_;
    const std::vector<Segment>& segments_;
    std::size_t line_size_max_;
    std::size_t next_segment_;
    std::unique_ptr<File> file_;
    std::string buffer_;
    std::optional<FileLines> in_file_;
    std::vector<SegmentEnd> ends_;
    std::vector<std::uint64_t> lines_;  // whole ones, of each segment read
};

}  // namespace anchorlog::verify
