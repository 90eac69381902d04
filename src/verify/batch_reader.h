#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/wire/header.h"
#include "verify/fault_list.h"
#include "verify/journal_blocks.h"
#include "verify/log_keys.h"

namespace anchorlog::verify {

// The longest line of batches/: a full header, escaped into JSON, with its note and seal.
inline constexpr std::size_t kBatchLineSizeMax = 1u << 20;

// One line of batches/, taken apart.
struct BatchFact {
    enum class Shape {
        good,
        opaque,     // of a later version: hashed, not understood
        bad,        // does not read
        cut_short,  // the file ends inside it
    } shape = Shape::good;
    std::optional<std::uint64_t> claimed;  // its header's batch_id
    wire::BatchLine line;
    wire::Header header;
    Hash leaf;                  // of the header, in the history tree
    SignatureFacts signatures;  // as checked ahead
    std::uint64_t number = 0;   // in its file, from 0
    std::size_t segment = 0;
    std::uint64_t offset = 0;
    bool has_nul = false;
    std::string why;  // when bad
};

// Hands out the batches in order and names what is wrong with the order; finds its way back
// after lost, repeated, foreign and re-ordered lines by the headers' own batch_id.
class BatchReader {
public:
    struct Step {
        enum class Kind { line, lost, end } kind = Kind::end;
        BatchFact fact;  // of `line`; of `lost` when an unreadable line stands in its place
        bool has_fact = false;
    };

    // A few dozen lines: checking their signatures takes some milliseconds.
    static constexpr std::uint64_t kBlockBytes = 32 * 1024;

    // Without a pool everything happens on the caller's thread. Signatures are checked ahead by
    // the keys that `keys` has.
    BatchReader(FileSystem& fs, const std::vector<Segment>& segments, FaultList& faults,
                WorkPool* pool = nullptr,
                std::shared_ptr<const LogKeys> keys = std::make_shared<LogKeys>(),
                std::uint64_t block_bytes = kBlockBytes);

    // The line of batch `expected`, or that it is lost (the fault is added).
    [[nodiscard]] Result<Step> next(std::uint64_t expected);
    // The last line is incomplete: a crash cut it short, or somebody did.
    [[nodiscard]] bool torn() const { return torn_; }
    [[nodiscard]] const std::string& torn_at() const { return torn_at_; }
    [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
    // Of what was read so far.
    [[nodiscard]] const std::vector<SegmentEnd>& ends() const { return blocks_.ends(); }
    [[nodiscard]] std::vector<std::size_t> misnamed() const { return blocks_.misnamed(); }
    [[nodiscard]] std::uint64_t bytes() const { return blocks_.bytes(); }
    [[nodiscard]] std::size_t files() const { return blocks_.files(); }
    [[nodiscard]] Fault line_fault(const BatchFact& fact, std::uint64_t batch, std::string kind,
                                   std::string phrase) const;

private:
    [[nodiscard]] Result<void> fill(std::size_t count);
    void take(std::vector<BatchFact> facts);
    [[nodiscard]] Result<bool> is_torn_end(const BatchFact& fact) const;
    [[nodiscard]] bool take_from_behind(std::uint64_t expected, Step& step);
    [[nodiscard]] bool lose(std::uint64_t expected, Step& step);

    FileSystem& fs_;
    const std::vector<Segment>& segments_;
    FaultList& faults_;
    std::unique_ptr<WorkPool> own_pool_;  // where none is given
    JournalBlocks<BatchFact> blocks_;
    std::deque<BatchFact> window_;
    bool at_end_ = false;
    bool torn_ = false;
    std::string torn_at_;
    std::uint64_t reorder_named_to_ = 0;
};

}  // namespace anchorlog::verify
