#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/types.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::anchor {

// A stamp is a commitment that is final as soon as it is given: an authority's token, a line in a
// file. No stamp can contradict another one, so nothing is on record before it is asked for: a
// crash between asking and recording costs one stamp more and loses none.
//
// The pure state machine of such a target: step() takes what happened and gives the one thing to
// do next. Only the newest sealed batch is ever stamped; its checkpoint covers all before it.
class StampFsm {
public:
    struct Ticked {  // time passed, or a batch was sealed
        std::optional<BatchId> newest;
    };
    struct Stamped {  // checked, not on record yet
        wire::AnchorStep line;
    };
    struct Recorded {};
    struct Failed {
        std::string reason;
        std::int64_t retry_after_ms = 0;  // what the other side asked for; 0: nothing
    };
    using Event = std::variant<Ticked, Stamped, Recorded, Failed>;

    struct Wait {
        SteadyTime until;
    };
    struct Stamp {
        BatchId batch;
    };
    struct Record {
        wire::AnchorStep line;
    };
    using Action = std::variant<Wait, Stamp, Record>;

    struct Resume {  // what anchors/ says at start
        std::optional<BatchId> covered_to;
        std::optional<WallTime> last_at;
    };

    StampFsm(std::int64_t interval_ms, const Resume& resume, Now now, std::uint64_t seed);

    [[nodiscard]] Action step(const Event& event, SteadyTime now);

    // idle, queued (waiting for its time), sending, stalled, final: as design §5 names them.
    [[nodiscard]] const char* state(SteadyTime now) const;
    [[nodiscard]] const std::string& reason() const { return reason_; }
    [[nodiscard]] std::optional<BatchId> covered_to() const { return covered_to_; }
    [[nodiscard]] std::uint64_t errors() const { return errors_; }

private:
    void on(const Ticked& event, SteadyTime now);
    void on(const Stamped& event, SteadyTime now);
    void on(const Recorded& event, SteadyTime now);
    void on(const Failed& event, SteadyTime now);
    [[nodiscard]] bool is_behind() const;

    const std::int64_t interval_ms_;
    std::uint64_t random_;
    std::optional<BatchId> newest_;
    std::optional<BatchId> stamping_;
    std::optional<BatchId> covered_to_;
    std::optional<wire::AnchorStep> line_;  // given, to be recorded
    SteadyTime due_at_;
    SteadyTime retry_at_;
    unsigned failures_ = 0;  // in a row
    std::uint64_t errors_ = 0;
    std::string reason_;  // of the newest failure; empty when the last call went well
};

}  // namespace anchorlog::anchor
