#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"
#include "wire/canonical_scan.h"

namespace anchorlog::wire {

// Takes a canonical object apart. What does not fit reads as empty and the first such thing is
// kept, so that a caller reads all members and asks once, with finish(). Every member must be
// asked for: one nobody asked for is refused. Views live as long as the text.
class ObjectReader {
public:
    // `what` names the object in errors.
    ObjectReader(std::string_view canonical, std::string what);

    [[nodiscard]] bool has(std::string_view name) const;
    // The raw value; marks the member as known.
    std::string_view raw(std::string_view name);
    std::uint64_t number(std::string_view name);
    bool boolean(std::string_view name);
    std::string string(std::string_view name, std::size_t size_max);
    // A string without escapes.
    std::string_view plain(std::string_view name);
    Hash hash(std::string_view name);
    Bytes hex(std::string_view name);
    WallTime time(std::string_view name);  // server time
    std::vector<std::string_view> array(std::string_view name, std::size_t count_max);

    // Keeps "`name` why" as the error unless there is one already.
    void refuse(std::string_view name, std::string_view why);
    // Checks an invariant of the value just read.
    void require(bool holds, std::string_view name, std::string_view why) {
        if (!holds) refuse(name, why);
    }
    // Also takes over an error found elsewhere.
    void absorb(Error error);

    // The first error so far.
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    // The first error, or a member that was not asked for.
    [[nodiscard]] Result<void> finish();

private:
    struct Known {
        Member member;
        bool is_read = false;
    };
    [[nodiscard]] const Known* find(std::string_view name) const;

    std::string what_;
    std::vector<Known> members_;
    std::optional<Error> error_;
};

}  // namespace anchorlog::wire
