#pragma once

#include <memory>
#include <string>

#include "anchor/stamp_fsm.h"
#include "anchorlog/anchor/anchor_target.h"

namespace anchorlog::anchor {

// What is to be stamped.
struct SealedCheckpoint {
    BatchId batch_id;
    std::string note;
    Hash hash;  // SHA-256 of the note
};

// Gives stamps. One owner thread, but for abort().
class Stamper {
public:
    virtual ~Stamper() = default;
    [[nodiscard]] virtual const char* type() const = 0;  // of AnchorStatus
    // The line to put on record, checked by the code that will read it.
    [[nodiscard]] virtual Result<wire::AnchorStep> stamp(const SealedCheckpoint& checkpoint) = 0;
    // Checks a line of this target that is on record. corruption says what does not hold.
    [[nodiscard]] virtual Result<void> check(const wire::AnchorStep& line) const = 0;
    // What the last answer asked for; 0: nothing.
    [[nodiscard]] virtual std::int64_t retry_after_ms() const { return 0; }
    virtual void abort() {}
};

// Executes what StampFsm asks for. Reads this target's lines of anchors/ first: each must be over
// the checkpoint that batches/ holds, or the store is not the one that was stamped.
[[nodiscard]] Result<std::unique_ptr<AnchorTarget>> make_stamp_target(
    const std::string& id, std::uint32_t interval_s, std::unique_ptr<Stamper> stamper,
    const TargetBase& base, std::uint64_t seed);

}  // namespace anchorlog::anchor
