#pragma once

#include <cstdint>
#include <string>

namespace anchorlog::bench {

// The first number of every device: all numbers of a run have ten digits, so a frame keeps its
// size and its fields their places.
inline constexpr std::uint64_t kFirstNumber = 1'000'000'000;

// The alerts of one device: canonical, ~400 B, numbered upwards, no entry_id twice.
class AlertStream {
public:
    explicit AlertStream(unsigned device);

    // The time of the alerts to come, 24 characters, a server time of now.
    void set_time(const std::string& now);
    // Appends the next alert as a frame: the bytes of the last one with its numbers counted up.
    void append(std::string& out);
    [[nodiscard]] std::uint64_t made() const { return made_; }
    [[nodiscard]] std::size_t frame_size() const { return frame_.size(); }

private:
    std::string frame_;
    std::size_t entry_at_ = 0;
    std::size_t sent_at_ = 0;
    std::size_t number_at_ = 0;
    std::size_t timestamp_at_ = 0;
    std::uint64_t made_ = 0;
};

[[nodiscard]] std::string device_name(unsigned device);
// The wall clock as `YYYY-MM-DDThh:mm:ss.mmmZ`.
[[nodiscard]] std::string server_time();

}  // namespace anchorlog::bench
