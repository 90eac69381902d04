#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "verify/block_plan.h"
#include "verify/ordered_work.h"

namespace anchorlog::verify {

// The facts of one block's lines, numbered from its own first one.
template <class Fact>
struct ReadBlock {
    Block block;
    std::vector<Fact> facts;
    std::vector<SegmentEnd> ends;
    std::uint64_t whole_lines = 0;
    std::uint64_t bytes = 0;
    bool has_more = false;  // `block` is then what is left to be read
    std::optional<Error> error;
};

struct BlockLimits {
    std::size_t line_size_max = 0;
    // More lines than an ordinary block has. Of shorter ones a block is read piece by piece, so
    // that its facts stay small.
    std::size_t facts_max = 0;
    // Few lines are shorter, so that facts are rarely moved while a block is read.
    std::size_t line_size_short = 1;
};

// `read_line(fact, line)` fills a fact. Any thread.
template <class Fact, class ReadLine>
ReadBlock<Fact> read_lines(const Block& block, const BlockLimits& limits, ReadLine&& read_line) {
    ReadBlock<Fact> out;
    out.block = block;
    out.error = block.error;
    if (out.error) return out;
    static thread_local std::string buffer;
    FileLines lines(*block.file, block.file_size, block.range, limits.line_size_max, buffer);
    const std::uint64_t end = std::min(block.range.end, block.file_size);
    const std::uint64_t bytes = end > block.range.begin ? end - block.range.begin : 0;
    out.facts.reserve(
        std::min<std::uint64_t>(limits.facts_max, bytes / limits.line_size_short + 1));
    RawLine line;
    while (out.facts.size() < limits.facts_max) {
        auto more = lines.next(line);
        if (!more) {
            out.error = std::move(more).error();
            return out;
        }
        if (!*more) break;
        read_line(out.facts.emplace_back(), line);
    }
    out.has_more = out.facts.size() >= limits.facts_max;
    out.block.range.begin = lines.offset();
    out.block.range.at_line = true;
    out.ends = lines.ends();
    out.whole_lines = lines.whole_lines();
    out.bytes = lines.bytes();
    return out;
}

// The facts of a journal's lines in their order, from one segment on, read ahead by a pool.
template <class Fact>
class JournalBlocks {
public:
    using Read = std::function<ReadBlock<Fact>(const Block&)>;

    // At most `ahead_max` blocks are kept or in the making.
    JournalBlocks(FileSystem& fs, const std::vector<Segment>& segments, WorkPool& pool,
                  std::size_t ahead_max, std::uint64_t block_bytes, Read read,
                  std::size_t first_segment = 0)
        : segments_(segments), first_segment_(first_segment), read_(std::move(read)),
          plan_(fs, segments, block_bytes, first_segment),
          blocks_(
              pool, ahead_max, [this] { return plan_.next(); }, read_),
          lines_(first_segment, 0), numbered_(segments.size(), 0) {}

    // Those of the next block, with their numbers in its file. Nothing behind the last.
    [[nodiscard]] Result<std::optional<std::vector<Fact>>> next() {
        std::optional<ReadBlock<Fact>> block;
        if (unfinished_) {
            block = read_(*std::exchange(unfinished_, std::nullopt));
        } else {
            block = blocks_.next();
        }
        if (!block) return std::optional<std::vector<Fact>>();
        if (block->error) return std::move(*block->error);
        return std::optional<std::vector<Fact>>(take(std::move(*block)));
    }

    // Of what was read so far.
    [[nodiscard]] const std::vector<SegmentEnd>& ends() const { return ends_; }
    [[nodiscard]] std::vector<std::size_t> misnamed() const {
        return misnamed_segments(segments_, lines_, first_segment_);
    }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t files() const { return files_; }

private:
    std::vector<Fact> take(ReadBlock<Fact> block) {
        const std::size_t segment = block.block.range.segment;
        if (lines_.size() <= segment) {
            lines_.resize(segment + 1, 0);
            ++files_;
        }
        const std::uint64_t base = numbered_[segment];
        lines_[segment] += block.whole_lines;
        numbered_[segment] += block.facts.size();
        bytes_ += block.bytes;
        for (SegmentEnd& end : block.ends) {
            end.line += base;
            ends_.push_back(end);
        }
        for (Fact& fact : block.facts) fact.number += base;
        if (block.has_more) unfinished_ = std::move(block.block);
        return std::move(block.facts);
    }

    const std::vector<Segment>& segments_;
    std::size_t first_segment_;
    Read read_;
    BlockPlan plan_;
    OrderedWork<Block, ReadBlock<Fact>> blocks_;
    std::optional<Block> unfinished_;
    std::vector<SegmentEnd> ends_;
    std::vector<std::uint64_t> lines_;     // whole ones, of each segment
    std::vector<std::uint64_t> numbered_;  // lines of any kind, of each segment
    std::uint64_t bytes_ = 0;
    std::size_t files_ = 0;
};

}  // namespace anchorlog::verify
