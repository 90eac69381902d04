#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anchorlog/wire/alert.h"
#include "wire/canonical_scan.h"

namespace anchorlog::wire {

// What a frame that passed the schema says; views into the canonical text it was read from.
struct AlertFields {
    std::string_view device_id;
    std::string_view sent_at;  // empty when absent
    std::string_view sig;      // empty when absent
    EntryId entry_id{};
    WallTime timestamp;
    std::optional<WallTime> sent_at_time;
    Epoch epoch;
    SeqNo seq_no;
    std::string_view sent_at_member;  // `,"sent_at":"…"`: what canonical form leaves out
};

// The alert schema of formats §2. `members` are a canonical object's; `fraction_members` are the
// ones whose number was sent with a fraction or an exponent.
[[nodiscard]] std::variant<AlertFields, Refusal> check_alert(
    const std::vector<Member>& members, const std::vector<std::string>& fraction_members);

inline constexpr std::size_t kUuidSize = 36;

// The forms of single members; `token` is a canonical value, the others are a string's content.
[[nodiscard]] bool is_alert_type(std::string_view text);
[[nodiscard]] bool is_confidence(std::string_view token);
[[nodiscard]] bool is_signature(std::string_view text);

// A frame with `type`: a hello or a refusal. `canonical` is an object.
[[nodiscard]] std::variant<Hello, Refusal> check_typed(std::string_view canonical);

}  // namespace anchorlog::wire
