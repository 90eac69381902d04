#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"

namespace anchorlog {

// The only source of time; handed to whoever needs it, so that a simulation can own time.
class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Now now() const = 0;  // any thread
};

// CLOCK_REALTIME and CLOCK_MONOTONIC. Only the programs' wiring makes one.
class SystemClock final : public Clock {
public:
    [[nodiscard]] Now now() const override;
};

// Whether something (NTP, PTP, GPS) disciplines the kernel's clock (adjtimex(2)); nothing where
// the kernel does not say. Any thread.
[[nodiscard]] std::optional<bool> is_clock_synchronised();

// "YYYY-MM-DDThh:mm:ss.mmmZ", 24 characters: the only form the server writes (formats §1).
// Times outside the years 0001 to 9999 are written as the nearest time inside.
[[nodiscard]] std::string format_server_time(WallTime time);
void append_server_time(std::string& out, WallTime time);
// Accepts exactly what format_server_time writes. Parse errors are invalid_input.
[[nodiscard]] Result<WallTime> parse_server_time(std::string_view text);
// RFC 3339 with `T` and `Z`, 0 to 9 fraction digits, second ≤ 59 (formats §1); below a
// millisecond is dropped.
[[nodiscard]] Result<WallTime> parse_sender_time(std::string_view text);

}  // namespace anchorlog
