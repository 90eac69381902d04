#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "anchorlog/base/file_system.h"

namespace anchorlog {

namespace {

constexpr mode_t kFileMode = 0600;  // logs hold what an intruder may want to know
constexpr mode_t kDirMode = 0700;
// Whoever reads so much at once reads on: the disk brings as much again while it is worked on.
constexpr std::size_t kReadOnBytes = 1u << 20;

Error system_error(const std::string& path, std::string_view what, int error) {
    Errc code = Errc::io;
    if (error == ENOSPC || error == EDQUOT) code = Errc::storage_full;
    if (error == ENOENT) code = Errc::not_found;
    return {code,
            path + ": cannot " + std::string(what) + ": " + std::generic_category().message(error)};
}

// Repeats a call that a signal interrupted. It says nothing about a failed write-back, which
// fsync reports once, so repeating hides no error.
template <class Call>
auto retry_interrupted(Call call) {
    for (;;) {
        const auto result = call();
        if (result != -1 || errno != EINTR) return result;
    }
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    // Closing is not checked: whatever must last was synced before.
    ~Descriptor() {
        if (fd_ != -1) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

Result<off_t> to_offset(const std::string& path, std::uint64_t offset, std::uint64_t size = 0) {
    if (offset > kIntegerMax || size > kIntegerMax - offset) {
        return Error{Errc::invalid_input, path + ": offset " + std::to_string(offset) +
                                              " is beyond what a file can hold"};
    }
    return static_cast<off_t>(offset + size);
}

class PosixFile final : public File {
public:
    PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
        const auto end = to_offset(path_, offset, bytes.size());
        if (!end) return end.error();
        while (!bytes.empty()) {
            const ssize_t written = retry_interrupted([&] {
                return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            });
            if (written < 0) return system_error(path_, "write", errno);
            // A device that takes nothing and reports nothing would spin here for ever.
            if (written == 0) return system_error(path_, "write", EIO);
            bytes = bytes.subspan(static_cast<std::size_t>(written));
            offset += static_cast<std::uint64_t>(written);
        }
        return {};
    }

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        const auto end = to_offset(path_, offset, out.size());
        if (!end) return end.error();
        std::size_t filled = 0;
        while (filled < out.size()) {
            const ssize_t got = retry_interrupted([&] {
                return ::pread(fd_.get(), out.data() + filled, out.size() - filled,
                               static_cast<off_t>(offset + filled));
            });
            if (got < 0) return system_error(path_, "read", errno);
            if (got == 0) break;
            filled += static_cast<std::size_t>(got);
        }
        if (filled >= kReadOnBytes && filled == out.size()) {
            // Only advice: whatever comes of it, the bytes can be read.
            static_cast<void>(
                ::posix_fadvise(fd_.get(), *end, static_cast<off_t>(filled), POSIX_FADV_WILLNEED));
        }
        return filled;
    }

    Result<void> allocate(std::uint64_t new_size) override {
        const auto end = to_offset(path_, new_size);
        if (!end) return end.error();
        const auto old_size = size();
        if (!old_size) return old_size.error();
        if (new_size <= *old_size) return {};
        if (retry_interrupted([&] { return ::fallocate(fd_.get(), 0, 0, *end); }) == 0) return {};
        const int error = errno;
        if (error == EOPNOTSUPP || error == ENOSYS) return truncate(new_size);
        // Some file systems keep what they reserved before space ran out; give it back, so that
        // a refused allocation changes nothing.
        static_cast<void>(truncate(*old_size));
        return system_error(path_, "reserve space", error);
    }

    Result<void> truncate(std::uint64_t new_size) override {
        const auto end = to_offset(path_, new_size);
        if (!end) return end.error();
        if (retry_interrupted([&] { return ::ftruncate(fd_.get(), *end); }) != 0) {
            return system_error(path_, "cut or grow", errno);
        }
        return {};
    }

    Result<void> sync_data() override {
        if (retry_interrupted([&] { return ::fdatasync(fd_.get()); }) != 0) {
            return system_error(path_, "sync", errno);
        }
        return {};
    }

    Result<void> sync_all() override {
        if (retry_interrupted([&] { return ::fsync(fd_.get()); }) != 0) {
            return system_error(path_, "sync", errno);
        }
        return {};
    }

    Result<std::uint64_t> size() const override {
        struct stat info{};
        if (::fstat(fd_.get(), &info) != 0) return system_error(path_, "stat", errno);
        return static_cast<std::uint64_t>(info.st_size);
    }

    void drop_cached(std::uint64_t from, std::uint64_t end) override {
        if (end <= from || !to_offset(path_, end)) return;
        // A refusal leaves the pages where they are.
        static_cast<void>(::posix_fadvise(fd_.get(), static_cast<off_t>(from),
                                          static_cast<off_t>(end - from), POSIX_FADV_DONTNEED));
    }

private:
    Descriptor fd_;
    std::string path_;
};

// The lock belongs to the open file description and goes with it, also when the process dies;
// the file itself stays, because removing it would let two holders lock two files of one name.
class PosixLock final : public FileLock {
public:
    explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

private:
    Descriptor fd_;
};

std::string parent_of(std::string dir) {
    while (dir.size() > 1 && dir.back() == '/') dir.pop_back();
    const std::size_t slash = dir.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : dir.substr(0, slash);
}

int open_flags(OpenMode mode) {
    switch (mode) {
        case OpenMode::read:
            return O_RDONLY | O_CLOEXEC;
        case OpenMode::read_write:
            return O_RDWR | O_CLOEXEC;
        case OpenMode::create_new:
            return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    }
    return O_RDONLY | O_CLOEXEC;
}

struct VolatileType {
    std::uint64_t magic;
    std::string_view name;
};

constexpr std::uint64_t kCifsMagic = 0xFF534D42;  // not in every linux/magic.h
constexpr std::uint64_t kSmb2Magic = 0xFE534D42;
constexpr std::uint64_t kRamfsMagic = 0x858458F6;
constexpr std::array kVolatileTypes{
    VolatileType{TMPFS_MAGIC, "tmpfs"},
    VolatileType{kRamfsMagic, "ramfs"},
    VolatileType{OVERLAYFS_SUPER_MAGIC, "overlay"},
    VolatileType{NFS_SUPER_MAGIC, "nfs"},
    VolatileType{V9FS_MAGIC, "9p"},
    VolatileType{SMB_SUPER_MAGIC, "smb"},
    VolatileType{kCifsMagic, "cifs"},
    VolatileType{kSmb2Magic, "smb2"},
};

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
    Descriptor fd(
        retry_interrupted([&] { return ::open(path.c_str(), open_flags(mode), kFileMode); }));
    if (fd.get() == -1) {
        return system_error(path, mode == OpenMode::create_new ? "create" : "open", errno);
    }
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), path));
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& dir) const {
    const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(dir.c_str()), &::closedir);
    if (!handle) return system_error(dir, "list", errno);
    std::vector<std::string> names;
    for (;;) {
        errno = 0;
        const dirent* item = ::readdir(handle.get());
        if (item == nullptr) break;
        const std::string_view name = item->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return system_error(dir, "list", errno);
    std::sort(names.begin(), names.end());
    return names;
}

