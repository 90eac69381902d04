#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "wire/alert_schema.h"

namespace anchorlog::wire {

// Reads an alert that came in canonical form, in one walk along the members' only order. Nothing
// for any other text: the general way (canonical_text, scan_object, check_alert) then tells what
// it is. What this takes, the general way takes with the same fields.
[[nodiscard]] std::optional<AlertFields> read_expected_alert(std::string_view text);

// The same for an alert that `text` begins with; `size` is then how long it is.
[[nodiscard]] std::optional<AlertFields> read_expected_prefix(std::string_view text,
                                                              std::size_t& size);

}  // namespace anchorlog::wire
