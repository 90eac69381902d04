#include "anchorlog/verify/raw_proof.h"

#include "fuzz/target.h"

namespace anchorlog::fuzz {

// One proof as JSON, in the shape of the published vectors.
void raw_proof(ByteView input) {
    const std::string_view text = as_text(input);
    for (const auto& check : {verify::check_raw_inclusion, verify::check_raw_consistency}) {
        const auto held = check(text);
        require(
            held || held.error().code == Errc::refused || held.error().code == Errc::invalid_input,
            "a proof holds, does not hold, or is none");
    }
}

}  // namespace anchorlog::fuzz
