#include <algorithm>
#include <utility>

#include "store/line_reader.h"
#include "store/segmented_journal.h"

namespace anchorlog::store {
namespace {

constexpr std::size_t kVisitChunkBytes = 1u << 20;
constexpr std::size_t kReadChunkBytes = 64u << 10;
constexpr std::uint64_t kReserveLinesMax = 65'536;

Error damage(const LineRead& read) {
    return {Errc::corruption,
            std::string(to_string(read.stop)) + " at byte " + std::to_string(read.offset)};
}

}  // namespace

std::uint64_t SegmentedJournal::lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
}

SegmentedJournal::View SegmentedJournal::view_at(std::size_t index) const {
    const bool newest = index + 1 == segments_.size();
    return {segments_[index], newest ? lines_ : segments_[index + 1].first_line};
}

std::vector<SegmentSpan> SegmentedJournal::segments() const {
    const std::lock_guard lock(mutex_);
    std::vector<SegmentSpan> all;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        const View view = view_at(i);
        all.push_back({view.segment.first_line, view.lines_end, view.segment.is_pruned});
    }
    return all;
}

std::optional<SegmentedJournal::View> SegmentedJournal::view_holding(std::uint64_t line) const {
    const std::lock_guard lock(mutex_);
    const auto after = std::upper_bound(
        segments_.begin(), segments_.end(), line,
        [](std::uint64_t wanted, const Segment& segment) { return wanted < segment.first_line; });
    if (after == segments_.begin()) return {};
    return view_at(static_cast<std::size_t>(after - segments_.begin()) - 1);
}

std::optional<SegmentedJournal::View> SegmentedJournal::view_named(std::uint64_t first_line) const {
    auto view = view_holding(first_line);
    if (view && view->segment.first_line != first_line) view.reset();
    return view;
}

Result<std::unique_ptr<File>> SegmentedJournal::open_at(LinePosition at, const View& view) const {
    auto file = open_segment(fs_, dir_, view.segment);
    if (!file) return file;
    if (at.offset > view.segment.end) {
        return Error{Errc::corruption, path_of(view.segment.first_line) +
                                           ": no line starts at byte " + std::to_string(at.offset) +
                                           ", the content ends at " +
                                           std::to_string(view.segment.end)};
    }
    if (at.offset == 0) return file;
    auto before = read_range(**file, at.offset - 1, at.offset);
    if (!before) return std::move(before).error().in(path_of(view.segment.first_line));
    if (*before != "\n") {
        return Error{Errc::corruption, path_of(view.segment.first_line) +
                                           ": no line starts at byte " + std::to_string(at.offset)};
    }
    return file;
}

Result<std::string> SegmentedJournal::read_tail() const {
    if (tail_.bytes == 0) return std::string();
    const std::string path = path_of(tail_.position.segment_first_line);
    auto file = fs_.open(path, OpenMode::read);
    if (!file) return std::move(file).error();
    auto bytes = read_range(**file, tail_.position.offset, tail_.position.offset + tail_.bytes);
    if (!bytes) return std::move(bytes).error().in(path);
    return bytes;
}

Result<std::vector<std::string>> SegmentedJournal::read_lines(LinePosition at,
                                                              std::uint64_t count) const {
    std::vector<std::string> out;
    out.reserve(static_cast<std::size_t>(std::min(count, kReserveLinesMax)));
    while (out.size() < count) {
        const auto view = view_named(at.segment_first_line);
        if (!view || view->segment.first_line == view->lines_end) {
            return Error{Errc::not_found, dir_ + ": no line stands in segment " +
                                              segment_name(at.segment_first_line)};
        }
        auto file = open_at(at, *view);
        if (!file) return std::move(file).error();
        LineReader reader(**file, at.offset, view->segment.end, options_.line_size_max,
                          kReadChunkBytes);
        while (out.size() < count) {
            auto line = reader.next();
            if (!line) return std::move(line).error().in(path_of(at.segment_first_line));
            if (line->stop == LineStop::end) break;
            if (line->stop != LineStop::none) {
                return damage(*line).in(path_of(at.segment_first_line));
            }
            out.emplace_back(line->text);
        }
        if (out.size() == count) break;
        at = {view->lines_end, 0};
    }
    return out;
}

Result<void> SegmentedJournal::for_each(std::uint64_t from_line, const LineVisitor& visit,
                                        const LinePosition* hint) const {
    const std::uint64_t until = lines();
    std::uint64_t line = from_line;
    while (line < until) {
        const auto view = view_holding(line);
        ANCHORLOG_ASSERT(view.has_value());
        LinePosition at{view->segment.first_line, 0};
        if (hint != nullptr && line == from_line) {
            if (hint->segment_first_line != at.segment_first_line) {
                return Error{Errc::corruption, dir_ + ": line " + std::to_string(line) +
                                                   " is not in segment " +
                                                   segment_name(hint->segment_first_line)};
            }
            // Where it stood while the segment was there says nothing now.
            if (!view->segment.is_pruned) at = *hint;
        }
        if (auto done = visit_segment(line, until, at, *view, visit); !done) return done;
    }
    return {};
}

// Visits the lines [line, until) as far as they are in this segment and moves `line` behind
// them. Starting at its first byte, the lines before `line` are only counted.
Result<void> SegmentedJournal::visit_segment(std::uint64_t& line, std::uint64_t until,
                                             LinePosition at, const View& view,
                                             const LineVisitor& visit) const {
    const std::string path = path_of(view.segment.first_line);
    auto file = open_at(at, view);
    if (!file) return std::move(file).error();
    LineReader reader(**file, at.offset, view.segment.end, options_.line_size_max,
                      kVisitChunkBytes);
    const bool counted = at.offset == 0;
    std::uint64_t number = counted ? view.segment.first_line : line;
    for (;; ++number) {
        if (number == until && until < view.lines_end) return {};
        auto read = reader.next();
        if (!read) return std::move(read).error().in(path);
        if (read->stop == LineStop::end) break;
        if (read->stop != LineStop::none) {
            return damage(*read).in(path + ": line " + std::to_string(number));
        }
        if (number >= view.lines_end) {
            return Error{Errc::corruption, path + ": more lines than the " +
                                               std::to_string(view.lines_end) +
                                               " that end where the next segment begins, at byte " +
                                               std::to_string(read->offset)};
        }
        if (number < line) continue;
        auto visited = visit(number, read->text, {view.segment.first_line, read->offset});
        if (!visited) return visited;
        line = number + 1;
    }
    if (number != view.lines_end) {
        return Error{Errc::corruption, path + ": its content ends at byte " +
                                           std::to_string(view.segment.end) + " with line " +
                                           std::to_string(number) + " missing; the next known is " +
                                           std::to_string(view.lines_end)};
    }
    return {};
}

Result<std::uint64_t> SegmentedJournal::offset_of(std::uint64_t line, const View& view) const {
    const std::string path = path_of(view.segment.first_line);
    auto file = open_segment(fs_, dir_, view.segment);
    if (!file) return std::move(file).error();
    LineReader reader(**file, 0, view.segment.end, options_.line_size_max, kVisitChunkBytes);
    std::uint64_t offset = 0;
    for (std::uint64_t at = view.segment.first_line; at < line; ++at) {
        auto read = reader.next();
        if (!read) return std::move(read).error().in(path);
        if (read->stop != LineStop::none) {
            return damage(*read).in(path + ": line " + std::to_string(at));
        }
        offset = read->offset + read->text.size() + 1;
    }
    return offset;
}

}  // namespace anchorlog::store
