// Times 2,000 appends of 4 KiB with an fdatasync each, for four ways to give a log its space.
// Build: g++ -std=c++20 -O2 preallocation.cpp -o preallocation
// Run: ./preallocation DIR (on the file system to be measured)

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace {

constexpr int kAppends = 2'000;
constexpr std::size_t kAppendBytes = 4096;
constexpr off_t kStepBytes = off_t{16} << 20;

enum class Space { growing, keep_size, padded, zeroed };

[[noreturn]] void stop(const char* what) {
    std::perror(what);
    std::_Exit(1);
}

void take_space(int fd, off_t from, Space space) {
    switch (space) {
        case Space::growing:
            return;
        case Space::keep_size:
            if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, from, kStepBytes) != 0) stop("fallocate");
            return;
        case Space::padded:
            if (::fallocate(fd, 0, from, kStepBytes) != 0) stop("fallocate");
            return;
        case Space::zeroed: {
            const std::string zeros(kStepBytes, '\0');
            if (::pwrite(fd, zeros.data(), zeros.size(), from) != kStepBytes) stop("pwrite");
            return;
        }
    }
}

void measure(const std::string& path, Space space, const char* name) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) stop(path.c_str());
    const std::string line(kAppendBytes, 'x');
    std::vector<double> times_us;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kAppends; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const off_t at = off_t{kAppendBytes} * i;
        if (at % kStepBytes == 0) take_space(fd, at, space);
        if (::pwrite(fd, line.data(), line.size(), at) != off_t{kAppendBytes}) stop("pwrite");
        if (::fdatasync(fd) != 0) stop("fdatasync");
        const std::chrono::duration<double, std::micro> taken =
            std::chrono::steady_clock::now() - start;
        times_us.push_back(taken.count());
    }
    const std::chrono::duration<double> total = std::chrono::steady_clock::now() - begin;
    std::sort(times_us.begin(), times_us.end());
    std::printf("%-10s total %6.2f s  median %7.0f us  p99 %7.0f us  max %7.0f us\n", name,
                total.count(), times_us[kAppends / 2], times_us[kAppends * 99 / 100],
                times_us.back());
    ::close(fd);
    ::unlink(path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: preallocation DIR\n");
        return 64;
    }
    const std::string path = std::string(argv[1]) + "/preallocation.tmp";
    measure(path, Space::growing, "growing");
    measure(path, Space::keep_size, "KEEP_SIZE");
    measure(path, Space::padded, "padded");
    measure(path, Space::zeroed, "zeroed");
    return 0;
}
