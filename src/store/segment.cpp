#include "store/segment.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

#include "anchorlog/base/bytes.h"
#include "anchorlog/wire/pruned_lines.h"

namespace anchorlog::store {
namespace {

constexpr std::string_view kSuffix = ".ndjson";
constexpr std::string_view kLeavesSuffix = ".leaves";
constexpr std::string_view kDevicesSuffix = ".devices.ndjson";
constexpr std::size_t kNameDigits = 20;
constexpr std::size_t kScanChunkBytes = 1u << 20;
// Most last lines of closed segments are found in one read of this size.
constexpr std::uint64_t kLastLineBytes = 8u << 10;

std::string name_with(std::uint64_t first_line, std::string_view ending) {
    const std::string digits = std::to_string(first_line);
    return std::string(kNameDigits - digits.size(), '0').append(digits).append(ending);
}

std::optional<std::uint64_t> parse_name(std::string_view name, std::string_view ending) {
    if (name.size() != kNameDigits + ending.size() || !name.ends_with(ending)) return {};
    std::uint64_t first_line = 0;
    const char* const digits_end = name.data() + kNameDigits;
    const auto parsed = std::from_chars(name.data(), digits_end, first_line);
    if (parsed.ec != std::errc() || parsed.ptr != digits_end) return {};
    return first_line;
}

bool only_nul(std::string_view bytes) {
    return bytes.empty() ||
           (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Finds the end of what is not NUL, and whole lines: runs without NUL between the start or a LF
// and a LF. A crash that stored later sectors but not earlier ones can leave such lines too;
// they are reported all the same, because a zeroed sector before them looks just like it.
class TailScan {
public:
    void take(std::string_view bytes, std::uint64_t offset) {
        if (only_nul(bytes)) {
            whole_ = whole_ && bytes.empty();
            return;
        }
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            const char c = bytes[i];
            if (c == '\0') {
                whole_ = false;
                continue;
            }
            end = offset + i + 1;
            if (c != '\n') {
                ++size_;
                continue;
            }
            complete_lines = complete_lines || (whole_ && size_ > 0);
            whole_ = true;
            size_ = 0;
        }
    }

    std::uint64_t end = 0;
    bool complete_lines = false;

private:
    bool whole_ = true;  // no NUL since the line began, and its beginning was seen
    std::uint64_t size_ = 0;
};

Result<void> scan_tail(const File& file, std::uint64_t size, SegmentScan& scan) {
    TailScan tail;
    for (std::uint64_t at = scan.end; at < size; at += kScanChunkBytes) {
        auto bytes = read_range(file, at, std::min<std::uint64_t>(at + kScanChunkBytes, size));
        if (!bytes) return std::move(bytes).error();
        tail.take(*bytes, at);
    }
    scan.tail_end = std::max(scan.end, tail.end);
    scan.complete_lines = tail.complete_lines;
    return {};
}

// The last line of a file that ends in LF, without it.
Result<std::string> last_line(const File& file, std::uint64_t size, std::uint64_t line_size_max) {
    for (std::uint64_t span = kLastLineBytes;; span *= 2) {
        const std::uint64_t from = size - std::min(size, span);
        auto bytes = read_range(file, from, size - 1);
        if (!bytes) return std::move(bytes).error();
        const std::size_t lf = bytes->rfind('\n');
        if (lf != std::string::npos) return bytes->substr(lf + 1);
        if (from == 0) return std::move(*bytes);
        if (span > line_size_max) {
            return Error{Errc::corruption, "the last line is longer than allowed"};
        }
    }
}

}  // namespace

std::string segment_name(std::uint64_t first_line) { return name_with(first_line, kSuffix); }

std::string leaves_name(std::uint64_t first_line) { return name_with(first_line, kLeavesSuffix); }

std::string devices_name(std::uint64_t first_line) { return name_with(first_line, kDevicesSuffix); }

Result<std::unique_ptr<File>> open_segment(FileSystem& fs, const std::string& dir,
                                           const Segment& segment) {
    const std::string name =
        segment.is_pruned ? leaves_name(segment.first_line) : segment_name(segment.first_line);
    auto file = fs.open(dir + "/" + name, OpenMode::read);
    if (!file || !segment.is_pruned) return file;
    return wire::show_erased_lines(std::move(*file), EntryIndex(segment.first_line));
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
    return parse_name(name, kSuffix);
}

std::optional<std::uint64_t> parse_pruned_name(std::string_view name) {
    return parse_name(name, kDevicesSuffix);
}

Result<std::string> read_range(const File& file, std::uint64_t from, std::uint64_t end) {
    std::string bytes(static_cast<std::size_t>(end - from), '\0');
    auto got =
        file.read_at(from, std::span(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()));
    if (!got) return std::move(got).error();
    if (*got != bytes.size()) {
        return Error{Errc::corruption, "the file ends at byte " + std::to_string(from + *got) +
                                           ", before its known content"};
    }
    return bytes;
}

Result<SegmentScan> scan_segment(const File& file, std::uint64_t first_line,
                                 const JournalOptions& options, const Journal::LineCheck& check) {
    auto size = file.size();
    if (!size) return std::move(size).error();
    SegmentScan scan;
    LineReader reader(file, 0, *size, options.line_size_max, kScanChunkBytes);
    for (;;) {
        auto line = reader.next();
        if (!line) return std::move(line).error();
        if (line->stop == LineStop::end) break;
        if (line->stop != LineStop::none) {
            scan.reason = to_string(line->stop);
            break;
        }
        if (check) {
            if (auto good = check(first_line + scan.lines, line->text); !good) {
                scan.reason = good.error().message;
                break;
            }
        }
        ++scan.lines;
        scan.end = line->offset + line->text.size() + 1;
    }
    if (auto done = scan_tail(file, *size, scan); !done) return std::move(done).error();
    return scan;
}

Result<std::uint64_t> check_closed_segment(const File& file, std::uint64_t first_line,
                                           std::uint64_t next_first_line,
                                           const JournalOptions& options,
                                           const Journal::LineCheck& check) {
    ANCHORLOG_ASSERT(first_line < next_first_line);
    auto size = file.size();
    if (!size) return std::move(size).error();
    if (*size == 0) return Error{Errc::corruption, "it is empty, but not the newest segment"};
    auto end = read_range(file, *size - 1, *size);
    if (!end) return std::move(end).error();
    if (*end != "\n") {
        return Error{Errc::corruption, "it does not end in a line feed at byte " +
                                           std::to_string(*size) + ", but is not the newest"};
    }
    LineReader reader(file, 0, *size, options.line_size_max, kLastLineBytes);
    auto first = reader.next();
    if (!first) return std::move(first).error();
    if (first->stop != LineStop::none) {
        return Error{Errc::corruption, std::string(to_string(first->stop)) + " at byte 0"};
    }
    if (!check) return *size;
    auto last = last_line(file, *size, options.line_size_max);
    if (!last) return std::move(last).error();
    if (auto good = check(first_line, first->text); !good) {
        return Error{Errc::corruption,
                     "line " + std::to_string(first_line) + ": " + good.error().message};
    }
    if (auto good = check(next_first_line - 1, *last); !good) {
        return Error{Errc::corruption, "its last line should be line " +
                                           std::to_string(next_first_line - 1) +
                                           " by the next segment's name: " + good.error().message};
    }
    return *size;
}

}  // namespace anchorlog::store
