#include "verify/entry_reader.h"

#include <charconv>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/entry.h"

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
    if (fact.why.empty()) fact.why = std::move(why);
}

EntryFact judge(const RawLine& line) {
    EntryFact fact;
    fact.number = line.number;
    fact.segment = line.segment;
    fact.offset = line.offset;
    fact.leaf = merkle::hash_leaf(as_bytes(line.text));
    if (line.cut_short) {
        fact.shape = EntryFact::Shape::cut_short;
        fact.why = "the file ends inside the line";
    }
    if (line.too_long) mark_bad(fact, "the line is longer than any entry");
    auto parsed = line.too_long ? Result<wire::EntryLine>(Error{Errc::invalid_input, fact.why})
                                : wire::parse_entry_line(line.text);
    if (!parsed) {
        mark_bad(fact, parsed.error().message);
        fact.claimed = salvage_index(line.text);
        return fact;
    }
    fact.claimed = parsed->index.value;
    fact.is_alert = parsed->kind == wire::EntryLine::Kind::alert;
    fact.received_at = parsed->received_at;
    if (!wire::is_canonical(parsed->body)) {
        mark_bad(fact, "the body is not canonical JSON");
        return fact;
    }
    if (!fact.is_alert) return fact;
    auto key = wire::alert_key(parsed->body);
    if (!key) {
        mark_bad(fact, key.error().message);
        return fact;
    }
    fact.device_id = std::move(key->device_id);
    fact.epoch = key->epoch;
    fact.seq_no = key->seq_no;
    return fact;
}

}  // namespace

EntryFact read_entry(const RawLine& line) {
    EntryFact fact = judge(line);
    if (fact.shape == EntryFact::Shape::good) return fact;
    fact.has_nul = line.text.find('\0') != std::string_view::npos;
    fact.too_long = line.too_long;
    return fact;
}

EntryReader::EntryReader(FileSystem& fs, const std::vector<Segment>& segments)
    : segments_(segments), stream_(fs, segments, wire::kEntryLineSizeMax) {
    if (!segments.empty()) next_guess_ = segments.front().first_line;
}

Result<void> EntryReader::fill(std::size_t count) {
    RawLine line;
    while (!at_end_ && window_.size() < count) {
        auto more = stream_.next(line);
        if (!more) return std::move(more).error();
        if (!*more) {
            at_end_ = true;
            break;
        }
        EntryFact fact = read_entry(line);
        // A file's name says what its first line is, so damage before it ends there.
        if (line.number == 0) next_guess_ = segments_[line.segment].first_line;
        fact.guess = next_guess_;
        fact.ordinal = next_ordinal_++;
        next_guess_ = fact.index() + 1;
        window_.push_back(std::move(fact));
    }
    return {};
}

}  // namespace anchorlog::verify
