#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/types.h"

namespace anchorlog::wire {

// Why an alert or a session was not served (formats §2).
enum class RejectCode {
    // Permanent.
    malformed,
    schema,
    too_large,
    identity,
    signature,
    replay,
    equivocation,
    // Transient.
    stale,
    future,
    busy,
    storage_full,
    shutting_down,
    forked,
};
[[nodiscard]] std::string_view to_string(RejectCode code) noexcept;
// A permanent refusal concerns this alert for ever; a transient one ends the session.
[[nodiscard]] bool is_permanent(RejectCode code) noexcept;

// The number an alert claims, where it could be read.
struct AlertNumber {
    std::string device_id;
    Epoch epoch;
    SeqNo seq_no;
};

struct Refusal {
    RejectCode code = RejectCode::malformed;
    std::string detail;  // one sentence, never the alert's body
    std::optional<AlertNumber> number;
};

inline constexpr std::size_t kHelloDevicesMax = 256;

struct Hello {
    std::vector<std::string> devices;
    bool receipts = false;
    std::string seen;  // the last signed checkpoint the sender kept; empty: none
};

struct DurableNumber {
    std::string device_id;
    Epoch epoch;
    SeqNo seq_no;
};

struct Welcome {
    std::string origin;
    std::vector<DurableNumber> durable;  // devices with at least one durable alert
    std::uint64_t entries = 0;           // durable entries
    std::string checkpoint;              // the newest signed note
    std::vector<Hash> consistency;       // RFC 9162 path from `seen`; empty without `seen`
};

// Each returns the JSON of one frame, canonical (RFC 8785), without the length.
[[nodiscard]] std::string format_ack(std::string_view device_id, Epoch epoch, SeqNo seq_no,
                                     EntryIndex index);
[[nodiscard]] std::string format_reject(std::uint64_t frame, const Refusal& refusal, WallTime now);
[[nodiscard]] std::string format_welcome(const Welcome& welcome);

}  // namespace anchorlog::wire
