#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "anchorlog/verify/verify.h"
#include "fuzz/target.h"
#include "support/log_builder.h"

namespace anchorlog::fuzz {

namespace {

using testing::FakeChain;
using testing::LogBuilder;
using testing::MapFileSystem;

constexpr const char* kDir = "store";
constexpr std::uint64_t kBatches = 4;
constexpr std::uint64_t kEntriesPerBatch = 3;
constexpr std::size_t kSegmentLines = 5;
constexpr std::uint64_t kAnchoredBatch = 2;
constexpr std::size_t kEditsMax = 8;

// A sealed log of which the first batches are anchored, and what its owner trusts.
struct Original {
    LogBuilder log;
    FakeChain chain;
    verify::Trust trust;
    MapFileSystem files;

    Original() {
        log.padding_bytes = 8;
        log.fill(kAnchoredBatch, kEntriesPerBatch);
        log.anchor(chain);
        log.fill(kBatches - kAnchoredBatch, kEntriesPerBatch);
        log.add_alert();
        trust.logs.push_back({log.vkey(), ""});
        trust.anchors.push_back(
            {FakeChain::kChainId, FakeChain::contract(), FakeChain::code_hash(), false});
        const auto& anchored = chain.anchored().front();
        trust.blocks.push_back({FakeChain::kChainId, anchored.block_number, anchored.block_hash});
        log.write(files, kDir, kSegmentLines, true);
    }
};

const Original& original() {
    static const Original made;
    return made;
}

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

// One edit as somebody with the disk could make it.
void edit(MapFileSystem& fs, InputReader& reader) {
    const std::uint8_t what = reader.byte();
    auto file = std::next(fs.files.begin(), reader.byte() % static_cast<int>(fs.files.size()));
    std::string& text = file->second;
    const std::size_t place =
        (std::size_t{reader.byte()} << 8 | reader.byte()) % std::max<std::size_t>(text.size(), 1);
    const std::size_t size = reader.byte();
    const std::string_view bytes = as_text(reader.bytes(what % 8 <= 1 ? size : 0));
    switch (what % 8) {
        case 0:
            text.replace(place, std::min(bytes.size(), text.size() - place), bytes);
            break;
        case 1:
            text.insert(place, bytes);
            break;
        case 2:
            text.erase(place, size);
            break;
        case 3:
            text.resize(place);
            break;
        case 4:
            if (!text.empty()) take_line(text, place);
            break;
        case 5:
            if (!text.empty()) text.insert(line_at(text, place * size), take_line(text, place));
            break;
        case 6:
            if (fs.files.size() > 1) fs.files.erase(file);
            break;
        default:
            if (!text.empty())
                text[place] = static_cast<char>(text[place] ^ static_cast<char>(size));
    }
}

// The lines of a journal as its format has them: up to the first NUL of each segment.
std::vector<std::string> lines_of(const MapFileSystem& fs, const std::string& journal) {
    std::vector<std::string> lines;
    for (const auto& [path, bytes] : fs.files) {
        if (!path.starts_with(kDir + ("/" + journal + "/")) || !path.ends_with(".ndjson")) continue;
        std::string_view rest(bytes);
        rest = rest.substr(0, rest.find('\0'));
        for (std::size_t end = rest.find('\n'); end != std::string_view::npos;
             end = rest.find('\n')) {
            lines.emplace_back(rest.substr(0, end));
            rest.remove_prefix(end + 1);
        }
    }
    return lines;
}

void check_pass(const verify::Report& report, const MapFileSystem& fs) {
    const LogBuilder& log = original().log;
    const std::vector<std::string> entries = lines_of(fs, "log");
    const std::uint64_t sealed = report.entries - report.unsealed;
    require(report.entries <= entries.size() && sealed <= log.entries.size(),
            "what is passed is there");
    require(std::equal(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(sealed),
                       log.entries.begin()),
            "every sealed entry that passes is the one that was logged");
    const std::vector<std::string> batches = lines_of(fs, "batches");
    require(
        report.checked.batches <= log.headers.size() && report.checked.batches <= batches.size(),
        "every batch that passes was sealed");
    if (report.level != verify::Level::anchored) return;
    require(report.anchored_to == kAnchoredBatch && sealed >= kAnchoredBatch * kEntriesPerBatch,
            "what is anchored is whole");
}

}  // namespace

// Edits of a sound store, a few bytes each: whatever was done, a PASS is only for what was logged.
void verify_log(ByteView input) {
    InputReader reader(input);
    const std::uint64_t index = reader.byte() % (kBatches * kEntriesPerBatch);
    MapFileSystem fs;
    fs.files = original().files.files;
    for (std::size_t i = 0; i < kEditsMax && !reader.is_empty(); ++i) edit(fs, reader);

    const verify::Report report = verify::verify_log(fs, kDir, original().trust, nullptr);
    if (report.verdict == verify::Verdict::pass) check_pass(report, fs);
    require(!verify::to_text(report).empty() && !verify::to_json(report).empty(),
            "a report is told");

    const auto one = verify::verify_entry(fs, kDir, EntryIndex(index), original().trust, nullptr);
    require(!verify::to_text(one).empty() && !verify::to_json(one).empty(), "a report is told");
    if (one.verdict != verify::Verdict::pass) return;
    require(one.hits.size() == 1 && one.hits[0].text == original().log.entries[index],
            "an entry that passes is the one that was logged");
}

}  // namespace anchorlog::fuzz
