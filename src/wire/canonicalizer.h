#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/result.h"

namespace anchorlog::wire {

struct CanonicalText {
    std::string text;
    // Top-level members whose number was spelled with a fraction or an exponent. Canonical form
    // no longer shows it, and a counting integer must not be spelled so (formats §1).
    std::vector<std::string> fraction_members;
};

// canonicalize() for callers that need to know how top-level numbers were spelled.
[[nodiscard]] Result<CanonicalText> canonical_text(std::string_view json);

}  // namespace anchorlog::wire
