#include "verify/line_stream.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace anchorlog::verify {
namespace {

constexpr std::string_view kSuffix = ".ndjson";
constexpr std::size_t kNameDigits = 20;

bool parse_segment_name(std::string_view name, std::uint64_t& first_line) {
    if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return false;
    const char* end = name.data() + kNameDigits;
    const auto [stop, error] = std::from_chars(name.data(), end, first_line);
    return error == std::errc() && stop == end;
}

}  // namespace

Result<SegmentList> list_segments(FileSystem& fs, const std::string& dir,
                                  const std::string& journal) {
    const std::string path = dir + "/" + journal;
    auto names = fs.list(path);
    if (!names) return std::move(names).error();
    SegmentList list;
    for (const std::string& name : *names) {
        std::uint64_t first_line = 0;
        if (parse_segment_name(name, first_line)) {
            list.segments.push_back({first_line, journal + "/" + name, path + "/" + name});
        } else {
            list.strangers.push_back(journal + "/" + name);
        }
    }
    return list;
}

const Segment* segment_of(const std::vector<Segment>& segments, std::uint64_t line) {
    auto after = std::upper_bound(
        segments.begin(), segments.end(), line,
        [](std::uint64_t wanted, const Segment& segment) { return wanted < segment.first_line; });
    return after == segments.begin() ? nullptr : &*(after - 1);
}

LineStream::LineStream(FileSystem& fs, const std::vector<Segment>& segments,
                       std::size_t line_size_max, std::size_t first_segment)
    : fs_(fs), segments_(segments), line_size_max_(line_size_max), next_segment_(first_segment) {}

Result<bool> LineStream::open_next() {
    if (next_segment_ >= segments_.size()) return false;
    auto file = fs_.open(segments_[next_segment_].path, OpenMode::read);
    if (!file) return std::move(file).error();
    file_ = std::move(*file);
    auto size = file_->size();
    if (!size) return std::move(size).error();
    file_size_ = *size;
    ++next_segment_;
    ++files_;
    begin_ = end_ = 0;
    file_offset_ = 0;
    number_ = 0;
    at_eof_ = false;
    lines_.push_back(0);
    return true;
}

std::vector<std::size_t> LineStream::misnamed() const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        const std::uint64_t before = i == 0 ? 0 : segments_[i - 1].first_line + lines_[i - 1];
        if (lines_[i] == 0 && segments_[i].first_line != before) found.push_back(i);
    }
    return found;
}

// Moves what is left to the front and reads behind it; false at the end of the file.
Result<bool> LineStream::fill() {
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    const std::uint64_t left = file_size_ > file_offset_ ? file_size_ - file_offset_ : 0;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left + 1, kChunkBytes));
    if (buffer_.size() < end_ + wanted) buffer_.resize(end_ + wanted);
    auto got = file_->read_at(file_offset_,
                              {reinterpret_cast<std::uint8_t*>(buffer_.data() + end_), wanted});
    if (!got) return std::move(got).error();
    end_ += *got;
    file_offset_ += *got;
    bytes_ += *got;
    at_eof_ = *got < wanted;
    return *got > 0;
}

void LineStream::hand_out(RawLine& line, std::size_t size) {
    line.text = std::string_view(buffer_).substr(begin_, size);
    line.number = number_++;
    line.segment = next_segment_ - 1;
    line.offset = file_offset_ - (end_ - begin_);
    line.cut_short = line.too_long = false;
}

// A line over the limit: keeps its beginning and drops the rest up to its LF. Where that never
// comes and only NULs follow, the beginning is a line cut short in front of long padding.
Result<bool> LineStream::skip_long(RawLine& line) {
    hand_out(line, line_size_max_);
    const std::size_t used = std::min(line.text.find('\0'), line.text.size());
    bool only_nuls_follow = used < line.text.size();
    long_text_.assign(line.text);
    line.text = long_text_;
    line.too_long = true;
    begin_ += used;
    while (true) {
        const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
        const std::size_t lf = rest.find('\n');
        if (lf != std::string_view::npos) {
            begin_ += lf + 1;
            ++lines_.back();
            return true;
        }
        only_nuls_follow =
            only_nuls_follow && rest.find_first_not_of('\0') == std::string_view::npos;
        begin_ = end_;
        if (at_eof_) break;
        if (auto more = fill(); !more) return std::move(more).error();
    }
    line.cut_short = true;
    const std::size_t segment = line.segment;
    if (only_nuls_follow) {
        line.too_long = false;
        line.text = line.text.substr(0, used);
        if (next_segment_ < segments_.size()) {
            ends_.push_back({segment, line.number, line.offset + used,
                             file_offset_ - line.offset - used, true});
        }
    } else if (used == 0) {
        ends_.push_back({segment, line.number, line.offset, file_offset_ - line.offset, false});
    }
    if (used > 0) return true;
    --number_;
    return false;
}

// What is behind the last LF: padding is swallowed, all else is one line cut short.
bool LineStream::finish_file(RawLine& line) {
    const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    const std::size_t last = rest.find_last_not_of('\0');
    const std::size_t used = last == std::string_view::npos ? 0 : last + 1;
    const bool newest = next_segment_ == segments_.size();
    const std::uint64_t offset = file_offset_ - rest.size();
    if (used < rest.size() && !newest) {
        ends_.push_back({next_segment_ - 1, number_, offset + used, rest.size() - used, true});
    }
    if (used == 0) {
        begin_ = end_;
        return false;
    }
    if (rest.front() == '\0') {
        ends_.push_back({next_segment_ - 1, number_, offset, used, false});
        begin_ = end_;
        return false;
    }
    hand_out(line, used);
    line.cut_short = true;
    begin_ = end_;
    return true;
}

Result<bool> LineStream::next(RawLine& line) {
    while (true) {
        if (!file_) {
            auto opened = open_next();
            if (!opened || !*opened) return opened;
        }
        const char* from = buffer_.data() + begin_;
        const auto* lf = end_ == begin_
                             ? nullptr
                             : static_cast<const char*>(std::memchr(from, '\n', end_ - begin_));
        if (lf != nullptr && static_cast<std::size_t>(lf - from) <= line_size_max_) {
            const auto size = static_cast<std::size_t>(lf - from);
            hand_out(line, size);
            ++lines_.back();
            begin_ += size + 1;
            return true;
        }
        if (end_ - begin_ > line_size_max_) {
            auto line_there = skip_long(line);
            if (!line_there) return line_there;
            if (at_eof_ && begin_ == end_) file_.reset();
            if (*line_there) return true;
            continue;
        }
        if (!at_eof_) {
            if (auto more = fill(); !more) return std::move(more).error();
            continue;
        }
        const bool line_there = finish_file(line);
        file_.reset();
        if (line_there) return true;
    }
}

}  // namespace anchorlog::verify
