#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/types.h"
#include "verify/device_names.h"
#include "verify/journal_blocks.h"

namespace anchorlog::verify {

// What the audit keeps of one line of log/.
struct EntryFact {
    enum class Shape : std::uint8_t { good, bad, cut_short } shape = Shape::good;
    enum class Kind : std::uint8_t { alert, start, stop, audit, erased } kind = Kind::audit;
    bool blamed = false;   // named as out of its place already
    bool has_nul = false;  // set when not good
    bool too_long = false;
    std::uint32_t device = 0;              // of alerts: its DeviceNames number
    std::uint32_t segment = 0;             // place in the list
    std::uint64_t ordinal = 0;             // place in the whole log, from 0
    std::optional<std::uint64_t> claimed;  // its `index` member, also where the line is bad
    std::uint64_t guess = 0;               // the index its place suggests
    std::uint64_t number = 0;              // in its file, from 0
    std::uint64_t offset = 0;              // in its file
    Hash leaf;
    Epoch epoch;
    SeqNo seq_no;
    WallTime received_at;
    std::shared_ptr<const std::string> reason;  // when not good

    [[nodiscard]] bool is_alert() const { return kind == Kind::alert; }
    // Its line is gone: only leaf and index are known.
    [[nodiscard]] bool is_erased() const { return kind == Kind::erased; }
    // The index it stands for: what it says, or where it stands.
    [[nodiscard]] std::uint64_t index() const { return claimed.value_or(guess); }
    // Why it is not good; empty when it is.
    [[nodiscard]] std::string why() const { return reason ? *reason : std::string(); }
};

// Takes one line apart and hashes it. Without `devices` alerts get none.
[[nodiscard]] EntryFact read_entry(const RawLine& line, DeviceCache* devices = nullptr);

// Lines in their order, taken from the front. In one piece, because a deque of facts so large asks
// for memory with every third of them.
class FactWindow {
public:
    [[nodiscard]] std::size_t size() const { return facts_.size() - begin_; }
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] EntryFact& operator[](std::size_t i) { return facts_[begin_ + i]; }
    [[nodiscard]] const EntryFact& operator[](std::size_t i) const { return facts_[begin_ + i]; }
    [[nodiscard]] EntryFact& front() { return facts_[begin_]; }
    [[nodiscard]] auto begin() const {
        return facts_.begin() + static_cast<std::ptrdiff_t>(begin_);
    }
    [[nodiscard]] auto end() const { return facts_.end(); }

    void pop_front(std::size_t count = 1) {
        begin_ += count;
        if (begin_ == facts_.size()) clear();
    }
    void clear() {
        facts_.clear();
        begin_ = 0;
    }
    // Gives back what stands before the front once it is more than what is behind it.
    void append(std::vector<EntryFact> facts);
    // In front of all others, in their order.
    void put_back(std::vector<EntryFact> facts);

private:
    std::vector<EntryFact> facts_;
    std::size_t begin_ = 0;
};

// The audit's view of log/: a window of parsed lines over the files, in their order. Lines are
// taken out by the batch that owns them; what nobody has taken yet stays.
class EntryReader {
public:
    // From one of the segments on. Threads of the pool read ahead.
    EntryReader(FileSystem& fs, const std::vector<Segment>& segments, WorkPool& pool,
                std::uint64_t block_bytes, std::size_t first_segment = 0);

    // Makes the window at least `count` lines long unless the log ends before.
    [[nodiscard]] Result<void> fill(std::size_t count);
    [[nodiscard]] FactWindow& window() { return window_; }
    [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
    [[nodiscard]] DeviceNames& devices() { return *devices_; }
    // Of what was read so far.
    [[nodiscard]] const std::vector<SegmentEnd>& ends() const { return blocks_.ends(); }
    [[nodiscard]] std::vector<std::size_t> misnamed() const { return blocks_.misnamed(); }
    [[nodiscard]] std::uint64_t bytes() const { return blocks_.bytes(); }
    [[nodiscard]] std::size_t files() const { return blocks_.files(); }

private:
    void take(std::vector<EntryFact> facts);

    const std::vector<Segment>& segments_;
    std::shared_ptr<DeviceNames> devices_ = std::make_shared<DeviceNames>();
    JournalBlocks<EntryFact> blocks_;
    FactWindow window_;
    std::uint64_t next_guess_ = 0;
    std::uint64_t next_ordinal_ = 0;
    bool at_end_ = false;
};

}  // namespace anchorlog::verify
