#include "wire/alert_schema.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "anchorlog/wire/note.h"
#include "wire/object_reader.h"

namespace anchorlog::wire {

namespace {

constexpr std::size_t kAlertTypeSizeMax = 64;
constexpr std::size_t kTypeSizeMax = 64;
constexpr std::size_t kSignatureSize = 64;
constexpr std::uint64_t kProtocol = 1;

constexpr std::array<bool, 256> kAlertTypeByte = [] {
    std::array<bool, 256> allowed{};
    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789._")) {
        allowed[static_cast<unsigned char>(c)] = true;
    }
    return allowed;
}();

// The members of an alert, in canonical order, so that one walk along both lists pairs them.
enum Slot : std::size_t {
    alert_type,
    batch_id,
    confidence,
    device_id,
    entry_id,
    epoch,
    features_summary,
    sent_at,
    seq_no,
    sig,
    timestamp,
};
constexpr std::array<std::string_view, timestamp + 1> kNames{
    "alert_type",       "batch_id", "confidence", "device_id", "entry_id", "epoch",
    "features_summary", "sent_at",  "seq_no",     "sig",       "timestamp"};
constexpr std::array<Slot, 3> kOptional{epoch, sent_at, sig};

using Values = std::array<std::string_view, kNames.size()>;  // raw; empty when absent

// The alert's number if it can be told at all, so that the sender knows which alert was refused.
std::optional<AlertNumber> number_of(const Values& values) {
    const auto device = plain_string(values[device_id]);
    const auto number = parse_integer(values[seq_no]);
    const auto era = values[epoch].empty() ? std::uint64_t{0} : parse_integer(values[epoch]);
    if (!device || !is_name(*device) || !number || *number == 0 || !era) return std::nullopt;
    return AlertNumber{std::string(*device), Epoch(*era), SeqNo(*number)};
}

// Checks one alert's values; the first that does not fit is told.
class Check {
public:
    Check(const Values& values, const std::vector<std::string>& fraction_members)
        : values_(values), fraction_members_(fraction_members) {}

    std::variant<AlertFields, Refusal> run() {
        for (std::size_t i = 0; i < kNames.size(); ++i) {
            const bool is_optional =
                std::find(kOptional.begin(), kOptional.end(), i) != kOptional.end();
            if (values_[i].empty() && !is_optional) refuse(static_cast<Slot>(i), "is missing");
        }
        if (problem_.empty()) strings();
        if (problem_.empty()) numbers();
        if (problem_.empty()) times();
        if (problem_.empty()) return fields_;
        return Refusal{RejectCode::schema, std::move(problem_), number_of(values_)};
    }

private:
    void strings() {
        require(is_alert_type(text(alert_type)), alert_type, "must be 1 to 64 of a-z 0-9 . _");
        require(parse_entry_id(text(batch_id)).has_value(), batch_id,
                "must be a lower-case UUIDv7");
        fields_.device_id = text(device_id);
        require(is_name(fields_.device_id), device_id, "must be 1 to 64 of A-Z a-z 0-9 . _ : -");
        const auto id = parse_entry_id(text(entry_id));
        require(id.has_value(), entry_id, "must be a lower-case UUIDv7");
        if (id) fields_.entry_id = *id;
        require(values_[features_summary].starts_with('{'), features_summary, "must be an object");
        if (values_[sig].empty()) return;
        fields_.sig = text(sig);
        require(is_signature(fields_.sig), sig, "must be the base64 of 64 bytes");
    }

    void numbers() {
        require(is_confidence(values_[confidence]), confidence, "must be a number from 0 to 1");
        const auto number = integer(seq_no);
        require(number.value_or(0) >= 1, seq_no, "must be an integer from 1 to 2^53-1");
        fields_.seq_no = SeqNo(number.value_or(0));
        if (values_[epoch].empty()) return;
        const auto era = integer(epoch);
        require(era.value_or(0) >= 1, epoch,
                "must be an integer from 1 to 2^53-1; 0 is said by leaving it out");
        fields_.epoch = Epoch(era.value_or(0));
    }

