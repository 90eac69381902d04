#include "anchorlog/store/journal.h"

#include <algorithm>
#include <utility>

#include "anchorlog/base/bytes.h"
#include "store/segmented_journal.h"

namespace anchorlog::store {
namespace {

// Rewriting starts at a page boundary, so that whole pages become dirty again.
constexpr std::uint64_t kPageBytes = 4096;
// Less than this is not worth the system call.
constexpr std::uint64_t kDropBytes = 256u << 10;

std::uint64_t count_lines(std::string_view lines) {
    std::uint64_t count = 0;
    // find() uses memchr, which costs a tenth of a loop over the bytes.
    for (std::size_t lf = lines.find('\n'); lf != std::string_view::npos;
         lf = lines.find('\n', lf + 1)) {
        ++count;
    }
    return count;
}

Error as_io(Error error) {
    error.code = Errc::io;
    return error;
}

}  // namespace

SegmentedJournal::SegmentedJournal(FileSystem& fs, std::string dir, JournalOptions options,
                                   JournalContent content)
    : fs_(fs), dir_(std::move(dir)), options_(options), segments_(std::move(content.segments)),
      lines_(content.lines), tail_(content.tail) {}

std::string SegmentedJournal::path_of(std::uint64_t first_line) const {
    return dir_ + "/" + segment_name(first_line);
}

Error SegmentedJournal::fail(Error error) {
    failed_ = as_io(std::move(error));
    return *failed_;
}

Result<void> SegmentedJournal::ready_to_write() const {
    if (failed_) return *failed_;
    if (tail_.bytes != 0) {
        return Error{Errc::internal, dir_ + ": cut the " + std::to_string(tail_.bytes) +
                                         " bytes behind the last valid line before writing"};
    }
    return {};
}

Result<void> SegmentedJournal::open_newest() {
    if (file_) return {};
    ANCHORLOG_ASSERT(!segments_.empty());
    auto file = fs_.open(path_of(segments_.back().first_line), OpenMode::read_write);
    if (!file) return std::move(file).error();
    auto size = (*file)->size();
    if (!size) return std::move(size).error();
    file_ = std::move(*file);
    allocated_ = *size;
    return {};
}

bool SegmentedJournal::must_roll() const {
    return segments_.empty() || segments_.back().end >= options_.segment_bytes;
}

Result<LinePosition> SegmentedJournal::next_position() {
    if (auto ready = ready_to_write(); !ready) return std::move(ready).error();
    if (must_roll()) return LinePosition{lines_, 0};
    return LinePosition{segments_.back().first_line, segments_.back().end};
}

// Closes the newest segment and makes the next. A crash
//   before 1 is done leaves the full segment, with or without zeros behind its lines;
//   after 1 leaves the full segment, exactly its lines, all durable;
//   between 2 and 4 leaves the same, and perhaps an empty next segment;
//   after 4 leaves an empty next segment: its name is the number of lines before it.
// open() takes each of these; the next append rolls again or goes on in the empty segment.
Result<void> SegmentedJournal::roll() {
    // 1. Cut the current file to its lines and sync it whole.
    if (segments_.empty()) {
        if (auto made = fs_.create_dir(dir_); !made) return made;
    } else {
        if (auto cut = file_->truncate(segments_.back().end); !cut) return fail(cut.error());
        allocated_ = segments_.back().end;
        if (auto synced = file_->sync_all(); !synced) return fail(synced.error());
        file_->drop_cached(dropped_, allocated_);
    }
    // 2. Create the next one; an existing file of that name would be somebody else's.
    auto next = fs_.open(path_of(lines_), OpenMode::create_new);
    if (!next && next.error().code == Errc::storage_full) return std::move(next).error();
    if (!next) return fail(std::move(next).error());
    // 3. and 4. Make the file durable, then its name.
    if (auto synced = (*next)->sync_all(); !synced) return fail(synced.error());
    if (auto synced = fs_.sync_dir(dir_); !synced) return fail(synced.error());

    file_ = std::move(*next);
    allocated_ = dropped_ = 0;
    const std::lock_guard lock(mutex_);
    segments_.push_back({lines_, 0});
    return {};
}

// Gives the newest file at least `size` bytes: in whole steps while there is space, else just
// what the lines need, so that the last free bytes still serve.
Result<void> SegmentedJournal::reserve(std::uint64_t size) {
    if (size <= allocated_ || options_.preallocate_bytes == 0) return {};
    const std::uint64_t step = options_.preallocate_bytes;
    const std::uint64_t stepped = (size + step - 1) / step * step;
    auto reserved = file_->allocate(stepped);
    if (reserved) {
        allocated_ = stepped;
        return {};
    }
    if (reserved.error().code != Errc::storage_full) return fail(std::move(reserved).error());
    auto undone = undo_write(std::move(reserved).error());
    if (undone.error().code != Errc::storage_full) return undone;
    reserved = file_->allocate(size);
    if (reserved) {
        allocated_ = size;
        return {};
    }
    if (reserved.error().code != Errc::storage_full) return fail(std::move(reserved).error());
    return undo_write(std::move(reserved).error());
}

// Cuts a partial write or reservation back to the last line and hands `full` on. Not synced: a
// crash may bring parts back, behind the last line, where open() finds and cuts them.
Result<void> SegmentedJournal::undo_write(Error full) {
    const std::uint64_t end = segments_.back().end;
    if (auto cut = file_->truncate(end); !cut) return fail(cut.error());
    allocated_ = end;
    return full;
}

Result<void> SegmentedJournal::append(std::string_view lines, std::uint64_t count) {
    ANCHORLOG_ASSERT(lines.ends_with('\n'));
    ANCHORLOG_ASSERT(count_lines(lines) == count);
    ANCHORLOG_ASSERT(lines.find('\0') == std::string_view::npos);
    if (auto ready = ready_to_write(); !ready) return ready;
    if (!segments_.empty()) {
        if (auto opened = open_newest(); !opened) return opened;
    }
    if (must_roll()) {
        if (auto rolled = roll(); !rolled) return rolled;
    }
    const std::uint64_t end = segments_.back().end;
    if (auto reserved = reserve(end + lines.size()); !reserved) return reserved;
    auto written = file_->write_at(end, as_bytes(lines));
    if (!written && written.error().code == Errc::storage_full) {
        return undo_write(std::move(written).error());
    }
    if (!written) return fail(std::move(written).error());
    allocated_ = std::max(allocated_, end + lines.size());
    const std::lock_guard lock(mutex_);
    segments_.back().end = end + lines.size();
    lines_ += count;
    return {};
}

Result<void> SegmentedJournal::sync() {
    if (failed_) return *failed_;
    if (!file_) return {};
    if (auto synced = file_->sync_data(); !synced) return fail(synced.error());
    drop_written();
    return {};
}

// Lets synced pages leave memory, so that the next lines go into the very same pages: taking fresh
// ones costs several times the copy, and a log that fills the page cache takes it from everybody
// else on a small machine. The newest lines stay, and a resend asks for hardly any other.
void SegmentedJournal::drop_written() {
    const std::uint64_t until = segments_.back().end / kPageBytes * kPageBytes;
    if (until < dropped_ + kDropBytes) return;
    file_->drop_cached(dropped_, until);
    dropped_ = until;
}

Result<void> SegmentedJournal::remove_newest() {
    file_.reset();
    const std::string path = path_of(segments_.back().first_line);
    if (auto removed = fs_.remove(path); !removed) return fail(removed.error());
    // Synced one by one, so that a crash can only leave the older ones: a log without gap.
    if (auto synced = fs_.sync_dir(dir_); !synced) return fail(synced.error());
    const std::lock_guard lock(mutex_);
    lines_ = segments_.back().first_line;
    segments_.pop_back();
    return {};
}

Result<void> SegmentedJournal::cut_to(std::uint64_t line) {
    if (failed_) return *failed_;
    if (line > lines_) {
        return Error{Errc::internal, dir_ + ": cannot cut at line " + std::to_string(line) +
                                         " of " + std::to_string(lines_)};
    }
    if (segments_.empty() || (line == lines_ && tail_.bytes == 0)) return {};
    const auto view = view_holding(line);
    ANCHORLOG_ASSERT(view.has_value());
    auto offset =
        line == lines_ ? Result<std::uint64_t>(segments_.back().end) : offset_of(line, *view);
    if (!offset) return std::move(offset).error();

    while (segments_.back().first_line > view->segment.first_line) {
        if (auto removed = remove_newest(); !removed) return removed;
    }
    if (auto opened = open_newest(); !opened) return opened;
    if (auto cut = file_->truncate(*offset); !cut) return fail(cut.error());
    allocated_ = *offset;
    if (auto synced = file_->sync_all(); !synced) return fail(synced.error());
    tail_ = {line, {view->segment.first_line, *offset}, 0, false};
    const std::lock_guard lock(mutex_);
    segments_.back().end = *offset;
    lines_ = line;
    return {};
}

// Writes the last bytes of one segment again, as they are; returns how many.
Result<std::uint64_t> SegmentedJournal::rewrite(std::size_t index, std::uint64_t bytes_max) {
    const Segment segment = segments_[index];
    if (segment.is_pruned) return segment.end;  // synced before its file was removed
    const std::string path = path_of(segment.first_line);
    auto file = fs_.open(path, OpenMode::read_write);
    if (!file) return std::move(file).error();
    const std::uint64_t from =
        (segment.end - std::min(segment.end, bytes_max)) / kPageBytes * kPageBytes;
    auto bytes = read_range(**file, from, segment.end);
    if (!bytes) return std::move(bytes).error().in(path);
    if (!bytes->empty()) {
        if (auto written = (*file)->write_at(from, as_bytes(*bytes)); !written) {
            return std::move(written).error();
        }
    }
    auto size = (*file)->size();
    if (!size) return std::move(size).error();
    const bool closed = index + 1 < segments_.size();
    if (closed && *size > segment.end) {
        if (auto cut = (*file)->truncate(segment.end); !cut) return fail(cut.error());
    }
    if (auto synced = (*file)->sync_all(); !synced) return fail(synced.error());
    return segment.end - from;
}

Result<void> SegmentedJournal::settle() {
    if (auto ready = ready_to_write(); !ready) return ready;
    if (segments_.empty()) return {};
    std::uint64_t left = options_.tail_rewrite_bytes;
    for (std::size_t index = segments_.size(); index > 0 && left > 0; --index) {
        auto rewritten = rewrite(index - 1, left);
        if (!rewritten) return std::move(rewritten).error();
        left -= std::min(left, *rewritten);
    }
    if (auto synced = fs_.sync_dir(dir_); !synced) return fail(synced.error());
    return {};
}

}  // namespace anchorlog::store
