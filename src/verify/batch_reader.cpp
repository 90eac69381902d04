#include "verify/batch_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "anchorlog/merkle/tree.h"
#include "verify/crash_tail.h"

namespace anchorlog::verify {
namespace {

// Re-ordered lines are looked for this far.
constexpr std::size_t kLookaheadLines = 256;

// `v` is a header's last member. A header that does not parse but names another version is not
// damage: it is not for us to judge.
bool names_other_version(std::string_view header) {
    constexpr std::string_view kMember = ",\"v\":";
    const std::size_t at = header.rfind(kMember);
    if (at == std::string_view::npos) return false;
    std::uint64_t version = 0;
    const char* from = header.data() + at + kMember.size();
    const char* to = header.data() + header.size();
    const auto [end, error] = std::from_chars(from, to, version);
    return error == std::errc() && end + 1 == to && *end == '}' && version != 1;
}

std::optional<std::uint64_t> opaque_batch_id(std::string_view header) {
    constexpr std::string_view kStart = "{\"batch_id\":";
    if (!header.starts_with(kStart)) return std::nullopt;
    std::uint64_t id = 0;
    const auto [end, error] =
        std::from_chars(header.data() + kStart.size(), header.data() + header.size(), id);
    if (error != std::errc()) return std::nullopt;
    return id;
}

BatchFact read_batch(const RawLine& raw) {
    BatchFact fact;
    fact.number = raw.number;
    fact.segment = raw.segment;
    fact.offset = raw.offset;
    fact.has_nul = raw.text.find('\0') != std::string_view::npos;
    const auto bad = [&fact](std::string why) {
        fact.shape = BatchFact::Shape::bad;
        fact.why = std::move(why);
    };
    if (raw.too_long) {
        bad("the line is longer than any batch's");
        return fact;
    }
    if (raw.cut_short) {
        bad("the file ends inside the line");
        fact.shape = BatchFact::Shape::cut_short;
        return fact;
    }
    auto line = wire::parse_batch_line(raw.text);
    if (!line) {
        bad(line.error().message);
        return fact;
    }
    fact.line = std::move(*line);
    fact.leaf = merkle::hash_leaf(as_bytes(fact.line.header));
    auto header = wire::parse_header(fact.line.header);
    if (header && header->v == 1) {
        fact.header = std::move(*header);
        fact.claimed = fact.header.batch_id.value;
        return fact;
    }
    if (header || names_other_version(fact.line.header)) {
        fact.shape = BatchFact::Shape::opaque;
        fact.claimed = opaque_batch_id(fact.line.header);
        return fact;
    }
    bad(header.error().message);
    return fact;
}

constexpr BlockLimits kLimits{kBatchLineSizeMax, BatchReader::kBlockBytes / 256, 900};
// Blocks in the making and waiting to be taken.
constexpr std::size_t kBlocksAhead = 16;

ReadBlock<BatchFact> read_block(const Block& block, const std::shared_ptr<const KeySet>& keys) {
    return read_lines<BatchFact>(block, kLimits, [&keys](BatchFact& fact, const RawLine& line) {
        fact = read_batch(line);
        const bool good = fact.shape == BatchFact::Shape::good;
        if (!keys->keys.empty() && (good || fact.shape == BatchFact::Shape::opaque)) {
            fact.signatures = check_signatures(fact.line, good ? &fact.header : nullptr, keys);
        }
    });
}

}  // namespace

BatchReader::BatchReader(FileSystem& fs, const std::vector<Segment>& segments, FaultList& faults,
                         WorkPool* pool, std::shared_ptr<const LogKeys> keys,
                         std::uint64_t block_bytes)
    : fs_(fs), segments_(segments), faults_(faults),
      own_pool_(pool == nullptr ? std::make_unique<WorkPool>(1) : nullptr),
      blocks_(fs, segments, pool == nullptr ? *own_pool_ : *pool, kBlocksAhead, block_bytes,
              [all = std::move(keys)](const Block& block) {
                  return read_block(block, all->current());
              }) {}

void BatchReader::take(std::vector<BatchFact> facts) {
    for (BatchFact& fact : facts) {
        const Segment& segment = segments_[fact.segment];
        if (fact.number == 0 && fact.claimed && *fact.claimed != segment.first_line) {
            faults_.add(misnamed_fault(segment));
        }
        window_.push_back(std::move(fact));
    }
}

Result<void> BatchReader::fill(std::size_t count) {
    while (!at_end_ && window_.size() < count) {
        auto facts = blocks_.next();
        if (!facts) return std::move(facts).error();
        at_end_ = !facts->has_value();
        if (*facts) take(std::move(**facts));
    }
    return {};
}

Fault BatchReader::line_fault(const BatchFact& fact, std::uint64_t batch, std::string kind,
                              std::string phrase) const {
    Fault fault = batch_fault(std::move(kind), batch, std::move(phrase));
    fault.segment = segments_[fact.segment].name;
    fault.line = fact.number + 1;
    return fault;
}

Result<bool> BatchReader::is_torn_end(const BatchFact& fact) const {
    if (fact.shape != BatchFact::Shape::cut_short && !fact.has_nul) return false;
    return left_by_crash(fs_, segments_, fact.segment, fact.offset, 1);
}

// Looks for the line further behind; what stands before it is re-ordered, repeated or foreign.
bool BatchReader::take_from_behind(std::uint64_t expected, Step& step) {
    const auto found = std::find_if(window_.begin(), window_.end(), [&](const BatchFact& fact) {
        return fact.claimed == expected;
    });
    if (found == window_.end()) return false;
    step.fact = std::move(*found);
    step.kind = Step::Kind::line;
    auto before = static_cast<std::size_t>(found - window_.begin());
    window_.erase(found);
    std::uint64_t highest = expected;
    for (std::size_t i = 0; i < before;) {
        const BatchFact& fact = window_[i];
        if (fact.claimed && *fact.claimed > expected) {
            highest = std::max(highest, *fact.claimed);
            ++i;
            continue;
        }
        const bool repeated = fact.claimed.has_value();
        Fault fault =
            line_fault(fact, fact.claimed.value_or(expected), repeated ? "duplicated" : "inserted",
                       repeated ? "appears again" : "preceded by a foreign line");
        fault.detail = fact.why;
        faults_.add(std::move(fault));
        window_.erase(window_.begin() + static_cast<std::ptrdiff_t>(i));
        --before;
    }
    if (highest > expected && expected >= reorder_named_to_) {
        Fault fault = line_fault(step.fact, expected, "reordered", "re-ordered");
        fault.batch_last = highest;
        faults_.add(std::move(fault));
        reorder_named_to_ = highest;
    }
    return true;
}

// The line is nowhere near. True when the step is decided, false when a line was dropped.
bool BatchReader::lose(std::uint64_t expected, Step& step) {
    BatchFact& front = window_.front();
    step.kind = Step::Kind::lost;
    const bool next_goes_on = window_.size() > 1 && window_[1].claimed == expected + 1;
    if (!front.claimed || (*front.claimed != expected + 1 && next_goes_on)) {
        Fault fault = line_fault(front, expected, "batch_line", "has an altered line");
        fault.detail = front.why;
        if (front.claimed) {
            fault.expected = "batch_id " + std::to_string(expected);
            fault.found = std::to_string(*front.claimed);
        }
        faults_.add(std::move(fault));
        step.fact = std::move(front);
        step.has_fact = true;
        window_.pop_front();
        return true;
    }
    if (*front.claimed < expected) {
        faults_.add(line_fault(front, *front.claimed, "duplicated", "appears again"));
        window_.pop_front();
        return false;
    }
    Fault fault = batch_fault("missing", expected, "missing from batches/");
    if (const Segment* segment = segment_of(segments_, expected)) {
        fault.segment = segment->name;
        fault.line = expected - segment->first_line + 1;
    }
    faults_.add(std::move(fault));
    return true;
}

Result<BatchReader::Step> BatchReader::next(std::uint64_t expected) {
    while (true) {
        if (auto filled = fill(1); !filled) return std::move(filled).error();
        Step step;
        if (window_.empty()) return step;
        if (window_.front().claimed == expected) {
            step.kind = Step::Kind::line;
            step.fact = std::move(window_.front());
            window_.pop_front();
            return step;
        }
        if (auto filled = fill(kLookaheadLines); !filled) return std::move(filled).error();
        auto torn = is_torn_end(window_.front());
        if (!torn) return std::move(torn).error();
        if (*torn) {
            torn_ = true;
            torn_at_ = segments_[window_.front().segment].name + " line " +
                       std::to_string(window_.front().number + 1);
            window_.clear();
            return step;
        }
        if (take_from_behind(expected, step)) return step;
        if (lose(expected, step)) return step;
    }
}

}  // namespace anchorlog::verify
