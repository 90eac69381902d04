#include "verify/file_lines.h"

#include <algorithm>
#include <cstring>

namespace anchorlog::verify {
namespace {

// What is read behind a range at once, for its last line to end in.
constexpr std::size_t kBeyondBytes = 4'096;

}  // namespace

FileLines::FileLines(const File& file, std::uint64_t file_size, const FileRange& range,
                     std::size_t line_size_max, std::string& buffer)
    : file_(file), file_size_(file_size), range_(range), line_size_max_(line_size_max),
      buffer_(buffer), file_offset_(range.begin), started_(range.at_line || range.begin == 0) {
    // The LF in front of a line tells that it begins there.
    if (!started_) --file_offset_;
}

// Moves what is left to the front and reads behind it; false at the end of the file.
Result<bool> FileLines::fill() {
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    const std::uint64_t left = file_size_ > file_offset_ ? file_size_ - file_offset_ : 0;
    const std::uint64_t inside = range_.end > file_offset_ ? range_.end - file_offset_ : 0;
    const auto wanted = static_cast<std::size_t>(
        std::min(left + 1, std::min<std::uint64_t>(inside, kChunkBytes) + kBeyondBytes));
    if (buffer_.size() < end_ + wanted) buffer_.resize(end_ + wanted);
    auto got = file_.read_at(file_offset_,
                             {reinterpret_cast<std::uint8_t*>(buffer_.data() + end_), wanted});
    if (!got) return std::move(got).error();
    end_ += *got;
    file_offset_ += *got;
    bytes_ += *got;
    at_eof_ = *got < wanted;
    return *got > 0;
}

// Goes behind the first LF; false when no line begins in the range.
Result<bool> FileLines::find_first() {
    while (true) {
        const std::size_t lf = rest().find('\n');
        if (lf != std::string_view::npos) {
            begin_ += lf + 1;
            started_ = true;
            return true;
        }
        begin_ = end_;
        if (at_eof_ || file_offset_ >= range_.end) return false;
        if (auto more = fill(); !more) return std::move(more).error();
    }
}

void FileLines::hand_out(RawLine& line, std::size_t size) {
    line.text = rest().substr(0, size);
    line.number = number_++;
    line.segment = range_.segment;
    line.offset = offset();
    line.cut_short = line.too_long = false;
}

// A line over the limit: keeps its beginning and drops the rest up to its LF. Where that never
// comes and only NULs follow, the beginning is a line cut short in front of long padding.
Result<bool> FileLines::skip_long(RawLine& line) {
    hand_out(line, line_size_max_);
    const std::size_t used = std::min(line.text.find('\0'), line.text.size());
    bool only_nuls_follow = used < line.text.size();
    long_text_.assign(line.text);
    line.text = long_text_;
    line.too_long = true;
    begin_ += used;
    while (true) {
        const std::size_t lf = rest().find('\n');
        if (lf != std::string_view::npos) {
            begin_ += lf + 1;
            ++whole_lines_;
            return true;
        }
        only_nuls_follow =
            only_nuls_follow && rest().find_first_not_of('\0') == std::string_view::npos;
        begin_ = end_;
        if (at_eof_) break;
        if (auto more = fill(); !more) return std::move(more).error();
    }
    line.cut_short = true;
    const std::uint64_t bytes = file_offset_ - line.offset;
    if (only_nuls_follow) {
        line.too_long = false;
        line.text = line.text.substr(0, used);
        if (!range_.newest) {
            ends_.push_back({range_.segment, line.number, line.offset + used, bytes - used, true});
        }
    } else if (used == 0) {
        ends_.push_back({range_.segment, line.number, line.offset, bytes, false});
    }
    if (used > 0) return true;
    --number_;
    return false;
}

// What is behind the last LF: padding is swallowed, all else is one line cut short.
bool FileLines::finish_file(RawLine& line) {
    const std::string_view left = rest();
    const std::size_t last = left.find_last_not_of('\0');
    const std::size_t used = last == std::string_view::npos ? 0 : last + 1;
    const std::uint64_t at = offset();
    if (used < left.size() && !range_.newest) {
        ends_.push_back({range_.segment, number_, at + used, left.size() - used, true});
    }
    if (used == 0) {
        begin_ = end_;
        return false;
    }
    if (left.front() == '\0') {
        ends_.push_back({range_.segment, number_, at, used, false});
        begin_ = end_;
        return false;
    }
    hand_out(line, used);
    line.cut_short = true;
    begin_ = end_;
    return true;
}

Result<bool> FileLines::next(RawLine& line) {
    if (!started_) {
        auto found = find_first();
        if (!found || !*found) return found;
    }
    while (true) {
        if (offset() >= range_.end) return false;
        const char* from = buffer_.data() + begin_;
        const auto* lf = end_ == begin_
                             ? nullptr
                             : static_cast<const char*>(std::memchr(from, '\n', end_ - begin_));
        if (lf != nullptr && static_cast<std::size_t>(lf - from) <= line_size_max_) {
            const auto size = static_cast<std::size_t>(lf - from);
            hand_out(line, size);
            ++whole_lines_;
            begin_ += size + 1;
            return true;
        }
        if (end_ - begin_ > line_size_max_) {
            auto line_there = skip_long(line);
            if (!line_there || *line_there) return line_there;
            continue;
        }
        if (at_eof_) return end_ == begin_ ? Result<bool>(false) : finish_file(line);
        if (auto more = fill(); !more) return std::move(more).error();
    }
}

}  // namespace anchorlog::verify
