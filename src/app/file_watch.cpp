#include "app/file_watch.h"

#include <sys/stat.h>

#include <cstdint>
#include <utility>

namespace anchorlog::app {

std::string file_stamp(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return "none";
    std::string stamp;
    // The time of the last change of its mode or owner too: it may be readable only now.
    for (const auto part :
         {std::uint64_t{info.st_dev}, std::uint64_t{info.st_ino},
          static_cast<std::uint64_t>(info.st_size), static_cast<std::uint64_t>(info.st_mtim.tv_sec),
          static_cast<std::uint64_t>(info.st_mtim.tv_nsec),
          static_cast<std::uint64_t>(info.st_ctim.tv_sec),
          static_cast<std::uint64_t>(info.st_ctim.tv_nsec)}) {
        stamp += std::to_string(part) + " ";
    }
    return stamp;
}

FileWatch::FileWatch(std::vector<std::string> paths, Stamp stamp)
    : paths_(std::move(paths)), stamp_(std::move(stamp)) {
    mark();
}

bool FileWatch::has_settled_change() {
    std::vector<std::string> now = look();
    const bool is_settled = now == seen_;
    seen_ = std::move(now);
    return is_settled && seen_ != marked_;
}

void FileWatch::mark() { seen_ = marked_ = look(); }

std::vector<std::string> FileWatch::look() const {
    std::vector<std::string> stamps;
    for (const std::string& path : paths_) stamps.push_back(stamp_(path));
    return stamps;
}

}  // namespace anchorlog::app
