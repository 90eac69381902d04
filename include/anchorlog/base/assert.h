#pragma once

namespace anchorlog {

// Prints the broken assumption and aborts: a bug of ours must not go on writing to an
// append-only log. What is on disk then is what a kill -9 would have left.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace anchorlog

// Always on, in release builds too.
#define ANCHORLOG_ASSERT(expression) \
    (static_cast<bool>(expression)   \
         ? static_cast<void>(0)      \
         : ::anchorlog::assertion_failed(#expression, __FILE__, __LINE__))
