#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "verify/line_stream.h"

namespace anchorlog::verify {

// A piece of a journal: small enough that many threads have work and none needs much memory.
struct Block {
    std::shared_ptr<const File> file;
    std::uint64_t file_size = 0;
    FileRange range;
    std::optional<Error> error;  // the file cannot be read
};

// Cuts a journal's segments into blocks, from one of them on.
class BlockPlan {
public:
    BlockPlan(FileSystem& fs, const std::vector<Segment>& segments, std::uint64_t block_bytes,
              std::size_t first_segment = 0)
        : fs_(fs), segments_(segments), block_bytes_(block_bytes), next_segment_(first_segment) {}

    // Nothing behind the last block.
    [[nodiscard]] std::optional<Block> next();

private:
    [[nodiscard]] Result<void> open();

    FileSystem& fs_;
    const std::vector<Segment>& segments_;
    std::uint64_t block_bytes_;
    std::size_t next_segment_;
    std::shared_ptr<const File> file_;  // null between segments
    std::uint64_t file_size_ = 0;
    std::uint64_t next_begin_ = 0;
};

}  // namespace anchorlog::verify
