#include <algorithm>
#include <utility>

#include "store/segmented_journal.h"

namespace anchorlog::store {
namespace {

Result<std::vector<Segment>> list_segments(const FileSystem& fs, const std::string& dir) {
    auto names = fs.list(dir);
    if (!names && names.error().code == Errc::not_found) return std::vector<Segment>{};
    if (!names) return std::move(names).error();
    std::vector<Segment> segments;
    const auto is_there = [&](const std::string& name) {
        return std::binary_search(names->begin(), names->end(), name);
    };
    for (const std::string& name : *names) {
        if (const auto first_line = parse_segment_name(name)) {
            segments.push_back({*first_line, 0, false});
        } else if (const auto pruned = parse_pruned_name(name);
                   pruned && is_there(leaves_name(*pruned)) && !is_there(segment_name(*pruned))) {
            segments.push_back({*pruned, 0, true});
        }
    }
    std::sort(segments.begin(), segments.end(),
              [](const Segment& a, const Segment& b) { return a.first_line < b.first_line; });
    if (!segments.empty() && segments[0].first_line != 0) {
        return Error{Errc::corruption, dir + ": the segments before " +
                                           segment_name(segments[0].first_line) +
                                           " are missing; restore them from a backup"};
    }
    return segments;
}

// The segment before a newest one without a line. Rolling cuts and syncs it before the newest
// exists, so its lines must be all there; zeros behind them are cut by settle().
Result<std::uint64_t> check_before_empty(const File& file, std::uint64_t first_line,
                                         std::uint64_t next_first_line,
                                         const JournalOptions& options,
                                         const Journal::LineCheck& check) {
    auto scan = scan_segment(file, first_line, options, check);
    if (!scan) return std::move(scan).error();
    if (scan->tail_end != scan->end) {
        return Error{Errc::corruption, "damaged at byte " + std::to_string(scan->end) + " (line " +
                                           std::to_string(first_line + scan->lines) +
                                           "): " + scan->reason};
    }
    if (first_line + scan->lines != next_first_line) {
        return Error{Errc::corruption, "it holds " + std::to_string(scan->lines) + " lines, but " +
                                           segment_name(next_first_line) + " follows"};
    }
    return scan->end;
}

}  // namespace

Result<JournalContent> find_content(FileSystem& fs, const std::string& dir,
                                    const JournalOptions& options,
                                    const Journal::LineCheck& check) {
    auto listed = list_segments(fs, dir);
    if (!listed) return std::move(listed).error();
    JournalContent content;
    content.segments = std::move(*listed);
    auto& segments = content.segments;
    if (segments.empty()) return content;

    Segment& newest = segments.back();
    if (newest.is_pruned) {
        return Error{Errc::corruption, dir + ": the segments behind " +
                                           leaves_name(newest.first_line) +
                                           " are missing; restore them from a backup"};
    }
    const std::string newest_path = dir + "/" + segment_name(newest.first_line);
    auto file = fs.open(newest_path, OpenMode::read);
    if (!file) return std::move(file).error();
    auto scan = scan_segment(**file, newest.first_line, options, check);
    if (!scan) return std::move(scan).error().in(newest_path);
    newest.end = scan->end;
    content.lines = newest.first_line + scan->lines;
    content.tail.line = content.lines;
    content.tail.position = {newest.first_line, scan->end};
    content.tail.bytes = scan->tail_end - scan->end;
    content.tail.complete_lines = scan->complete_lines;

    for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
        const std::uint64_t first_line = segments[i].first_line;
        const std::uint64_t next_first_line = segments[i + 1].first_line;
        const bool before_empty = i + 2 == segments.size() && scan->lines == 0;
        const std::string path = dir + "/" + segment_name(first_line);
        auto closed = open_segment(fs, dir, segments[i]);
        if (!closed) return std::move(closed).error();
        auto end =
            before_empty
                ? check_before_empty(**closed, first_line, next_first_line, options, check)
                : check_closed_segment(**closed, first_line, next_first_line, options, check);
        if (!end) return std::move(end).error().in(path);
        segments[i].end = *end;
    }
    return content;
}

Result<std::unique_ptr<Journal>> Journal::open(FileSystem& fs, std::string dir,
                                               JournalOptions options, LineCheck check) {
    auto content = find_content(fs, dir, options, check);
    if (!content) return std::move(content).error();
    return std::unique_ptr<Journal>(
        std::make_unique<SegmentedJournal>(fs, std::move(dir), options, std::move(*content)));
}

}  // namespace anchorlog::store
