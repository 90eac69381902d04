#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace anchorlog::bench {

// The first number of every device: all numbers of a run have ten digits, so a frame keeps its
// size and its fields their places.
inline constexpr std::uint64_t kFirstNumber = 1'000'000'000;

// What a server wants alerts wrapped in: our frames, syslog over TLS (RFC 5425, which knows no
// acks), or RELP, whose every message is answered.
enum class Dialect { anchorlog, syslog, relp };

// The alerts of one device: canonical, ~400 B, numbered upwards, no entry_id twice.
class AlertStream {
public:
    // Its first alert has the number kFirstNumber + `skipped`.
    AlertStream(unsigned device, Dialect dialect, std::uint64_t skipped);

    // The time of the alerts to come, 24 characters, a server time of now.
    void set_time(const std::string& now);
    // Appends the next alert as a frame: the bytes of the last one with its numbers counted up.
    void append(std::string& out);
    [[nodiscard]] std::uint64_t made() const { return made_; }
    [[nodiscard]] std::size_t frame_size() const { return frame_.size(); }

private:
    // A number in the frame that grows by one with every alert.
    struct Counter {
        std::size_t end;
        unsigned base;
    };

    std::string frame_;
    std::vector<Counter> counters_;
    std::vector<std::size_t> times_;
    std::uint64_t made_ = 0;
};

// RELP numbers its transactions; the first opens the session, alerts go on from this one.
inline constexpr std::uint64_t kFirstTransaction = 2;

[[nodiscard]] std::string device_name(unsigned device);
// The wall clock as `YYYY-MM-DDThh:mm:ss.mmmZ`.
[[nodiscard]] std::string server_time();

}  // namespace anchorlog::bench
