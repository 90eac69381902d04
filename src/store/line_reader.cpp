#include "store/line_reader.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace anchorlog::store {

std::string_view to_string(LineStop stop) noexcept {
    switch (stop) {
        case LineStop::none:
            return "a line";
        case LineStop::end:
            return "end of content";
        case LineStop::torn:
            return "a line without its end";
        case LineStop::nul:
            return "a NUL byte";
        case LineStop::too_long:
            return "a line longer than allowed";
    }
    return "unknown";
}

LineReader::LineReader(const File& file, std::uint64_t from, std::uint64_t end,
                       std::uint64_t line_size_max, std::size_t chunk_bytes)
    : file_(file), end_(end), line_size_max_(line_size_max), chunk_bytes_(chunk_bytes),
      buffer_offset_(from) {
    ANCHORLOG_ASSERT(from <= end);
    ANCHORLOG_ASSERT(chunk_bytes > 0);
}

Result<LineRead> LineReader::next() {
    for (;;) {
        const std::uint64_t offset = buffer_offset_ + cursor_;
        const std::string_view rest = std::string_view(buffer_).substr(searched_);
        const std::size_t lf = rest.find('\n');
        // Only up to the LF: a later NUL belongs to a later line.
        const std::size_t nul = rest.substr(0, lf).find('\0');
        if (nul != std::string_view::npos) return LineRead{LineStop::nul, {}, offset};
        if (lf != std::string_view::npos) {
            const std::size_t size = searched_ + lf - cursor_;
            if (size > line_size_max_) return LineRead{LineStop::too_long, {}, offset};
            const std::string_view text = std::string_view(buffer_).substr(cursor_, size);
            cursor_ += size + 1;
            searched_ = cursor_;
            return LineRead{LineStop::none, text, offset};
        }
        searched_ = buffer_.size();
        if (searched_ - cursor_ > line_size_max_) return LineRead{LineStop::too_long, {}, offset};
        if (buffer_offset_ + buffer_.size() == end_) {
            return LineRead{cursor_ == searched_ ? LineStop::end : LineStop::torn, {}, offset};
        }
        if (auto filled = fill(); !filled) return std::move(filled).error();
    }
}

Result<void> LineReader::fill() {
    buffer_.erase(0, cursor_);
    buffer_offset_ += cursor_;
    searched_ -= cursor_;
    cursor_ = 0;

    const std::size_t held = buffer_.size();
    const std::uint64_t at = buffer_offset_ + held;
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes_, end_ - at));
    buffer_.resize(held + wanted);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(buffer_.data()) + held;
    auto got = file_.read_at(at, std::span(bytes, wanted));
    if (!got || *got != wanted) buffer_.resize(held);
    if (!got) return std::move(got).error();
    if (*got != wanted) {
        return Error{Errc::corruption, "the file ends at byte " + std::to_string(at + *got) +
                                           ", before its known content"};
    }
    return {};
}

}  // namespace anchorlog::store
