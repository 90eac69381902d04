#include "anchorlog/wire/alert.h"

#include <algorithm>
#include <array>
#include <limits>

#include "anchorlog/wire/frame.h"
#include "wire/alert_schema.h"
#include "wire/byte_words.h"
#include "wire/canonical_scan.h"
#include "wire/canonicalizer.h"
#include "wire/expected_alert.h"

namespace anchorlog::wire {

namespace {

constexpr std::size_t kNameSizeMax = 64;
constexpr std::size_t kOriginSizeMax = 255;
constexpr std::size_t kUuidVersionAt = 14;
constexpr std::size_t kVariantByte = 8;
// With its NUL, which no JSON text and no signed note begins with.
constexpr std::string_view kSigningPrefix{"anchorlog/alert/v1\0", 19};

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
constexpr std::array<bool, 256> kNameByte = [] {
    std::array<bool, 256> name{};
    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789._:-")) {
        name[static_cast<unsigned char>(c)] = true;
    }
    return name;
}();
bool is_hyphen_position(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

Error bad_entry_id() { return {Errc::invalid_input, "entry id: a lower-case UUIDv7 expected"}; }

Error bad_alert(std::string_view why) {
    return {Errc::invalid_input, "canonical alert: " + std::string(why)};
}

std::string_view value_of(const std::vector<Member>& members, std::string_view name) {
    const auto at = std::find_if(members.begin(), members.end(),
                                 [&](const Member& member) { return member.name == name; });
    return at == members.end() ? std::string_view() : at->value;
}

// Puts the canonical alert at the end of `arena`: `text` without its `sent_at` member.
Alert store(const AlertFields& fields, std::string_view text, std::string& arena) {
    ANCHORLOG_ASSERT(arena.size() + text.size() < std::numeric_limits<std::uint32_t>::max());
    const auto begin = static_cast<std::uint32_t>(arena.size());
    std::uint32_t cut_at = static_cast<std::uint32_t>(text.size());
    if (!fields.sent_at_member.empty()) {
        cut_at = static_cast<std::uint32_t>(fields.sent_at_member.data() - text.data());
    }
    const auto cut_size = static_cast<std::uint32_t>(fields.sent_at_member.size());
    arena.append(text.substr(0, cut_at)).append(text.substr(cut_at + cut_size));
    const auto inside = [&](std::string_view view) {
        if (view.empty()) return TextRange();
        const auto at = static_cast<std::uint32_t>(view.data() - text.data());
        const std::uint32_t moved = at < cut_at ? at : at - cut_size;
        return TextRange{begin + moved, static_cast<std::uint32_t>(view.size())};
    };
    Alert alert;
    alert.canonical = {begin, static_cast<std::uint32_t>(arena.size()) - begin};
    alert.device_id = inside(fields.device_id);
    alert.sig = inside(fields.sig);
    alert.sent_at = {static_cast<std::uint32_t>(arena.size()),
                     static_cast<std::uint32_t>(fields.sent_at.size())};
    arena.append(fields.sent_at);
    alert.entry_id = fields.entry_id;
    alert.timestamp = fields.timestamp;
    alert.sent_at_time = fields.sent_at_time;
    alert.epoch = fields.epoch;
    alert.seq_no = fields.seq_no;
    return alert;
}

}  // namespace

struct AlertParser::State {
    std::vector<Member> members;
    std::vector<std::string> fraction_members;
    std::string canonical;  // of a frame that did not come canonical

