#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "anchorlog/base/log.h"
#include "anchorlog/base/types.h"

namespace anchorlog {

// One log line without its LF. Values come from peers too: whatever they hold, the result has
// no control character, so one call never makes two lines or moves a terminal's cursor.
[[nodiscard]] std::string format_log_line(LogFormat format, WallTime time, LogLevel level,
                                          std::string_view event,
                                          std::initializer_list<LogField> fields);

}  // namespace anchorlog
