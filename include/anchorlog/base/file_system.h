#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog {

// One open file. Not thread-safe unless said; positions are explicit, so there is no cursor.
// Every error names the path and the system's reason. ENOSPC and EDQUOT are Errc::storage_full,
// ENOENT is not_found, all else io.
class File {
public:
    virtual ~File() = default;

    // Writes all bytes or reports an error; a crash leaves any subset of them until sync_data.
    [[nodiscard]] virtual Result<void> write_at(std::uint64_t offset, ByteView bytes) = 0;
    // Reads up to out.size() bytes; fewer only at the end of the file. Any thread.
    [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset,
                                                      std::span<std::uint8_t> out) const = 0;
    // Reserves zeroed space up to `size` and makes it the file's size (fallocate); where the file
    // system cannot, falls back to growing the file with zeros unreserved.
    [[nodiscard]] virtual Result<void> allocate(std::uint64_t size) = 0;
    [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
    // fdatasync / fsync. A failure is final: the pages may look clean and never reach the disk.
    [[nodiscard]] virtual Result<void> sync_data() = 0;
    [[nodiscard]] virtual Result<void> sync_all() = 0;
    [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
    // Advice: whole pages of [from, end) that are synced may leave memory; they will hardly be
    // read again soon. Changes no content.
    virtual void drop_cached(std::uint64_t /*from*/, std::uint64_t /*end*/) {}
};

// Held while alive; a second holder, in this or another process, is refused.
class FileLock {
public:
    virtual ~FileLock() = default;
};

struct SpaceInfo {
    std::uint64_t free_bytes = 0;  // what an unprivileged writer may still use
    std::uint64_t total_bytes = 0;
};

enum class OpenMode {
    read,        // must exist
    read_write,  // must exist
    create_new,  // must not exist (O_EXCL); not durable before sync_all and sync_dir
};

// Everything the daemon does to files goes through here, so that a simulation can lose,
// tear and refuse it. Paths are UTF-8, '/' separated. Any thread.
class FileSystem {
public:
    virtual ~FileSystem() = default;

    [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path,
                                                             OpenMode mode) = 0;
    // Names (not paths) in a directory, sorted bytewise; not_found when it does not exist.
    [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& dir) const = 0;
    [[nodiscard]] virtual Result<bool> exists(const std::string& path) const = 0;
    // Makes one directory with mode 0700 and syncs its parent; existing is fine.
    [[nodiscard]] virtual Result<void> create_dir(const std::string& dir) = 0;
    [[nodiscard]] virtual Result<void> sync_dir(const std::string& dir) = 0;
    [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
    [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
    // Makes the file if need be and locks it; Errc::refused when somebody holds it.
    [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
    [[nodiscard]] virtual Result<SpaceInfo> space(const std::string& dir) const = 0;
    // The name of the file system type when a crash of the machine loses what it holds or its
    // sync is not to be trusted (tmpfs, overlay, nfs, 9p); empty otherwise.
    [[nodiscard]] virtual Result<std::string> volatile_type(const std::string& dir) const = 0;
};

// The operating system's files. Stateless.
class PosixFileSystem final : public FileSystem {
public:
    [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path,
                                                     OpenMode mode) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& dir) const override;
    [[nodiscard]] Result<bool> exists(const std::string& path) const override;
    [[nodiscard]] Result<void> create_dir(const std::string& dir) override;
    [[nodiscard]] Result<void> sync_dir(const std::string& dir) override;
    [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
    [[nodiscard]] Result<void> remove(const std::string& path) override;
    [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
    [[nodiscard]] Result<SpaceInfo> space(const std::string& dir) const override;
    [[nodiscard]] Result<std::string> volatile_type(const std::string& dir) const override;
};

// Reads a whole file of at most `size_max` bytes.
[[nodiscard]] Result<std::string> read_file(FileSystem& fs, const std::string& path,
                                            std::uint64_t size_max);
// Writes a new file, syncs it and its directory, and moves it to `path`: after a crash there is
// the old file or the new one, never a part.
[[nodiscard]] Result<void> replace_file(FileSystem& fs, const std::string& path, ByteView bytes);

}  // namespace anchorlog
