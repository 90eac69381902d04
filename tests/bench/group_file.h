#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace anchorlog::bench {

inline constexpr std::size_t kBlockSize = 4096;

// The bytes of one group. They begin with those of the block that the group before left unfilled,
// so that whole blocks can be written without the page cache.
class GroupBuffer {
public:
    GroupBuffer();

    // Makes it a group of nothing but the unfilled block at the end of `before`.
    void follow(const GroupBuffer& before);
    // One line of `line_bytes`: the beginning of `text`, filled up with blanks.
    void append_line(std::string_view text, std::size_t line_bytes);
    // Bytes appended.
    [[nodiscard]] std::size_t size() const { return end_ - begin_; }

private:
    friend class GroupFile;
    struct Free {
        void operator()(char* bytes) const noexcept;
    };

    std::unique_ptr<char[], Free> bytes_;
    std::size_t begin_ = 0;  // after the bytes of the group before
    std::size_t end_ = 0;
};

// Writes one group after the other in a file whose blocks are taken ahead.
class GroupFile {
public:
    // `page_cache`: through it, even where the file system can do without.
    GroupFile(const std::string& path, bool page_cache);
    GroupFile(const GroupFile&) = delete;
    GroupFile& operator=(const GroupFile&) = delete;
    ~GroupFile();

    // Durable when it returns; the process ends when it cannot be.
    void append(GroupBuffer& group);

private:
    void take_space();

    int fd_ = -1;
    off_t end_ = 0;  // of the whole blocks
    off_t space_ = 0;
};

// Like stop(), from a thread nobody joins in time: the trial is lost and so is the process.
[[noreturn]] void die(const std::string& what);

}  // namespace anchorlog::bench