    // Judges a canonical object whose members were scanned.
    std::variant<Alert, Hello, Refusal> judge(std::string_view text, std::string& arena) const;
};

AlertParser::AlertParser() : state_(std::make_unique<State>()) {}
AlertParser::~AlertParser() = default;

// An alert that came canonical and valid is kept as sent, after one walk over it. Anything else is
// told what it is: a canonical frame by its members, any other once it is in canonical form.
std::variant<Alert, Hello, Refusal> AlertParser::parse(std::string_view frame, std::string& arena) {
    if (frame.size() > kFrameSizeMax) {
        return Refusal{RejectCode::too_large, "The frame is over 65536 bytes.", std::nullopt};
    }
    state_->fraction_members.clear();
    if (const auto fields = read_expected_alert(frame)) return store(*fields, frame, arena);
    if (scan_object(frame, state_->members)) return state_->judge(frame, arena);

    auto canonical = canonical_text(frame);
    if (!canonical) {
        return Refusal{RejectCode::malformed, canonical.error().message + ".", std::nullopt};
    }
    state_->canonical = std::move(canonical->text);
    state_->fraction_members = std::move(canonical->fraction_members);
    if (!scan_object(state_->canonical, state_->members)) {
        return Refusal{RejectCode::malformed, "JSON: the top level is not an object.",
                       std::nullopt};
    }
    return state_->judge(state_->canonical, arena);
}

std::variant<Alert, Hello, Refusal> AlertParser::State::judge(std::string_view text,
                                                              std::string& arena) const {
    if (!value_of(members, "type").empty()) {
        auto typed = check_typed(text);
        if (auto* hello = std::get_if<Hello>(&typed)) return std::move(*hello);
        return std::move(std::get<Refusal>(typed));
    }
    auto checked = check_alert(members, fraction_members);
    if (auto* refusal = std::get_if<Refusal>(&checked)) return std::move(*refusal);
    const auto& fields = std::get<AlertFields>(checked);
    if (text.size() - fields.sent_at_member.size() > kFrameSizeMax) {
        return Refusal{RejectCode::too_large, "The canonical alert is over 65536 bytes.",
                       AlertNumber{std::string(fields.device_id), fields.epoch, fields.seq_no}};
    }
    return store(fields, text, arena);
}

Result<Bytes> alert_signing_payload(std::string_view canonical) {
    std::vector<Member> members;
    if (!scan_object(canonical, members)) return bad_alert("not an object in canonical JSON");
    // What is left of an object in canonical form is in canonical form.
    std::string text(kSigningPrefix);
    text.push_back('{');
    for (const Member& member : members) {
        if (member.name == "sig" || member.name == "sent_at") continue;
        if (text.back() != '{') text.push_back(',');
        text.append(1, '"').append(member.name).append("\":").append(member.value);
    }
    text.push_back('}');
    const ByteView bytes = as_bytes(text);
    return Bytes(bytes.begin(), bytes.end());
}

Result<AlertKey> alert_key(std::string_view canonical) {
    if (const auto fields = read_expected_alert(canonical)) {
        return AlertKey{std::string(fields->device_id), fields->entry_id, fields->epoch,
                        fields->seq_no};
    }
    std::vector<Member> members;
    if (!scan_object(canonical, members)) return bad_alert("not an object in canonical JSON");
    const auto device = plain_string(value_of(members, "device_id"));
    if (!device || !is_name(*device)) return bad_alert("`device_id` is not a name");
    const auto id =
        parse_entry_id(plain_string(value_of(members, "entry_id")).value_or(std::string_view()));
    if (!id) return bad_alert("`entry_id` is not a lower-case UUIDv7");
    const std::string_view epoch = value_of(members, "epoch");
    const auto era = epoch.empty() ? std::uint64_t{0} : parse_integer(epoch);
    if (!era || (*era == 0 && !epoch.empty())) return bad_alert("`epoch` is not an epoch");
    const auto number = parse_integer(value_of(members, "seq_no"));
    if (!number || *number == 0) return bad_alert("`seq_no` is not a sequence number");
    return AlertKey{std::string(*device), *id, Epoch(*era), SeqNo(*number)};
}

std::string format_entry_id(const EntryId& id) {
    const std::string digits = to_hex(ByteView(id));
    std::string out;
    out.reserve(kUuidSize);
    for (const char digit : digits) {
        if (is_hyphen_position(out.size())) out.push_back('-');
        out.push_back(digit);
    }
    return out;
}

Result<EntryId> parse_entry_id(std::string_view text) {
    if (text.size() != kUuidSize) return bad_entry_id();
    // Two groups of four stand between hyphens.
    std::array<char, 8> second;
    std::array<char, 8> third;
    std::copy_n(text.data() + 14, 4, std::copy_n(text.data() + 9, 4, second.data()));
    std::copy_n(text.data() + 24, 4, std::copy_n(text.data() + 19, 4, third.data()));
    EntryId id{};
    const bool is_hex = read_hex8(text.data(), id.data()) && read_hex8(second.data(), &id[4]) &&
                        read_hex8(third.data(), &id[8]) && read_hex8(text.data() + 28, &id[12]);
    const bool has_hyphens =
        text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
    const bool is_version_7 = text[kUuidVersionAt] == '7';
    const bool is_rfc_variant = (id[kVariantByte] & 0xC0U) == 0x80U;
    if (!is_hex || !has_hyphens || !is_version_7 || !is_rfc_variant) return bad_entry_id();
    return id;
}

bool is_name(std::string_view text) {
    if (text.empty() || text.size() > kNameSizeMax) return false;
    bool all = true;
    for (const char c : text) all &= kNameByte[static_cast<unsigned char>(c)];
    return all;
}

bool is_origin(std::string_view text) {
    return !text.empty() && text.size() <= kOriginSizeMax &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_lower_or_digit(c) || c == '.' || c == '/' || c == '_' || c == '-';
           });
}

}  // namespace anchorlog::wire
