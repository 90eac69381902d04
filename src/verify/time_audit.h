#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "verify/entry_reader.h"

namespace anchorlog::verify {

// What an investigator should know of a log's times, none of it a fault: order is the index, and
// times are the server's claims.
class TimeAudit {
public:
    // Entries as they were accepted, in their order.
    void entry(const EntryFact& fact);

    // Clocks that went back, silences longer than the daemon keeps, starts without a stop.
    [[nodiscard]] std::vector<std::string> notes() const;

private:
    // The first ones as sentences, and how many there are.
    struct Kind {
        std::vector<std::string> first;
        std::uint64_t count = 0;
        void add(std::string text);
        void move_to(std::vector<std::string>& notes, const char* what) const;
    };

    void compare_times(const EntryFact& fact);

    Kind steps_back_;
    Kind silences_;
    Kind starts_;
    std::optional<std::uint64_t> last_index_;
    WallTime last_at_;
    std::optional<bool> running_;  // not known before the first start, stop or alert
};

}  // namespace anchorlog::verify
