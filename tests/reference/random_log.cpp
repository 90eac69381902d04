#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

#include "support/random_log.h"

// random_log DIR FIRST COUNT: writes the logs of seeds FIRST, FIRST + 1, … to DIR/<seed>/, each
// with its trust file DIR/<seed>/trust. Every third is by a dishonest or a later daemon, which the
// file DIR/<seed>/daemon tells.

namespace {

using anchorlog::testing::RandomLog;

bool parse(std::string_view text, std::uint64_t& value) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    return read.ec == std::errc() && read.ptr == end;
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) {
        std::cerr << "random_log: cannot write " << path << "\n";
        std::exit(1);
    }
}

void write_log(const std::filesystem::path& dir, std::uint64_t seed) {
    const auto daemon = seed % 3 != 0   ? RandomLog::Daemon::honest
                        : seed % 5 == 0 ? RandomLog::Daemon::from_later
                                        : RandomLog::Daemon::lying;
    const RandomLog log = make_random_log(seed, daemon);
    anchorlog::testing::MapFileSystem fs;
    log.write(fs, "");
    for (const auto& [path, bytes] : fs.files) write_file(dir / path.substr(1), bytes);
    write_file(dir / "trust", log.trust);
    write_file(dir / "daemon", daemon == RandomLog::Daemon::honest       ? "honest"
                               : daemon == RandomLog::Daemon::from_later ? "later"
                                                                         : "lies: " + log.lie);
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    if (argc != 4 || !parse(argv[2], first) || !parse(argv[3], count)) {
        std::cerr << "usage: random_log DIR FIRST COUNT\n";
        return 64;
    }
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        write_log(std::filesystem::path(argv[1]) / std::to_string(seed), seed);
    }
    return 0;
}
