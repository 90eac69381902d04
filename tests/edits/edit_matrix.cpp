// edit_matrix WHAT [--bytes N] [--stride N] [--values N] [--seconds N] [--threads N] [--rounds N]
//             [--seed N]: makes a sound store in memory, changes it in one way after the other, and
// prints one line of JSON: how many changes were tried and what became of them. WHAT:
//   bytes  each byte of each journal made another
//   cuts   the newest file of each journal cut at each offset of its last 256 KiB
//   deeds  lines and batches deleted, swapped, repeated, inserted, signed anew; all rolled back
//   clean  --rounds random honest logs, which all have to pass
//   judge  whether what the matrices ask of a report can be missed at all
// Exit status 0: none was missed, and of all the right place was named.

#include <charconv>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "edits/byte_edits.h"
#include "edits/deeds.h"
#include "support/random_log.h"

namespace anchorlog::edits {
namespace {

constexpr std::uint64_t kCutBytes = 256 * 1024;
// Of log/ for the byte matrix: whoever audits one batch begins with its segment.
constexpr std::uint64_t kManySegments = 12;

struct Wanted {
    std::string what;
    std::uint64_t bytes = 1 << 20;
    std::uint64_t rounds = 100;
    std::uint64_t seed = 1;
    Effort effort;
};

[[noreturn]] void give_up(const std::string& why) {
    std::cerr << "edit_matrix: " << why << "\n";
    std::exit(64);
}

std::uint64_t number(const std::string& text) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end) give_up("'" + text + "' is not a number");
    return value;
}

Wanted parse(const std::vector<std::string>& words) {
    if (words.empty() || words.size() % 2 == 0) give_up("say what to edit, then options");
    Wanted wanted;
    wanted.what = words[0];
    for (std::size_t i = 1; i < words.size(); i += 2) {
        const std::uint64_t value = number(words[i + 1]);
        if (words[i] == "--bytes") {
            wanted.bytes = value;
        } else if (words[i] == "--stride") {
            wanted.effort.stride = std::max<std::uint64_t>(value, 1);
        } else if (words[i] == "--values") {
            wanted.effort.values = value;
        } else if (words[i] == "--seconds") {
            wanted.effort.seconds = value;
        } else if (words[i] == "--threads") {
            wanted.effort.threads = static_cast<unsigned>(std::max<std::uint64_t>(value, 1));
        } else if (words[i] == "--rounds") {
            wanted.rounds = value;
        } else if (words[i] == "--seed") {
            wanted.seed = value;
        } else {
            give_up("unknown option " + words[i]);
        }
    }
    return wanted;
}

// Honest logs of any shape: a FAIL of one, or no decision, is ours.
Tally audit_clean(std::uint64_t first, std::uint64_t count) {
    Tally tally;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const testing::RandomLog random = testing::make_random_log(seed);
        testing::MapFileSystem fs;
        random.write(fs, kStoreDir);
        fs.files["trust"] = random.trust;
        auto trust = verify::load_trust(fs, "trust");
        if (!trust) give_up(trust.error().message);
        fs.files.erase("trust");
        const auto report = verify_log(fs, kStoreDir, *trust, nullptr);
        const bool passed = report.verdict == verify::Verdict::pass;
        tally.add("an honest log", passed ? Outcome::no_meaning : Outcome::named_wrong,
                  "of seed " + std::to_string(seed) +
                      (report.faults.empty() ? "" : ": " + describe(report.faults[0])));
    }
    return tally;
}

// A PASS, a fault elsewhere and a fault in its place are told apart.
int check_judge() {
    Place place;
    place.file = "log/x.ndjson";
    place.line = place.line_last = 3;
    place.number = place.number_last = 2;
    verify::Report clean;
    clean.verdict = verify::Verdict::pass;
    verify::Report report = clean;
    if (judge(report, clean, place) != Outcome::missed) return 1;
    report.verdict = verify::Verdict::fail;
    verify::Fault fault;
    fault.segment = place.file;
    fault.index = 7;
    fault.line = 8;
    report.faults = {fault};
    if (judge(report, clean, place) != Outcome::named_wrong) return 1;
    report.faults[0].index = 1;
    report.faults[0].index_last = 2;
    return judge(report, clean, place) == Outcome::named ? 0 : 1;
}

int run(const Wanted& wanted) {
    if (wanted.what == "judge") return check_judge();
    Tally tally;
    std::uint64_t bytes = 0;
    if (wanted.what == "clean") {
        tally = audit_clean(wanted.seed, wanted.rounds);
    } else {
        const Subject subject = wanted.what == "bytes"
                                    ? make_subject(wanted.bytes, wanted.seed, kManySegments)
                                    : make_subject(wanted.bytes, wanted.seed);
        if (subject.clean.level != verify::Level::anchored) give_up(to_text(subject.clean));
        for (const auto& [path, content] : subject.fs.files) {
            if (path.ends_with(".ndjson")) bytes += content.size();
        }
        if (wanted.what == "bytes") {
            tally = edit_bytes(subject, wanted.effort);
        } else if (wanted.what == "cuts") {
            tally = cut_files(subject, kCutBytes, wanted.effort);
        } else if (wanted.what == "deeds") {
            tally = do_deeds(subject, wanted.rounds, wanted.seed);
        } else {
            give_up("unknown matrix '" + wanted.what + "'");
        }
    }
    std::cerr << tally.complaints();
    std::cout << "{\"matrix\":\"" << wanted.what << "\",\"store_bytes\":" << bytes
              << ",\"tried\":" << tally.tried() << ",\"missed\":" << tally.count(Outcome::missed)
              << ",\"named_wrong\":" << tally.count(Outcome::named_wrong)
              << ",\"by_deed\":" << tally.to_json() << "}\n";
    return tally.has_missed() ? 1 : 0;
}

}  // namespace
}  // namespace anchorlog::edits

int main(int argc, char** argv) {
    return anchorlog::edits::run(
        anchorlog::edits::parse(std::vector<std::string>(argv + 1, argv + argc)));
}
