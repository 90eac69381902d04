#pragma once

#include <cstdint>
#include <string>

#include "support/log_builder.h"

namespace anchorlog::testing {

// A small log that a seed stands for, with all that the format allows: several segments, devices,
// epochs, gaps, more than 16 sources, any JSON in alerts, audits, key changes, anchors, and
// entries that are not sealed yet.
struct RandomLog {
    enum class Daemon {
        honest,     // every verifier must pass it
        lying,      // it signed something that the format forbids, or may have
        from_later  // it signed what a later version might: kinds and versions not known yet
    };
    Daemon daemon = Daemon::honest;
    std::string lie;  // what the lying one did
    LogBuilder log;
    FakeChain chain;
    LogBuilder::SegmentLines segments;
    bool with_leaves = true;
    std::string trust;  // the trust file that belongs to it

    // log/, batches/ and anchors/ below `dir`.
    void write(MapFileSystem& fs, const std::string& dir) const {
        log.write(fs, dir, segments, with_leaves);
    }
};

[[nodiscard]] RandomLog make_random_log(std::uint64_t seed,
                                        RandomLog::Daemon daemon = RandomLog::Daemon::honest);

}  // namespace anchorlog::testing
