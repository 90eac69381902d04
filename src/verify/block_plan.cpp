#include "verify/block_plan.h"

namespace anchorlog::verify {

Result<void> BlockPlan::open() {
    auto file = open_segment(fs_, segments_[next_segment_]);
    if (!file) return std::move(file).error();
    auto size = (*file)->size();
    if (!size) return std::move(size).error();
    file_ = std::move(*file);
    file_size_ = *size;
    next_begin_ = 0;
    ++next_segment_;
    return {};
}

std::optional<Block> BlockPlan::next() {
    Block block;
    if (!file_) {
        if (next_segment_ >= segments_.size()) return std::nullopt;
        if (auto opened = open(); !opened) {
            block.error = std::move(opened).error();
            next_segment_ = segments_.size();
            return block;
        }
    }
    block.file = file_;
    block.file_size = file_size_;
    block.range.segment = next_segment_ - 1;
    block.range.newest = next_segment_ == segments_.size();
    block.range.begin = next_begin_;
    block.range.at_line = next_begin_ == 0;
    next_begin_ += block_bytes_;
    if (next_begin_ < file_size_) {
        block.range.end = next_begin_;
    } else {
        file_ = nullptr;  // the last block takes what was written since
    }
    return block;
}

}  // namespace anchorlog::verify