Result<bool> PosixFileSystem::exists(const std::string& path) const {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return system_error(path, "stat", errno);
}

Result<void> PosixFileSystem::create_dir(const std::string& dir) {
    if (::mkdir(dir.c_str(), kDirMode) != 0) {
        const int error = errno;
        struct stat info{};
        const bool is_there = error == EEXIST && ::stat(dir.c_str(), &info) == 0;
        if (!is_there) return system_error(dir, "create the directory", error);
        if (!S_ISDIR(info.st_mode)) return system_error(dir, "create the directory", ENOTDIR);
    }
    // Also when it was there: a run before this one may have died between mkdir and this sync.
    return sync_dir(parent_of(dir));
}

Result<void> PosixFileSystem::sync_dir(const std::string& dir) {
    const Descriptor fd(
        retry_interrupted([&] { return ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (fd.get() == -1) return system_error(dir, "open the directory", errno);
    if (retry_interrupted([&] { return ::fsync(fd.get()); }) != 0) {
        return system_error(dir, "sync the directory", errno);
    }
    return {};
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) {
        return system_error(from, "rename to " + to, errno);
    }
    return {};
}

Result<void> PosixFileSystem::remove(const std::string& path) {
    if (::unlink(path.c_str()) != 0) return system_error(path, "remove", errno);
    return {};
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path) {
    Descriptor fd(retry_interrupted(
        [&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode); }));
    if (fd.get() == -1) return system_error(path, "open the lock file", errno);
    if (retry_interrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
        if (errno == EWOULDBLOCK) {
            return Error{Errc::refused, path +
                                            ": locked already: another anchorlogd or "
                                            "anchorlogctl most likely runs on this store; "
                                            "stop it first"};
        }
        return system_error(path, "lock", errno);
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(fd)));
}

Result<SpaceInfo> PosixFileSystem::space(const std::string& dir) const {
    struct statvfs info{};
    if (retry_interrupted([&] { return ::statvfs(dir.c_str(), &info); }) != 0) {
        return system_error(dir, "ask for free space", errno);
    }
    return SpaceInfo{std::uint64_t{info.f_bavail} * info.f_frsize,
                     std::uint64_t{info.f_blocks} * info.f_frsize};
}

Result<std::string> PosixFileSystem::volatile_type(const std::string& dir) const {
    struct statfs info{};
    if (retry_interrupted([&] { return ::statfs(dir.c_str(), &info); }) != 0) {
        return system_error(dir, "ask for the file system type", errno);
    }
    // The field is signed and of 32 bits on some machines: compare the low 32 bits.
    const std::uint64_t magic = static_cast<std::uint64_t>(info.f_type) & 0xFFFFFFFFU;
    for (const VolatileType& type : kVolatileTypes) {
        if (magic == type.magic) return std::string(type.name);
    }
    return std::string();
}

}  // namespace anchorlog
