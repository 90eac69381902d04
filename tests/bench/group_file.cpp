#include "group_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "stop.h"

namespace anchorlog::bench {

namespace {

constexpr std::size_t kCapacity = std::size_t{12} << 20;
constexpr off_t kStepBytes = off_t{64} << 20;

std::size_t blocks_before(std::size_t size) { return size / kBlockSize * kBlockSize; }

}  // namespace

void die(const std::string& what) {
    std::perror(("anchorlog_bench: bound: " + what).c_str());
    std::_Exit(1);
}

void GroupBuffer::Free::operator()(char* bytes) const noexcept { std::free(bytes); }

GroupBuffer::GroupBuffer() : bytes_(static_cast<char*>(std::aligned_alloc(kBlockSize, kCapacity))) {
    std::memset(bytes_.get(), 0, kCapacity);
}

void GroupBuffer::follow(const GroupBuffer& before) {
    const std::size_t from = blocks_before(before.end_);
    begin_ = before.end_ - from;
    end_ = begin_;
    std::memcpy(bytes_.get(), before.bytes_.get() + from, begin_);
}

void GroupBuffer::append_line(std::string_view text, std::size_t line_bytes) {
    if (end_ + line_bytes + kBlockSize > kCapacity) die("a group outgrew its buffer");
    const std::size_t kept = std::min(text.size(), line_bytes - 1);
    char* const line = bytes_.get() + end_;
    std::memcpy(line, text.data(), kept);
    std::memset(line + kept, ' ', line_bytes - 1 - kept);
    line[line_bytes - 1] = '\n';
    end_ += line_bytes;
}

// Past the page cache where the file system can: a page less to find, copy and clean per 4 KiB.
GroupFile::GroupFile(const std::string& path, bool page_cache) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC;
    if (!page_cache) fd_ = ::open(path.c_str(), kFlags | O_DIRECT, 0600);
    if (page_cache || (fd_ < 0 && errno == EINVAL)) fd_ = ::open(path.c_str(), kFlags, 0600);
    if (fd_ < 0) stop(path + ": " + std::strerror(errno));
    take_space();
}

GroupFile::~GroupFile() { ::close(fd_); }

void GroupFile::append(GroupBuffer& group) {
    const std::size_t size = blocks_before(group.end_ + kBlockSize - 1);
    std::memset(group.bytes_.get() + group.end_, 0, size - group.end_);
    while (end_ + static_cast<off_t>(size) > space_) take_space();
    const ssize_t done = ::pwrite(fd_, group.bytes_.get(), size, end_);
    if (done != static_cast<ssize_t>(size)) die("pwrite");
    if (::fdatasync(fd_) != 0) die("fdatasync");
    end_ += static_cast<off_t>(blocks_before(group.end_));
}

void GroupFile::take_space() {
    if (::fallocate(fd_, 0, space_, kStepBytes) != 0) die("fallocate");
    space_ += kStepBytes;
}

}  // namespace anchorlog::bench
