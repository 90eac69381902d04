#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "anchorlog/base/result.h"

namespace anchorlog::wire {

inline constexpr int kNestingMax = 16;

// RFC 8785 with the refusals of formats §1: duplicate names after unescaping, NaN/Infinity, lone
// surrogates, invalid UTF-8, numbers beyond ±(2^53−1), nesting over 16. Any thread.
[[nodiscard]] Result<std::string> canonicalize(std::string_view json);
// True exactly when `text` is its own canonical form (and is valid at all).
[[nodiscard]] bool is_canonical(std::string_view text);

// Building blocks for lines we write ourselves.
void append_json_string(std::string& out, std::string_view utf8);
// ES6 Number::toString of a finite double (RFC 8785 §3.2.2.3): 1 not 1.0, 1e+21, -0 → 0.
void append_json_number(std::string& out, double value);

}  // namespace anchorlog::wire
