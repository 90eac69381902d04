#include "edits/byte_edits.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

namespace anchorlog::edits {
namespace {

using testing::MapFileSystem;

// The lines of one file and where they begin.
struct Lines {
    std::string path;  // in the file system
    std::string name;  // inside the store
    std::uint64_t first_number = 0;
    std::vector<std::size_t> begins;
    std::size_t used = 0;  // without padding
    bool newest = false;
};

std::vector<Lines> journals_of(const MapFileSystem& fs) {
    std::vector<Lines> all;
    for (const auto& [path, bytes] : fs.files) {
        if (!path.ends_with(".ndjson")) continue;
        Lines lines;
        lines.path = path;
        lines.name = path.substr(path.find('/') + 1);
        lines.first_number = std::stoull(path.substr(path.rfind('/') + 1, 20));
        lines.used = bytes.find_last_not_of('\0') + 1;
        for (std::size_t at = 0; at < lines.used; at = bytes.find('\n', at) + 1) {
            lines.begins.push_back(at);
        }
        lines.newest = true;
        const std::string folder = lines.name.substr(0, lines.name.find('/'));
        if (!all.empty() && all.back().name.starts_with(folder)) all.back().newest = false;
        all.push_back(std::move(lines));
    }
    return all;
}

std::string journal_of(const Lines& lines) { return lines.name.substr(0, lines.name.find('/')); }

Place place_of(const Lines& lines, std::size_t offset, bool at_border) {
    Place place;
    place.file = lines.name;
    place.whole_file = offset >= lines.used;
    const auto after = std::upper_bound(lines.begins.begin(), lines.begins.end(), offset);
    place.line = static_cast<std::uint64_t>(after - lines.begins.begin());
    place.line_last = place.line + (at_border ? 1 : 0);
    place.number = lines.first_number + place.line - 1;
    place.number_last = place.number + (at_border ? 1 : 0);
    return place;
}

// When a step was written, and, of a receipt, which transaction it says made the event: nothing
// depends on either, for what is proven is the event. Everything else of a line counts.
bool is_without_meaning(const std::string& bytes, const Lines& lines, std::size_t offset) {
    if (!lines.name.starts_with("anchors/") || offset >= lines.used) return false;
    const std::size_t line =
        *(std::upper_bound(lines.begins.begin(), lines.begins.end(), offset) - 1);
    const std::string text = bytes.substr(line, bytes.find('\n', line) - line);
    const auto inside = [&](const std::string& member) {
        const std::size_t begin = text.find("\"" + member + "\":\"");
        if (begin == std::string::npos) return false;
        const std::size_t value = begin + member.size() + 4;
        return offset - line >= value && offset - line < text.find('"', value);
    };
    return inside("at") ||
           (text.find("\"kind\":\"receipt\"") != std::string::npos && inside("hash"));
}

// Other bytes for one: a flipped bit first, then what borders and numbers are made of.
char other_byte(char before, std::size_t offset, std::uint64_t which) {
    constexpr std::array kBorders = {'\n', '\0', '5', '"', ' '};
    if (which == 0) return static_cast<char>(before ^ (1 << (offset * 2'654'435'761u >> 7) % 8));
    return kBorders[(which - 1) % kBorders.size()];
}

// The entries of the batch that holds entry `index`, and of the next one if that is its last: an
// edit of a line can be no other batch's business, and an audit of these alone checks everything
// but other lines.
verify::EntryRange around(const Subject& subject, std::uint64_t index) {
    const auto& headers = subject.log.headers;
    const auto after = std::upper_bound(headers.begin(), headers.end(), index,
                                        [](std::uint64_t wanted, const wire::Header& header) {
                                            return wanted < header.first_index.value;
                                        });
    const wire::Header& batch = after == headers.begin() ? *after : *(after - 1);
    const std::uint64_t end = batch.first_index.value + batch.count;
    return {batch.first_index.value, index + 1 < end ? end - 1 : end};
}

// What an audit makes of an edit. In log/ it reads the lines nearby; of every kWholeEvery-th
// place an audit of everything has to say the same.
constexpr std::uint64_t kWholeEvery = 64;

Outcome judge_edit(const Subject& subject, MapFileSystem& fs, const Place& place,
                   std::uint64_t at) {
    const auto whole = [&] {
        return judge(verify_log(fs, kStoreDir, subject.trust, nullptr), subject.clean, place);
    };
    if (!place.file.starts_with("log/")) return whole();
    verify::AuditOptions options;
    options.range = around(subject, place.number);
    options.block_bytes = 8 * 1024;  // so that little beyond the range is read
    const Outcome nearby =
        judge(verify_log(fs, kStoreDir, subject.trust, nullptr, options), subject.clean, place);
    if (at % kWholeEvery != 0 && nearby != Outcome::missed) return nearby;
    const Outcome all = whole();
    return nearby == all || nearby == Outcome::missed ? all : Outcome::named_wrong;
}

// Hands `count` places out to threads, evenly spread so that a run that stops early has seen all
// parts of the store; each thread edits a copy of its own.
Tally share_out(const Subject& subject, std::uint64_t count, const Effort& effort,
                const std::function<void(std::uint64_t, MapFileSystem&, Tally&)>& edit) {
    constexpr std::uint64_t kSpread = 1'000'003;  // a prime
    std::uint64_t step = kSpread % std::max<std::uint64_t>(count, 1);
    while (count > 1 && std::gcd(step, count) != 1) ++step;
    const std::uint64_t wanted = (count + effort.stride - 1) / effort.stride;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(effort.seconds);
    std::atomic<std::uint64_t> next{0};
    std::vector<Tally> tallies(effort.threads);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < effort.threads; ++i) {
        threads.emplace_back([&, i] {
            MapFileSystem fs = subject.fs;
            for (std::uint64_t at = next++; at < wanted; at = next++) {
                if (effort.seconds > 0 && std::chrono::steady_clock::now() > end) return;
                edit(at * step % count, fs, tallies[i]);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    Tally all;
    for (const Tally& tally : tallies) all.add(tally);
    return all;
}

}  // namespace

Tally edit_bytes(const Subject& subject, const Effort& effort) {
    const std::vector<Lines> files = journals_of(subject.fs);
    std::vector<std::uint64_t> begins;
    std::uint64_t count = 0;
    for (const Lines& lines : files) {
        begins.push_back(count);
        count += subject.fs.files.at(lines.path).size();
    }
    return share_out(
        subject, count, effort, [&](std::uint64_t at, MapFileSystem& fs, Tally& tally) {
            const auto file = static_cast<std::size_t>(
                std::upper_bound(begins.begin(), begins.end(), at) - begins.begin() - 1);
            const Lines& lines = files[file];
            const auto offset = static_cast<std::size_t>(at - begins[file]);
            std::string& bytes = fs.files.at(lines.path);
            const char before = bytes[offset];
            for (std::uint64_t value = 0; value < effort.values; ++value) {
                bytes[offset] = other_byte(before, offset, value);
                if (bytes[offset] == before) continue;
                Outcome outcome =
                    judge_edit(subject, fs, place_of(lines, offset, before == '\n'), at);
                bytes[offset] = before;
                if (outcome == Outcome::missed && is_without_meaning(bytes, lines, offset)) {
                    outcome = Outcome::no_meaning;
                }
                tally.add("a byte of " + journal_of(lines), outcome,
                          lines.name + " byte " + std::to_string(offset) + " value " +
                              std::to_string(value));
            }
            bytes[offset] = before;
        });
}

Tally cut_files(const Subject& subject, std::uint64_t bytes, const Effort& effort) {
    struct Cut {
        const Lines* lines;
        std::size_t size;
    };
    const std::vector<Lines> files = journals_of(subject.fs);
    std::vector<Cut> cuts;
    for (const Lines& lines : files) {
        if (!lines.newest) continue;
        const std::size_t first = lines.used > bytes ? lines.used - bytes : 0;
        for (std::size_t size = first; size < lines.used; ++size) cuts.push_back({&lines, size});
    }
    return share_out(
        subject, cuts.size(), effort, [&](std::uint64_t at, MapFileSystem& fs, Tally& tally) {
            const auto& [lines, size] = cuts[at];
            std::string& content = fs.files.at(lines->path);
            const std::string whole = content;
            content.resize(size);
            const auto report = verify_log(fs, kStoreDir, subject.trust, nullptr);
            content = whole;
            Place place = place_of(*lines, size, false);
            // From there on all is gone: whichever of it is missed names the place.
            place.line_last = lines->begins.size();
            place.number_last = lines->first_number + lines->begins.size() - 1;
            tally.add("the end of " + journal_of(*lines), judge(report, subject.clean, place),
                      lines->name + " cut to " + std::to_string(size));
        });
}

}  // namespace anchorlog::edits
