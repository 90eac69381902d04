#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "alert_stream.h"

namespace anchorlog::bench {

// Finds in what a server sends how many alerts of this connection it has acked.
class AckReader {
public:
    // `skipped` as of the AlertStream.
    AckReader(Dialect dialect, std::uint64_t skipped)
        : dialect_(dialect), first_(kFirstNumber + skipped) {}

    void push(std::string_view bytes) { inbox_.append(bytes); }
    // The alerts acked so far as the next whole answer has it; none when no answer is whole.
    // Stops at whatever is no ack.
    [[nodiscard]] std::optional<std::uint64_t> next();
    // Once next() has given none: forgets what is read.
    void trim();

private:
    [[nodiscard]] std::optional<std::uint64_t> next_ack();
    [[nodiscard]] std::optional<std::uint64_t> next_response();

    Dialect dialect_;
    std::uint64_t first_;
    std::string inbox_;
    std::size_t at_ = 0;
    std::uint64_t responses_ = 0;
};

}  // namespace anchorlog::bench
