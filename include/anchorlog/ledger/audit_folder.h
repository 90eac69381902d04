#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "anchorlog/base/types.h"
#include "anchorlog/wire/entry.h"

namespace anchorlog::ledger {

inline constexpr std::uint32_t kAuditLinesPerMinuteMax = 60;
// Different (event, subject) pairs held back at once; more are only counted.
inline constexpr std::size_t kAuditPendingMax = 1'024;
// How long equal events are gathered before they become one line.
inline constexpr std::int64_t kAuditFoldMs = 1'000;

// Folds what happens often into few lines, so that nobody can fill the log from outside: equal
// (event, subject) within a second are one line with a count, at most 60 lines a minute, the rest
// one `suppressed` line. Pure but for its state; owned by the commit thread.
class AuditFolder {
public:
    // `urgent` events (start, stop, tail_cut …) are never suppressed and due at once.
    void add(std::string event, std::string subject, std::string data, Now now,
             bool urgent = false);
    // What is to be written now.
    [[nodiscard]] std::vector<wire::Audit> take(Now now);
    // What is held back as well: nothing that was told is forgotten when the daemon stops.
    [[nodiscard]] std::vector<wire::Audit> take_all(Now now);
    [[nodiscard]] std::optional<SteadyTime> next_due() const;

private:
    struct Pending {
        wire::Audit audit;
        SteadyTime due;
    };
    using Key = std::pair<std::string, std::string>;

    bool spend_line(SteadyTime now);
    void suppress(const wire::Audit& audit);

    std::vector<wire::Audit> urgent_;
    std::map<Key, Pending> pending_;
    std::optional<wire::Audit> suppressed_;
    SteadyTime suppressed_due_;
    double lines_ = kAuditLinesPerMinuteMax;  // token bucket
    std::optional<SteadyTime> refilled_;
};

// Cuts to 128 bytes and replaces what is not printable ASCII with '?'.
[[nodiscard]] std::string audit_subject(std::string_view text);

}  // namespace anchorlog::ledger
