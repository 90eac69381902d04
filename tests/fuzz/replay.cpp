// Feeds files through the targets without libFuzzer, so that every compiler can show that what a
// fuzzer once found stays mended.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/target.h"

namespace {

using anchorlog::fuzz::kTargets;

constexpr int kUsageError = 64;

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) return {path};
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string name = argc > 1 ? argv[1] : "";
    const auto target = std::find_if(kTargets.begin(), kTargets.end(),
                                     [&](const auto& one) { return one.name == name; });
    if (argc < 3 || target == kTargets.end()) {
        std::fprintf(stderr, "usage: fuzz_replay TARGET FILE_OR_DIRECTORY...\ntargets:");
        for (const auto& one : kTargets) std::fprintf(stderr, " %s", std::string(one.name).c_str());
        std::fprintf(stderr, "\n");
        return kUsageError;
    }
    std::size_t inputs = 0;
    for (int i = 2; i < argc; ++i) {
        for (const auto& path : files_of(argv[i])) {
            std::ifstream file(path, std::ios::binary);
            const std::string text{std::istreambuf_iterator<char>(file), {}};
            if (!file) {
                std::fprintf(stderr, "cannot read %s\n", path.c_str());
                return 1;
            }
            // Said before, so that it is known which input a crash is from.
            std::printf("%s\n", path.c_str());
            std::fflush(stdout);
            target->run(anchorlog::as_bytes(text));
            ++inputs;
        }
    }
    const std::uint64_t promises = anchorlog::fuzz::promises_checked();
    std::printf("%s: %zu inputs, %llu promises held\n", name.c_str(), inputs,
                static_cast<unsigned long long>(promises));
    return inputs == 0 || promises == 0 ? 1 : 0;
}
