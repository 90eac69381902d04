#include "verify/line_stream.h"

#include <algorithm>
#include <charconv>

#include "anchorlog/wire/pruned_lines.h"

namespace anchorlog::verify {
namespace {

constexpr std::string_view kSuffix = ".ndjson";
constexpr std::string_view kLeavesSuffix = ".leaves";
constexpr std::string_view kDevicesSuffix = ".devices.ndjson";
constexpr std::size_t kNameDigits = 20;

bool parse_name(std::string_view name, std::string_view ending, std::uint64_t& first_line) {
    if (name.size() != kNameDigits + ending.size() || !name.ends_with(ending)) return false;
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
    const auto is_there = [&](const std::string& name) {
        return std::binary_search(names->begin(), names->end(), name);
    };
    for (const std::string& name : *names) {
        std::uint64_t first_line = 0;
        if (parse_name(name, kSuffix, first_line)) {
            list.segments.push_back({first_line, journal + "/" + name, path + "/" + name, false});
            continue;
        }
        list.strangers.push_back(journal + "/" + name);
        if (!parse_name(name, kDevicesSuffix, first_line)) continue;
        const std::string stem = name.substr(0, kNameDigits);
        const std::string leaves = stem + std::string(kLeavesSuffix);
        if (is_there(stem + std::string(kSuffix)) || !is_there(leaves)) continue;
        list.segments.push_back({first_line, journal + "/" + leaves, path + "/" + leaves, true});
    }
    return list;
}

Result<std::unique_ptr<File>> open_segment(FileSystem& fs, const Segment& segment) {
    auto file = fs.open(segment.path, OpenMode::read);
    if (!file || !segment.is_pruned) return file;
    return wire::show_erased_lines(std::move(*file), EntryIndex(segment.first_line));
}

const Segment* segment_of(const std::vector<Segment>& segments, std::uint64_t line) {
    auto after = std::upper_bound(
        segments.begin(), segments.end(), line,
        [](std::uint64_t wanted, const Segment& segment) { return wanted < segment.first_line; });
    return after == segments.begin() ? nullptr : &*(after - 1);
}

std::vector<std::size_t> misnamed_segments(const std::vector<Segment>& segments,
                                           const std::vector<std::uint64_t>& lines,
                                           std::size_t first) {
    std::vector<std::size_t> found;
    for (std::size_t i = first == 0 ? 0 : first + 1; i < lines.size(); ++i) {
        const std::uint64_t before = i == 0 ? 0 : segments[i - 1].first_line + lines[i - 1];
        if (lines[i] == 0 && segments[i].first_line != before) found.push_back(i);
    }
    return found;
}

LineStream::LineStream(FileSystem& fs, const std::vector<Segment>& segments,
                       std::size_t line_size_max, std::size_t first_segment)
    : fs_(fs), segments_(segments), line_size_max_(line_size_max), next_segment_(first_segment),
      lines_(first_segment, 0) {}

Result<bool> LineStream::open_next() {
    if (next_segment_ >= segments_.size()) return false;
    auto file = open_segment(fs_, segments_[next_segment_]);
    if (!file) return std::move(file).error();
    file_ = std::move(*file);
    auto size = file_->size();
    if (!size) return std::move(size).error();
    FileRange range;
    range.segment = next_segment_++;
    range.newest = next_segment_ == segments_.size();
    in_file_.emplace(*file_, *size, range, line_size_max_, buffer_);
    return true;
}

void LineStream::close() {
    lines_.push_back(in_file_->whole_lines());
    ends_.insert(ends_.end(), in_file_->ends().begin(), in_file_->ends().end());
    in_file_.reset();
    file_.reset();
}

Result<bool> LineStream::next(RawLine& line) {
    while (true) {
        if (!in_file_) {
            auto opened = open_next();
            if (!opened || !*opened) return opened;
        }
        auto more = in_file_->next(line);
        if (!more || *more) return more;
        close();
    }
}

}  // namespace anchorlog::verify
