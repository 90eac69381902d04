#include <string>
#include <variant>

#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/frame.h"
#include "anchorlog/wire/note.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

// Offsets in an arena that already holds another alert must be right, too.
constexpr std::string_view kArenaBefore = "an alert of before";

using Parsed = std::variant<wire::Alert, wire::Hello, wire::Refusal>;

bool is_same(const wire::Alert& a, std::string_view arena_a, const wire::Alert& b,
             std::string_view arena_b) {
    return a.canonical.of(arena_a) == b.canonical.of(arena_b) &&
           a.device_id.of(arena_a) == b.device_id.of(arena_b) &&
           a.sent_at.of(arena_a) == b.sent_at.of(arena_b) &&
           a.sig.of(arena_a) == b.sig.of(arena_b) && a.entry_id == b.entry_id &&
           a.timestamp == b.timestamp && a.sent_at_time == b.sent_at_time && a.epoch == b.epoch &&
           a.seq_no == b.seq_no;
}

// The same alert as a sender would send it canonically: with `sent_at` in its place.
std::string with_sent_at(std::string_view canonical, std::string_view sent_at) {
    std::string text(canonical);
    if (sent_at.empty()) return text;
    text.pop_back();
    text.append(",\"sent_at\":\"").append(sent_at).append("\"}");
    return *wire::canonicalize(text);
}

void check_alert(const wire::Alert& alert, const std::string& arena) {
    const std::string_view canonical = alert.canonical.of(arena);
    require(canonical.size() <= wire::kFrameSizeMax, "a canonical alert has at most 65536 bytes");
    require(wire::is_canonical(canonical), "what is stored is canonical");
    require(wire::is_name(alert.device_id.of(arena)), "a device id is a name");
    require(alert.seq_no.value >= 1 && alert.seq_no.value <= kIntegerMax, "seq_no is in range");
    require(alert.epoch.value <= kIntegerMax, "epoch is in range");
    require(alert.sent_at_time.has_value() == (alert.sent_at.size > 0),
            "sent_at is whole or absent");

    const auto key = wire::alert_key(canonical);
    require(key && key->device_id == alert.device_id.of(arena) && key->entry_id == alert.entry_id &&
                key->epoch == alert.epoch && key->seq_no == alert.seq_no,
            "the stored alert tells the same number as the parsed one");
    const auto payload = wire::alert_signing_payload(canonical);
    require(payload.has_value(), "every stored alert has a signing payload");

    const std::string resent = with_sent_at(canonical, alert.sent_at.of(arena));
    if (resent.size() > wire::kFrameSizeMax) return;
    wire::AlertParser parser;
    std::string fresh;
    const Parsed again = parser.parse(resent, fresh);
    require(std::holds_alternative<wire::Alert>(again), "an alert sent canonically is taken");
    require(is_same(alert, arena, std::get<wire::Alert>(again), fresh),
            "an alert is the same however it was spelled");
    require(*payload == *wire::alert_signing_payload(resent), "sent_at is not signed");
}

}  // namespace

// The text of one frame.
void alert(ByteView input) {
    const std::string_view text = as_text(input);
    static wire::AlertParser used;  // keeps its buffers from input to input
    std::string arena(kArenaBefore);
    const Parsed parsed = used.parse(text, arena);
    require(arena.starts_with(kArenaBefore), "what the arena held stays");

    wire::AlertParser unused;
    std::string other;
    const Parsed fresh = unused.parse(text, other);
    require(parsed.index() == fresh.index(), "a parser's past does not change its answer");

    if (const auto* alert = std::get_if<wire::Alert>(&parsed)) {
        require(wire::canonicalize(text).has_value(), "an alert is JSON by our rules");
        check_alert(*alert, arena);
    } else if (const auto* hello = std::get_if<wire::Hello>(&parsed)) {
        require(hello->devices.size() <= wire::kHelloDevicesMax,
                "a hello names 256 devices at most");
        require(hello->seen.size() <= wire::kNoteSizeMax, "a hello's note has a limit");
        for (const std::string& device : hello->devices) {
            require(wire::is_name(device), "a hello names devices");
        }
    } else {
        const auto& refusal = std::get<wire::Refusal>(parsed);
        require(wire::is_permanent(refusal.code) && !refusal.detail.empty(), "a refusal says why");
        const std::string reject = wire::format_reject(0, refusal, WallTime());
        require(wire::is_canonical(reject), "a reject is canonical, whatever was refused");
        require(reject.size() <= wire::kFrameSizeMax, "a reject fits a frame");
    }
}

}  // namespace anchorlog::fuzz
