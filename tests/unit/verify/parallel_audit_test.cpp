#include <random>

#include "support/random_log.h"
#include "unit/verify/fixture.h"
#include "verify/line_stream.h"

namespace anchorlog::verify {
namespace {

using testing::RandomLog;

Trust parsed(const std::string& text) {
    MapFileSystem fs;
    fs.files["trust"] = text;
    auto trust = load_trust(fs, "trust");
    EXPECT_TRUE(trust);
    return *trust;
}

// What a hand may do to a file: bytes changed, lines repeated or lost, the end cut off.
void damage(MapFileSystem& fs, std::mt19937_64& draw) {
    auto file = fs.files.begin();
    std::advance(file, static_cast<std::ptrdiff_t>(draw() % fs.files.size()));
    std::string& bytes = file->second;
    if (bytes.empty()) return;
    const std::size_t at = draw() % bytes.size();
    switch (draw() % 5) {
        case 0:
            bytes[at] = static_cast<char>(bytes[at] ^ 1);
            break;
        case 1:
            bytes[at] = '\n';
            break;
        case 2:
            bytes.insert(at, bytes.substr(at / 2, 900));
            break;
        case 3:
            bytes.erase(at, 700);
            break;
        default:
            bytes.resize(at);
            bytes.append(draw() % 2 == 0 ? 0 : 70'000, '\0');
    }
}

Report audit_with(MapFileSystem& fs, const Trust& trust, unsigned threads, std::uint64_t block) {
    AuditOptions options;
    options.threads = threads;
    options.block_bytes = block;
    return verify_log(fs, "store", trust, nullptr, options);
}

TEST(ParallelAudit, ReportIsTheSameWithAnyNumberOfThreads) {
    std::map<Verdict, int> verdicts;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const RandomLog random = testing::make_random_log(seed);
        MapFileSystem fs;
        random.write(fs, "store");
        const Trust trust = parsed(random.trust);
        std::mt19937_64 draw(seed);
        for (std::uint64_t i = 0; i < seed % 4; ++i) damage(fs, draw);
        // Lines longer than a block, blocks without a line, and borders in every place.
        const std::uint64_t block = 61 + draw() % 5'000;
        const Report one = audit_with(fs, trust, 1, block);
        EXPECT_EQ(to_json(one), to_json(audit_with(fs, trust, 4, block))) << "seed " << seed;
        const Report whole = audit_with(fs, trust, 1, AuditOptions().block_bytes);
        EXPECT_EQ(one.verdict, whole.verdict) << "seed " << seed << ", block " << block << "\n"
                                              << all_faults(one) << all_faults(whole);
        ++verdicts[one.verdict];
    }
    EXPECT_GT(verdicts[Verdict::pass], 10);
    EXPECT_GT(verdicts[Verdict::fail], 10);
}

// All lines of a file, a range at a time.
std::vector<std::string> lines_in_ranges(MapFileSystem& fs, std::uint64_t block) {
    auto file = fs.open("file", OpenMode::read);
    const std::uint64_t size = fs.files["file"].size();
    std::vector<std::string> all;
    std::string buffer;
    for (std::uint64_t begin = 0; begin == 0 || begin < size; begin += block) {
        FileRange range;
        range.begin = begin;
        range.at_line = begin == 0;
        range.newest = true;
        if (begin + block < size) range.end = begin + block;
        FileLines lines(**file, size, range, 300, buffer);
        RawLine line;
        while (true) {
            const auto more = lines.next(line);
            if (!more || !*more) break;
            all.push_back(std::to_string(line.offset) + (line.cut_short ? " cut " : " ") +
                          (line.too_long ? "long " : "") + std::string(line.text));
        }
        for (const SegmentEnd& end : lines.ends()) {
            all.push_back("end " + std::to_string(end.offset) + " " + std::to_string(end.bytes));
        }
    }
    return all;
}

TEST(ParallelAudit, RangesHoldTheLinesOfTheFile) {
    std::mt19937_64 draw(7);
    for (int round = 0; round < 300; ++round) {
        MapFileSystem fs;
        std::string& bytes = fs.files["file"];
        for (std::uint64_t i = draw() % 12; i > 0; --i) {
            bytes.append(draw() % (draw() % 8 == 0 ? 900 : 90), 'x');
            if (draw() % 10 == 0) bytes.append(draw() % 50, '\0');
            if (i > 1 || draw() % 2 == 0) bytes.push_back('\n');
        }
        if (draw() % 2 == 0) bytes.append(draw() % 2'000, '\0');
        const auto whole = lines_in_ranges(fs, bytes.size() + 1);
        for (const std::uint64_t block : {1 + draw() % 40, 1 + draw() % 1'000}) {
            EXPECT_EQ(lines_in_ranges(fs, block), whole) << "block " << block;
        }
    }
}

}  // namespace
}  // namespace anchorlog::verify
