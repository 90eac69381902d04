#pragma once

#include <optional>
#include <string_view>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/types.h"
#include "anchorlog/wire/alert.h"

namespace anchorlog::wire {

// What an audit and recovery need of an alert's line in log/. The view is into the line.
struct AlertLine {
    EntryIndex index;
    WallTime received_at;
    std::string_view device_id;
    EntryId entry_id{};
    Epoch epoch;
    SeqNo seq_no;
};

// Reads an alert's line as the daemon writes it, in one walk. What this takes, parse_entry_line(),
// is_canonical() and alert_key() take with the same values; nothing for any other line, which
// those then tell what it is.
[[nodiscard]] std::optional<AlertLine> read_expected_line(std::string_view line);

}  // namespace anchorlog::wire
