#include "verify/crash_tail.h"

#include <algorithm>

namespace anchorlog::verify {
namespace {

// The most that recovery may cut: one commit group (design §3).
constexpr std::uint64_t kTailBytesMax = 4u << 20;
// Disks write sectors whole; a torn write leaves NULs where a sector did not make it.
constexpr std::uint64_t kSectorBytes = 512;
constexpr std::size_t kStartBytes = 16;
constexpr std::size_t kChunkBytes = 1u << 16;

// Looks at the tail byte by byte.
class TailJudge {
public:
    TailJudge(std::uint64_t begin, std::uint64_t lines_max)
        : at_(begin), begin_(begin), lines_max_(lines_max) {}

    void take(char c) {
        const bool is_nul = c == '\0';
        if (is_nul && !in_hole_) hole_begin_ = at_;
        if (!is_nul && in_hole_) {
            has_holes_ = true;
            fits_ = fits_ && is_edge(hole_begin_) && at_ % kSectorBytes == 0;
        }
        in_hole_ = is_nul;
        if (!is_nul) {
            // A line behind the last one that a single write can hold.
            fits_ = fits_ && lines_ < lines_max_;
            if (c == '\n') ++lines_;
            end_ = at_ + 1;
        }
        if (start_.size() < kStartBytes) start_.push_back(c);
        ++at_;
    }

    [[nodiscard]] CrashTail verdict() const {
        const std::uint64_t bytes = end_ - begin_;
        return {fits_ && bytes <= kTailBytesMax, has_holes_, bytes, start_};
    }

private:
    [[nodiscard]] bool is_edge(std::uint64_t at) const {
        return at == begin_ || at % kSectorBytes == 0;
    }

    std::uint64_t at_;
    std::uint64_t begin_;
    std::uint64_t lines_max_;
    std::uint64_t end_ = begin_;
    std::uint64_t hole_begin_ = 0;
    std::uint64_t lines_ = 0;
    bool in_hole_ = false;
    bool has_holes_ = false;
    bool fits_ = true;
    std::string start_;
};

}  // namespace

Result<bool> left_by_crash(FileSystem& fs, const std::vector<Segment>& segments,
                           std::size_t segment, std::uint64_t offset, std::uint64_t lines_max) {
    if (segment + 1 != segments.size()) return false;
    auto tail = crash_tail(fs, segments[segment], offset, lines_max);
    if (!tail) return std::move(tail).error();
    return tail->possible;
}

Result<CrashTail> crash_tail(FileSystem& fs, const Segment& segment, std::uint64_t offset,
                             std::uint64_t lines_max) {
    auto file = fs.open(segment.path, OpenMode::read);
    if (!file) return std::move(file).error();
    TailJudge judge(offset, lines_max);
    Bytes chunk(kChunkBytes);
    while (true) {
        auto got = (*file)->read_at(offset, chunk);
        if (!got) return std::move(got).error();
        for (std::size_t i = 0; i < *got; ++i) judge.take(static_cast<char>(chunk[i]));
        offset += *got;
        if (*got < chunk.size()) return judge.verdict();
    }
}

}  // namespace anchorlog::verify
