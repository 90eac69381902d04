#include "verify/entry_reader.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/alert_line.h"
#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/pruned_lines.h"

namespace anchorlog::verify {
namespace {

// The last `"index":<digits>,"received_at"` of a line that does not parse: good enough to name
// the entry, never to accept it.
std::optional<std::uint64_t> salvage_index(std::string_view text) {
    constexpr std::string_view kMember = ",\"index\":";
    const std::size_t at = text.rfind(kMember);
    if (at == std::string_view::npos) return std::nullopt;
    const char* from = text.data() + at + kMember.size();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(from, text.data() + text.size(), value);
    if (error != std::errc() || end == text.data() + text.size() || *end != ',') {
        return std::nullopt;
    }
    if (value > kIntegerMax) return std::nullopt;
    return value;
}

void mark_bad(EntryFact& fact, std::string why) {
    if (fact.shape == EntryFact::Shape::good) fact.shape = EntryFact::Shape::bad;
    if (!fact.reason) fact.reason = std::make_shared<const std::string>(std::move(why));
}

// The event of a canonical audit. Members behind it hold no such text: quotes in strings are
// escaped.
EntryFact::Kind kind_of_audit(std::string_view body) {
    constexpr std::string_view kMember = "\"event\":\"";
    const std::size_t at = body.rfind(kMember);
    if (at == std::string_view::npos) return EntryFact::Kind::audit;
    const std::string_view event = body.substr(at + kMember.size());
    if (event.starts_with("start\"")) return EntryFact::Kind::start;
    if (event.starts_with("stop\"")) return EntryFact::Kind::stop;
    return EntryFact::Kind::audit;
}

void read_alert(EntryFact& fact, std::string_view body, DeviceCache* devices) {
    auto key = wire::alert_key(body);
    if (!key) {
        mark_bad(fact, key.error().message);
        return;
    }
    fact.epoch = key->epoch;
    fact.seq_no = key->seq_no;
    if (devices == nullptr) return;
    if (const auto device = devices->number_of(key->device_id)) {
        fact.device = *device;
    } else {
        mark_bad(fact,
                 "a log has no more than " + std::to_string(DeviceNames::kDevicesMax) + " devices");
    }
}

// Lines as the daemon writes them, which is nearly all; false for any other.
bool read_expected(EntryFact& fact, const RawLine& line, DeviceCache& devices) {
    if (line.cut_short || line.too_long) return false;
    const auto alert = wire::read_expected_line(line.text);
    if (!alert) return false;
    const auto device = devices.number_of(alert->device_id);
    if (!device) return false;
    fact.kind = EntryFact::Kind::alert;
    fact.claimed = alert->index.value;
    fact.received_at = alert->received_at;
    fact.epoch = alert->epoch;
    fact.seq_no = alert->seq_no;
    fact.device = *device;
    return true;
}

void judge(EntryFact& fact, const RawLine& line, DeviceCache* devices) {
    if (line.cut_short) {
        fact.shape = EntryFact::Shape::cut_short;
        mark_bad(fact, "the file ends inside the line");
    }
    if (line.too_long) {
        mark_bad(fact, "the line is longer than any entry");
        fact.claimed = salvage_index(line.text);
        return;
    }
    if (wire::is_erased_line(line.text)) {
        const auto erased = wire::parse_erased_line(line.text);
        if (!erased) {
            mark_bad(fact, erased.error().message);
            return;
        }
        fact.kind = EntryFact::Kind::erased;
        fact.claimed = erased->index.value;
        fact.leaf = erased->leaf;
        return;
    }
    const auto parsed = wire::parse_entry_line(line.text);
    if (!parsed) {
        mark_bad(fact, parsed.error().message);
        fact.claimed = salvage_index(line.text);
        return;
    }
    fact.claimed = parsed->index.value;
    fact.received_at = parsed->received_at;
    const bool is_alert = parsed->kind == wire::EntryLine::Kind::alert;
    if (is_alert) fact.kind = EntryFact::Kind::alert;
    if (!wire::is_canonical(parsed->body)) {
        mark_bad(fact, "the body is not canonical JSON");
    } else if (is_alert) {
        read_alert(fact, parsed->body, devices);
    } else {
        fact.kind = kind_of_audit(parsed->body);
    }
}

void read_into(EntryFact& fact, const RawLine& line, DeviceCache* devices) {
    fact.number = line.number;
    fact.segment = static_cast<std::uint32_t>(line.segment);
    fact.offset = line.offset;
    fact.leaf = merkle::hash_leaf(as_bytes(line.text));
    if (devices != nullptr && read_expected(fact, line, *devices)) return;
    judge(fact, line, devices);
    if (fact.shape == EntryFact::Shape::good) return;
    fact.has_nul = line.text.find('\0') != std::string_view::npos;
    fact.too_long = line.too_long;
}

constexpr BlockLimits kLimits{wire::kEntryLineSizeMax, 4'096, 300};

ReadBlock<EntryFact> read_block(const Block& block, DeviceNames& devices) {
    DeviceCache cache(devices);
    return read_lines<EntryFact>(block, kLimits, [&cache](EntryFact& fact, const RawLine& line) {
        read_into(fact, line, &cache);
    });
}

// Blocks in the making and waiting to be taken; twice the threads keep all of them busy.
std::size_t ahead_of(const WorkPool& pool) { return 2 * pool.threads(); }

}  // namespace

EntryFact read_entry(const RawLine& line, DeviceCache* devices) {
    EntryFact fact;
    read_into(fact, line, devices);
    return fact;
}

void FactWindow::append(std::vector<EntryFact> facts) {
    if (empty()) {
        facts_ = std::move(facts);
        begin_ = 0;
        return;
    }
    if (begin_ > size()) {
        facts_.erase(facts_.begin(), facts_.begin() + static_cast<std::ptrdiff_t>(begin_));
        begin_ = 0;
    }
    std::move(facts.begin(), facts.end(), std::back_inserter(facts_));
}

void FactWindow::put_back(std::vector<EntryFact> facts) {
    facts_.erase(facts_.begin(), facts_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
    facts_.insert(facts_.begin(), std::make_move_iterator(facts.begin()),
                  std::make_move_iterator(facts.end()));
}

EntryReader::EntryReader(FileSystem& fs, const std::vector<Segment>& segments, WorkPool& pool,
                         std::uint64_t block_bytes, std::size_t first_segment)
    : segments_(segments),
      blocks_(
          fs, segments, pool, ahead_of(pool), block_bytes,
          [devices = devices_](const Block& block) { return read_block(block, *devices); },
          first_segment) {
    if (first_segment < segments.size()) next_guess_ = segments[first_segment].first_line;
}

void EntryReader::take(std::vector<EntryFact> facts) {
    for (EntryFact& fact : facts) {
        // A file's name says what its first line is, so damage before it ends there.
        if (fact.number == 0) next_guess_ = segments_[fact.segment].first_line;
        fact.guess = next_guess_;
        fact.ordinal = next_ordinal_++;
        next_guess_ = fact.index() + 1;
    }
    window_.append(std::move(facts));
}

Result<void> EntryReader::fill(std::size_t count) {
    while (!at_end_ && window_.size() < count) {
        auto facts = blocks_.next();
        if (!facts) return std::move(facts).error();
        at_end_ = !facts->has_value();
        if (*facts) take(std::move(**facts));
    }
    return {};
}

}  // namespace anchorlog::verify
