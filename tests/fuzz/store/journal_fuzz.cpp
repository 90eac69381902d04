#include "anchorlog/store/journal.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/target.h"
#include "support/sim_file_system.h"

namespace anchorlog::fuzz {

namespace {

using testing::SimFileSystem;

constexpr const char* kDir = "/log";
constexpr char kNextSegment = '\x1E';
constexpr std::size_t kSegmentsMax = 4;

store::JournalOptions small_options() {
    store::JournalOptions options;
    options.segment_bytes = 96;
    options.preallocate_bytes = 64;
    options.line_size_max = 48;
    options.tail_rewrite_bytes = 200;
    return options;
}

std::string line_start(std::uint64_t line) { return std::to_string(line) + ":"; }

// A line tells its number, as those of the log do.
Result<void> check_line(std::uint64_t line, std::string_view text) {
    if (text.starts_with(line_start(line))) return {};
    return Error{Errc::invalid_input, "not this line"};
}

std::string segment_path(std::uint64_t first_line) {
    const std::string digits = std::to_string(first_line);
    return std::string(kDir) + "/" + std::string(20 - digits.size(), '0') + digits + ".ndjson";
}

// What open() promises of a single segment, said a second time: leading lines that are whole and
// right, and what lies behind them up to the zeros.
struct Expected {
    std::uint64_t lines = 0;
    std::uint64_t tail_bytes = 0;
};
Expected expect(std::string_view text) {
    Expected out;
    std::string_view rest = text;
    for (;;) {
        const std::size_t end = rest.find('\n');
        if (end == std::string_view::npos || rest.find('\0') < end) break;
        if (end > small_options().line_size_max || !check_line(out.lines, rest.substr(0, end)))
            break;
        rest.remove_prefix(end + 1);
        ++out.lines;
    }
    out.tail_bytes = rest.find_last_not_of('\0') + 1;
    return out;
}

// Segments of `input`, each named for the lines before it; a first byte of 0xFF skips a number.
void write_segments(SimFileSystem& fs, std::string_view input) {
    std::uint64_t first_line = 0;
    for (std::size_t i = 0; i < kSegmentsMax; ++i) {
        const std::size_t end = std::min(input.find(kNextSegment), input.size());
        std::string_view text = input.substr(0, end);
        if (text.starts_with('\xFF')) {
            text.remove_prefix(1);
            ++first_line;
        }
        fs.set_content(segment_path(first_line), text);
        first_line += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
        if (end == input.size()) return;
        input.remove_prefix(end + 1);
    }
}

std::unique_ptr<store::Journal> open(SimFileSystem& fs) {
    auto journal = store::Journal::open(fs, kDir, small_options(), check_line);
    return journal ? std::move(*journal) : nullptr;
}

std::vector<std::string> read_all(const store::Journal& journal, bool& is_whole) {
    std::vector<std::string> lines;
    const auto visited = journal.for_each(
        0, [&](std::uint64_t line, std::string_view text, store::LinePosition at) -> Result<void> {
            require(line == lines.size(), "lines are visited in order");
            const auto again = journal.read_lines(at, 1);
            require(again && again->front() == text, "a line is found at its position");
            lines.emplace_back(text);
            return {};
        });
    is_whole = visited.has_value();
    require(!is_whole || lines.size() == journal.lines(), "every line is visited");
    return lines;
}

// What recovery does next, then one line more and a power failure.
void go_on(SimFileSystem& fs, store::Journal& journal, std::vector<std::string> lines) {
    const auto tail = journal.read_tail();
    require(tail && tail->size() == journal.tail().bytes, "the tail can be kept");
    require(journal.cut_to(lines.size()).has_value(), "a tail can be cut");
    require(journal.settle().has_value(), "a cut journal can be settled");
    lines.push_back(line_start(lines.size()) + "new");
    require(journal.append(lines.back() + '\n', 1).has_value(), "a settled journal takes lines");
    require(journal.sync().has_value(), "a line can be synced");
    fs.crash(lines.size());
    const auto after = open(fs);
    require(after != nullptr && after->lines() == lines.size() && after->tail().bytes == 0,
            "a synced line survives, and nothing else is there");
    bool is_whole = false;
    require(read_all(*after, is_whole) == lines && is_whole, "every line is as it was");
}

}  // namespace

// A journal's directory: the bytes of its segments.
void journal(ByteView input) {
    SimFileSystem fs;
    require(fs.create_dir(kDir).has_value(), "a directory can be made");
    const std::string_view text = as_text(input);
    write_segments(fs, text);
    const auto journal = open(fs);
    const bool is_single =
        text.find(kNextSegment) == std::string_view::npos && !text.starts_with('\xFF');
    require(!is_single || journal != nullptr, "the newest segment is never beyond recovery");
    if (journal == nullptr) return;
    if (is_single) {
        const Expected expected = expect(text);
        require(journal->lines() == expected.lines, "the longest valid prefix is kept");
        require(journal->tail().bytes == expected.tail_bytes, "the rest is the tail");
    }
    bool is_whole = false;
    std::vector<std::string> lines = read_all(*journal, is_whole);
    if (is_whole) go_on(fs, *journal, std::move(lines));
}

}  // namespace anchorlog::fuzz
