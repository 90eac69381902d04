#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/types.h"
#include "anchorlog/wire/message.h"

namespace anchorlog::wire {

// A piece of the text that a chunk of frames keeps (Inbound::arena).
struct TextRange {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    [[nodiscard]] std::string_view of(std::string_view arena) const {
        return arena.substr(begin, size);
    }
};

using EntryId = std::array<std::uint8_t, 16>;  // a UUIDv7's bytes

// A frame that passed JSON and schema (formats §2). Text lives in the arena it was parsed into.
struct Alert {
    TextRange canonical;  // JCS of the alert without `sent_at`: stored, compared, signed
    TextRange device_id;
    TextRange sent_at;  // as sent; empty when it was absent
    TextRange sig;      // base64 as sent; empty when absent
    EntryId entry_id{};
    WallTime timestamp;
    std::optional<WallTime> sent_at_time;
    Epoch epoch;
    SeqNo seq_no;
};

// Parses one thread's frames; keeps its buffers between calls.
class AlertParser {
public:
    AlertParser();
    ~AlertParser();
    AlertParser(const AlertParser&) = delete;
    AlertParser& operator=(const AlertParser&) = delete;

    // Checks JSON, schema and canonical form; appends the alert's texts to `arena`. A frame with
    // `type` is a Hello or refused. `frame` is the text of one frame.
    [[nodiscard]] std::variant<Alert, Hello, Refusal> parse(std::string_view frame,
                                                            std::string& arena);

private:
    struct State;
    std::unique_ptr<State> state_;
};

// The bytes a device key signs: "anchorlog/alert/v1" 0x00 ‖ JCS(alert without sig, sent_at).
// `canonical` is an alert's canonical form, with or without `sig`.
[[nodiscard]] Result<Bytes> alert_signing_payload(std::string_view canonical);

// What re-feeding the state and verification need of a stored canonical alert.
struct AlertKey {
    std::string device_id;
    EntryId entry_id{};
    Epoch epoch;
    SeqNo seq_no;
};
[[nodiscard]] Result<AlertKey> alert_key(std::string_view canonical);

[[nodiscard]] std::string format_entry_id(const EntryId& id);
[[nodiscard]] Result<EntryId> parse_entry_id(std::string_view text);  // lower-case UUIDv7

// `[A-Za-z0-9._:-]{1,64}`: device ids and sender names (formats §1).
[[nodiscard]] bool is_name(std::string_view text);
// ≤ 255 bytes of `[a-z0-9./_-]`, not empty.
[[nodiscard]] bool is_origin(std::string_view text);

}  // namespace anchorlog::wire
