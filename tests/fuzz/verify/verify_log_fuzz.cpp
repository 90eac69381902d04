#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "anchorlog/verify/verify.h"
#include "fuzz/target.h"
#include "fuzz/verify/original.h"

namespace anchorlog::fuzz {

namespace {

using testing::MapFileSystem;

constexpr std::size_t kEditsMax = 8;

std::size_t line_at(const std::string& text, std::size_t place) {
    const std::size_t before = text.rfind('\n', place % std::max<std::size_t>(text.size(), 1));
    return before == std::string::npos ? 0 : before + 1;
}

std::string take_line(std::string& text, std::size_t place) {
    const std::size_t begin = line_at(text, place);
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1);
    std::string line = text.substr(begin, end - begin + 1);
    text.erase(begin, line.size());
    return line;
}

// One edit as somebody with the disk could make it: of bytes, of lines, of files.
void edit(MapFileSystem& fs, InputReader& reader) {
    const std::uint8_t what = reader.byte() % (kTextEdits + 3);
    const auto file =
        std::next(fs.files.begin(), reader.byte() % static_cast<int>(fs.files.size()));
    std::string& text = file->second;
    if (what < kTextEdits) return edit_text(text, what, reader);
    const std::size_t place = std::size_t{reader.byte()} << 8 | reader.byte();
    const std::size_t other = place * reader.byte();
    if (what == kTextEdits + 2) {
        if (fs.files.size() > 1) fs.files.erase(file);
    } else if (!text.empty()) {
        const std::string line = take_line(text, place);
        if (what == kTextEdits + 1) text.insert(line_at(text, other), line);
    }
}

// The lines of a journal as its format has them: up to the first NUL of each segment.
std::vector<std::string> lines_of(const MapFileSystem& fs, const std::string& journal) {
    const std::string prefix = std::string(Original::kDir) + "/" + journal + "/";
    std::vector<std::string> lines;
    for (const auto& [path, bytes] : fs.files) {
        if (!path.starts_with(prefix) || !path.ends_with(".ndjson")) continue;
        std::string_view rest(bytes);
        rest = rest.substr(0, rest.find('\0'));
        for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
            lines.emplace_back(rest.substr(0, end));
            rest.remove_prefix(end + 1);
        }
    }
    return lines;
}

void check_pass(const verify::Report& report, const MapFileSystem& fs) {
    const testing::LogBuilder& log = original().log;
    const std::vector<std::string> entries = lines_of(fs, "log");
    const std::uint64_t sealed = report.entries - report.unsealed;
    require(report.entries <= entries.size() && sealed <= log.entries.size(),
            "what is passed is there");
    require(std::equal(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(sealed),
                       log.entries.begin()),
            "every sealed entry that passes is the one that was logged");
    const std::uint64_t batches = report.checked.batches;
    require(batches <= log.headers.size() && batches <= lines_of(fs, "batches").size(),
            "every batch that passes was sealed");
    if (report.level != verify::Level::anchored) return;
    require(report.anchored_to == Original::kAnchoredBatch &&
                sealed >= Original::kAnchoredBatch * Original::kEntriesPerBatch,
            "what is anchored is whole");
}

}  // namespace

// Edits of a sound store, a few bytes each: whatever was done, a PASS is only for what was logged.
void verify_log(ByteView input) {
    InputReader reader(input);
    const std::uint64_t index = reader.byte() % Original::kSealed;
    MapFileSystem fs;
    fs.files = original().files.files;
    for (std::size_t i = 0; i < kEditsMax && !reader.is_empty(); ++i) edit(fs, reader);

    const verify::Trust& trust = original().trust;
    const verify::Report report = verify::verify_log(fs, Original::kDir, trust, nullptr);
    if (report.verdict == verify::Verdict::pass) check_pass(report, fs);
    require(!verify::to_text(report).empty() && !verify::to_json(report).empty(),
            "a report is told");

    const auto one = verify::verify_entry(fs, Original::kDir, EntryIndex(index), trust, nullptr);
    require(!verify::to_text(one).empty() && !verify::to_json(one).empty(), "a report is told");
    if (one.verdict != verify::Verdict::pass) return;
    require(one.hits.size() == 1 && one.hits[0].text == original().log.entries[index],
            "an entry that passes is the one that was logged");
}

}  // namespace anchorlog::fuzz
