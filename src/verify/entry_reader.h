#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/types.h"
#include "verify/line_stream.h"

namespace anchorlog::verify {

// What the audit keeps of one line of log/.
struct EntryFact {
    enum class Shape { good, bad, cut_short } shape = Shape::good;
    bool is_alert = false;
    bool has_nul = false;  // set when not good
    bool too_long = false;
    bool blamed = false;                   // named as out of its place already
    std::uint64_t ordinal = 0;             // place in the whole log, from 0
    std::optional<std::uint64_t> claimed;  // its `index` member, also where the line is bad
    std::uint64_t guess = 0;               // the index its place suggests
    std::uint64_t number = 0;              // in its file, from 0
    std::size_t segment = 0;
    std::uint64_t offset = 0;  // in its file
    Hash leaf;
    std::string why;        // when not good
    std::string device_id;  // of alerts
    Epoch epoch;
    SeqNo seq_no;
    WallTime received_at;

    // The index it stands for: what it says, or where it stands.
    [[nodiscard]] std::uint64_t index() const { return claimed.value_or(guess); }
};

// The audit's view of log/: a window of parsed lines over the stream, in file order. Lines are
// taken out by the batch that owns them; what nobody has taken yet stays.
class EntryReader {
public:
    EntryReader(FileSystem& fs, const std::vector<Segment>& segments);

    // Makes the window at least `count` lines long unless the log ends before.
    [[nodiscard]] Result<void> fill(std::size_t count);
    [[nodiscard]] std::deque<EntryFact>& window() { return window_; }
    [[nodiscard]] const LineStream& stream() const { return stream_; }
    [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }

private:
    const std::vector<Segment>& segments_;
    LineStream stream_;
    std::deque<EntryFact> window_;
    std::uint64_t next_guess_ = 0;
    std::uint64_t next_ordinal_ = 0;
    bool at_end_ = false;
};

// Takes one line apart and hashes it.
[[nodiscard]] EntryFact read_entry(const RawLine& line);

}  // namespace anchorlog::verify
