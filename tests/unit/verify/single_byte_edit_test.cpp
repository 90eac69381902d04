#include <cstdlib>
#include <iostream>

#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

// Members of anchors/ that nothing depends on: when a step was written, as what label a target
// goes where no receipt repeats it, why a receipt was given up.
bool is_without_meaning(const std::string& line, std::size_t at) {
    const auto inside = [&](const std::string& member) {
        const std::size_t begin = line.find("\"" + member + "\":\"");
        if (begin == std::string::npos) return false;
        const std::size_t value = begin + member.size() + 4;
        return at >= value && at < line.find('"', value);
    };
    const bool is_receipt = line.find("\"kind\":\"receipt\"") != std::string::npos;
    // A receipt proves an event; which transaction made it is only said, not proven.
    return inside("at") || (is_receipt && inside("hash"));
}

// Every offset when the whole matrix is asked for, else a sample that has no common divisor with
// the lines' lengths.
std::size_t stride(std::size_t sample) {
    return std::getenv("ANCHORLOG_TEST_FULL") != nullptr ? 1 : sample;
}

struct Place {
    std::string line;
    std::size_t at = 0;
};
Place place_of(const std::string& bytes, std::size_t offset) {
    std::size_t begin = 0;
    if (offset > 0) {
        const std::size_t lf = bytes.rfind('\n', offset - 1);
        begin = lf == std::string::npos ? 0 : lf + 1;
    }
    return {bytes.substr(begin, bytes.find('\n', begin) - begin), offset - begin};
}

class SingleByteEdit : public ::testing::Test {
protected:
    SingleByteEdit() {
        log.padding_bytes = 8;
        log.fill(2, 3);
        log.anchor(chain);
        log.add_audit();
        log.add_alert("cam-1", 2);
        log.seal();
        log.anchor(chain);
        log.write(fs, "store", 4, true);
        trust = trust_of(log);
        trust_blocks(trust, chain);
    }

    LogBuilder log;
    FakeChain chain;
    MapFileSystem fs;
    Trust trust;
};

TEST_F(SingleByteEdit, IsAlwaysSeenOrWithoutMeaning) {
    ASSERT_EQ(verify_log(fs, "store", trust, nullptr).level, Level::anchored);
    std::size_t tried = 0;
    std::size_t failed = 0;
    std::size_t undecided = 0;
    std::size_t meaningless = 0;
    for (auto& [path, bytes] : fs.files) {
        if (path.ends_with(".leaves")) continue;  // a hint: see the next test
        const bool is_anchors = path.find("/anchors/") != std::string::npos;
        const std::size_t step = stride(is_anchors ? 61 : 11);
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            const char before = bytes[at];
            const Place place = place_of(bytes, at);
            for (const char after : {static_cast<char>(before ^ 1), '\n', '\0', '5'}) {
                if (after == before) continue;
                bytes[at] = after;
                ++tried;
                const Report report = verify_log(fs, "store", trust, nullptr);
                if (report.verdict == Verdict::fail) {
                    ++failed;
                } else if (report.verdict == Verdict::undecided) {
                    ++undecided;
                } else if (is_without_meaning(place.line, place.at)) {
                    ++meaningless;
                } else {
                    ADD_FAILURE() << path << " byte " << at << " '" << before << "' to '" << after
                                  << "' passes: " << place.line.substr(0, 200);
                }
            }
            bytes[at] = before;
        }
    }
    std::cout << "edits tried " << tried << ", FAIL " << failed << ", UNDECIDED " << undecided
              << ", without meaning " << meaningless << "\n";
}

TEST_F(SingleByteEdit, OfAnEntryNamesThatEntryAlone) {
    std::size_t index = 0;
    for (auto& [path, bytes] : fs.files) {
        if (path.find("/log/") == std::string::npos || path.ends_with(".leaves")) continue;
        for (std::size_t at = 0; at < bytes.size() && bytes[at] != '\0'; ++at) {
            if (bytes[at] == '\n') {
                ++index;
                continue;
            }
            if (at % stride(3) != 0) continue;
            bytes[at] = static_cast<char>(bytes[at] ^ 1);
            const Report report = verify_log(fs, "store", trust, nullptr);
            const bool split = bytes[at] == '\n';
            bytes[at] = static_cast<char>(bytes[at] ^ 1);
            ASSERT_FALSE(report.faults.empty()) << path << " byte " << at;
            EXPECT_EQ(report.faults[0].index, index) << at << all_faults(report);
            if (!split) {
                EXPECT_EQ(report.faults.size(), 1u) << at << all_faults(report);
            }
        }
    }
    EXPECT_EQ(index, 8u);
}

TEST_F(SingleByteEdit, OfALeafHintChangesNothing) {
    for (auto& [path, bytes] : fs.files) {
        if (!path.ends_with(".leaves")) continue;
        for (char& byte : bytes) {
            byte = static_cast<char>(byte ^ 1);
            const Report report = verify_log(fs, "store", trust, nullptr);
            EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
            byte = static_cast<char>(byte ^ 1);
        }
    }
}

// A cut at any offset: FAIL, or UNDECIDED where a crash could have left it so, never PASS with
// the same level.
TEST_F(SingleByteEdit, TruncationAtEveryOffsetIsSeen) {
    for (auto& [path, bytes] : fs.files) {
        if (path.ends_with(".leaves")) continue;
        const std::string whole = bytes;
        const std::size_t used = whole.find_last_not_of('\0') + 1;
        for (std::size_t size = 0; size < used; size += stride(17)) {
            bytes = whole.substr(0, size);
            const Report report = verify_log(fs, "store", trust, nullptr);
            const bool same = report.verdict == Verdict::pass && report.level == Level::anchored &&
                              report.unprotected == 0;
            EXPECT_FALSE(same) << path << " cut to " << size;
        }
        bytes = whole;
    }
}

}  // namespace
}  // namespace anchorlog::verify
