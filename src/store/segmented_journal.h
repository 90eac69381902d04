#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/store/journal.h"
#include "store/segment.h"

namespace anchorlog::store {

// What open() found on disk.
struct JournalContent {
    std::vector<Segment> segments;
    std::uint64_t lines = 0;
    Tail tail;
};

// Lists and checks the segments of a directory, see Journal::open.
[[nodiscard]] Result<JournalContent> find_content(FileSystem& fs, const std::string& dir,
                                                  const JournalOptions& options,
                                                  const Journal::LineCheck& check);

class SegmentedJournal final : public Journal {
public:
    SegmentedJournal(FileSystem& fs, std::string dir, JournalOptions options,
                     JournalContent content);

    [[nodiscard]] std::uint64_t lines() const override;
    [[nodiscard]] std::vector<SegmentSpan> segments() const override;
    [[nodiscard]] const Tail& tail() const override { return tail_; }
    [[nodiscard]] Result<std::string> read_tail() const override;
    [[nodiscard]] Result<void> cut_to(std::uint64_t line) override;
    [[nodiscard]] Result<void> settle() override;
    [[nodiscard]] Result<void> append(std::string_view lines, std::uint64_t count) override;
    [[nodiscard]] Result<void> sync() override;
    [[nodiscard]] Result<LinePosition> next_position() override;
    [[nodiscard]] Result<std::vector<std::string>> read_lines(LinePosition at,
                                                              std::uint64_t count) const override;
    [[nodiscard]] Result<void> for_each(std::uint64_t from_line, const LineVisitor& visit,
                                        const LinePosition* hint) const override;

private:
    // A segment as a reader may see it: its lines are [segment.first_line, lines_end).
    struct View {
        Segment segment;
        std::uint64_t lines_end = 0;
    };

    [[nodiscard]] std::string path_of(std::uint64_t first_line) const;
    [[nodiscard]] std::optional<View> view_holding(std::uint64_t line) const;
    [[nodiscard]] std::optional<View> view_named(std::uint64_t first_line) const;
    [[nodiscard]] View view_at(std::size_t index) const;  // with mutex_ held
    [[nodiscard]] Result<std::unique_ptr<File>> open_at(LinePosition at, const View& view) const;
    [[nodiscard]] Result<std::uint64_t> offset_of(std::uint64_t line, const View& view) const;
    [[nodiscard]] Result<void> visit_segment(std::uint64_t& line, std::uint64_t until,
                                             LinePosition at, const View& view,
                                             const LineVisitor& visit) const;

    [[nodiscard]] Result<void> ready_to_write() const;
    [[nodiscard]] Result<void> open_newest();
    [[nodiscard]] bool must_roll() const;
    [[nodiscard]] Result<void> roll();
    [[nodiscard]] Result<void> reserve(std::uint64_t size);
    [[nodiscard]] Result<void> undo_write(Error full);
    void drop_written();
    [[nodiscard]] Result<void> remove_newest();
    [[nodiscard]] Result<std::uint64_t> rewrite(std::size_t index, std::uint64_t bytes_max);
    // Remembers the error for all later writes: the file's state is not known any more.
    [[nodiscard]] Error fail(Error error);

    FileSystem& fs_;
    const std::string dir_;
    const JournalOptions options_;

    mutable std::mutex mutex_;  // guards the next two; changed by the writer, read by all
    std::vector<Segment> segments_;
    std::uint64_t lines_;

    // The writer's own.
    Tail tail_;
    std::unique_ptr<File> file_;   // the newest segment, once something is written
    std::uint64_t allocated_ = 0;  // its size on disk, zeros included
    std::uint64_t dropped_ = 0;    // its bytes before this are no longer asked to be in memory
    std::optional<Error> failed_;
};

}  // namespace anchorlog::store
