#include "wire/expected_alert.h"

#include "wire/canonical_scan.h"

namespace anchorlog::wire {

namespace {

// Walks from left to right; after the first thing that does not fit it stays failed.
class Walk {
public:
    explicit Walk(std::string_view text) : rest_(text) {}

    // True, and behind `text`, when it is what comes next.
    bool accept(std::string_view text) {
        if (!rest_.starts_with(text)) return false;
        rest_.remove_prefix(text.size());
        return true;
    }
    void expect(std::string_view text) { require(accept(text)); }
    void require(bool holds) {
        if (!holds) fail();
    }

    // The content of a string whose opening quote was taken. Every string of the schema is of a
    // form without escapes, so that it ends at the first quote and is canonical if it is valid.
    std::string_view string() { return take(rest_.find('"'), 1); }
    // The same for one whose size is known.
    std::string_view string(std::size_t size) {
        return take(rest_.size() > size && rest_[size] == '"' ? size : std::string_view::npos, 1);
    }
    std::string_view digits() {
        std::size_t size = 0;
        while (size < rest_.size() && rest_[size] >= '0' && rest_[size] <= '9') ++size;
        return take(size, 0);
    }
    // A value of any type, canonical but for its UTF-8. The top level is around it.
    std::string_view value() { return take(canonical_prefix(rest_, 1), 0); }

    [[nodiscard]] const char* at() const { return rest_.data(); }
    [[nodiscard]] bool is_failed() const { return is_failed_; }

private:
    // The next `size` bytes; `behind` more are passed over.
    std::string_view take(std::size_t size, std::size_t behind) {
        if (size == std::string_view::npos) {
            fail();
            return {};
        }
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size + behind);
        return taken;
    }
    void fail() {
        is_failed_ = true;
        rest_ = {};
    }

    std::string_view rest_;
    bool is_failed_ = false;
};

template <class T>
void keep(Walk& walk, T& field, const Result<T>& value) {
    walk.require(value.has_value());
    if (value) field = *value;
}

// From 1 to 2^53−1.
std::uint64_t counting_number(Walk& walk) {
    const auto number = parse_integer(walk.digits());
    walk.require(number.value_or(0) >= 1);
    return number.value_or(0);
}

void read_identity(Walk& walk, AlertFields& fields) {
    walk.expect("{\"alert_type\":\"");
    walk.require(is_alert_type(walk.string()));
    walk.expect(",\"batch_id\":\"");
    walk.require(parse_entry_id(walk.string(kUuidSize)).has_value());
    walk.expect(",\"confidence\":");
    walk.require(is_confidence(walk.value()));
    walk.expect(",\"device_id\":\"");
    fields.device_id = walk.string();
    walk.require(is_name(fields.device_id));
    walk.expect(",\"entry_id\":\"");
    keep(walk, fields.entry_id, parse_entry_id(walk.string(kUuidSize)));
    if (walk.accept(",\"epoch\":")) fields.epoch = Epoch(counting_number(walk));
}

void read_rest(Walk& walk, AlertFields& fields) {
    walk.expect(",\"features_summary\":");
    const std::string_view features = walk.value();
    walk.require(features.starts_with('{') && is_utf8(features));
    const char* const before_sent_at = walk.at();
    if (walk.accept(",\"sent_at\":\"")) {
        fields.sent_at = walk.string();
        WallTime sent_at;
        keep(walk, sent_at, parse_sender_time(fields.sent_at));
        fields.sent_at_time = sent_at;
        fields.sent_at_member = {before_sent_at,
                                 static_cast<std::size_t>(walk.at() - before_sent_at)};
    }
    walk.expect(",\"seq_no\":");
    fields.seq_no = SeqNo(counting_number(walk));
    if (walk.accept(",\"sig\":\"")) {
        fields.sig = walk.string();
        walk.require(is_signature(fields.sig));
    }
    walk.expect(",\"timestamp\":\"");
    keep(walk, fields.timestamp, parse_sender_time(walk.string()));
    walk.expect("}");
}

}  // namespace

std::optional<AlertFields> read_expected_prefix(std::string_view text, std::size_t& size) {
    Walk walk(text);
    // Filled where it is returned: it is large, and copied it would cost as much as an id to read.
    std::optional<AlertFields> fields(std::in_place);
    read_identity(walk, *fields);
    read_rest(walk, *fields);
    size = static_cast<std::size_t>(walk.at() - text.data());
    if (walk.is_failed()) fields.reset();
    return fields;
}

std::optional<AlertFields> read_expected_alert(std::string_view text) {
    std::size_t size = 0;
    auto fields = read_expected_prefix(text, size);
    if (!fields || size != text.size()) return std::nullopt;
    return fields;
}

}  // namespace anchorlog::wire
