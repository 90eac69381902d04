#include <string>

#include "anchorlog/wire/anchor_step.h"
#include "anchorlog/wire/canonical_json.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

// One line of anchors/.
void anchor_line(ByteView input) {
    const std::string_view line = as_text(input);
    const auto step = wire::parse_anchor_step(line);
    if (!step) return;
    require(line.size() <= wire::kAnchorStepSizeMax, "a line has a limit");
    require(wire::is_canonical(line), "only canonical lines are read");
    require(wire::format_anchor_step(*step) == line, "an anchor line is written as it was read");
}

}  // namespace anchorlog::fuzz