    void times() {
        constexpr std::string_view kMust = "must be an RFC 3339 time with T and Z";
        const auto at = parse_sender_time(text(timestamp));
        require(at.has_value(), timestamp, kMust);
        if (at) fields_.timestamp = *at;
        const std::string_view sent = values_[sent_at];
        if (sent.empty()) return;
        fields_.sent_at = text(sent_at);
        const auto sent_time = parse_sender_time(fields_.sent_at);
        require(sent_time.has_value(), sent_at, kMust);
        if (sent_time) fields_.sent_at_time = *sent_time;
        // Canonical text has no white space and `alert_type` before this: a comma leads.
        constexpr std::size_t kLead = std::string_view(",\"sent_at\":").size();
        fields_.sent_at_member = {sent.data() - kLead, sent.size() + kLead};
    }

    // The string in a slot; empty, which no member may be, when it is none.
    [[nodiscard]] std::string_view text(Slot slot) const {
        return plain_string(values_[slot]).value_or(std::string_view());
    }

    [[nodiscard]] std::optional<std::uint64_t> integer(Slot slot) const {
        const bool is_fraction = std::find(fraction_members_.begin(), fraction_members_.end(),
                                           kNames[slot]) != fraction_members_.end();
        return is_fraction ? std::nullopt : parse_integer(values_[slot]);
    }

    void require(bool holds, Slot slot, std::string_view why) {
        if (!holds) refuse(slot, why);
    }
    void refuse(Slot slot, std::string_view why) {
        if (!problem_.empty()) return;
        problem_.append(1, '`').append(kNames[slot]).append("` ").append(why).append(1, '.');
    }

    const Values& values_;
    const std::vector<std::string>& fraction_members_;
    AlertFields fields_;
    std::string problem_;
};

// A stranger's member name is body text: told only where it is harmless.
std::string unknown_member(std::string_view name) {
    return is_name(name) ? "`" + std::string(name) + "` is not a member of an alert."
                         : "A top-level member is not one of an alert.";
}

}  // namespace

bool is_alert_type(std::string_view text) {
    if (text.empty() || text.size() > kAlertTypeSizeMax) return false;
    bool all = true;
    for (const char c : text) all &= kAlertTypeByte[static_cast<unsigned char>(c)];
    return all;
}

bool is_confidence(std::string_view token) {
    if (token.starts_with("0.")) return true;
    double value = -1;
    const char* begin = token.data();
    const char* end = begin + token.size();
    const auto read = std::from_chars(begin, end, value);
    return read.ec == std::errc() && read.ptr == end && value >= 0 && value <= 1;
}

bool is_signature(std::string_view text) {
    const auto bytes = from_base64(text);
    return bytes && bytes->size() == kSignatureSize;
}

std::variant<AlertFields, Refusal> check_alert(const std::vector<Member>& members,
                                               const std::vector<std::string>& fraction_members) {
    Values values;
    const Member* unknown = nullptr;
    std::size_t slot = 0;
    for (const Member& member : members) {
        while (slot < kNames.size() && kNames[slot] < member.name) ++slot;
        if (slot < kNames.size() && kNames[slot] == member.name) {
            values[slot] = member.value;
        } else if (unknown == nullptr) {
            unknown = &member;
        }
    }
    if (unknown != nullptr) {
        return Refusal{RejectCode::schema, unknown_member(unknown->name), number_of(values)};
    }
    return Check(values, fraction_members).run();
}

std::variant<Hello, Refusal> check_typed(std::string_view canonical) {
    ObjectReader reader(canonical, "hello");
    if (reader.string("type", kTypeSizeMax) != "hello") {
        return Refusal{RejectCode::schema, "`type` is not one a sender sends: hello, or none.",
                       std::nullopt};
    }
    Hello hello;
    reader.require(reader.number("protocol") == kProtocol, "protocol", "must be 1");
    for (const std::string_view element : reader.array("devices", kHelloDevicesMax)) {
        const auto device = plain_string(element);
        reader.require(device && is_name(*device), "devices", "must be an array of device ids");
        hello.devices.emplace_back(device.value_or(std::string_view()));
    }
    if (reader.has("receipts")) hello.receipts = reader.boolean("receipts");
    if (reader.has("seen")) hello.seen = reader.string("seen", kNoteSizeMax);
    if (auto whole = reader.finish(); !whole) {
        return Refusal{RejectCode::schema, whole.error().message + ".", std::nullopt};
    }
    return hello;
}

}  // namespace anchorlog::wire
