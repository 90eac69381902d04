#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "anchorlog/base/bytes.h"

namespace anchorlog::wire {

// The most bytes of JSON one frame carries, and an alert's canonical form (formats §2).
inline constexpr std::uint32_t kFrameSizeMax = 65'536;

enum class FrameError {
    malformed,  // length 0
    too_large,  // length over kFrameSizeMax
};

// Cuts a byte stream into frames: u32be length ‖ JSON. No I/O, any chunking, one owner at a time.
// After an error the stream has no frame border any more: the session closes.
class FrameDecoder {
public:
    // Adds bytes as they came off the connection. They are not copied: they stay where they are
    // until next() gives nothing, or until the next push().
    void push(ByteView bytes);
    // The next whole frame's JSON, or nothing while bytes are missing or after an error.
    // The view lives until the next call.
    [[nodiscard]] std::optional<std::string_view> next();
    [[nodiscard]] std::optional<FrameError> error() const { return error_; }
    // Frames handed out so far = ordinal of the next one (the `frame` of a reject).
    [[nodiscard]] std::uint64_t frames() const { return frames_; }
    // True when the stream may end here without having cut a frame.
    [[nodiscard]] bool at_border() const {
        return held_at_ == held_.size() && fresh_.empty() && !error_;
    }

private:
    [[nodiscard]] std::optional<std::string_view> next_held();
    [[nodiscard]] bool hold(std::size_t size);
    [[nodiscard]] bool is_valid(std::uint32_t size);
    void drop_held();

    std::string held_;         // from the frame that a push() cut, until that frame is whole
    std::size_t held_at_ = 0;  // start of the next frame in it
    std::string_view fresh_;   // the rest of the last push(), behind held_
    std::uint64_t frames_ = 0;
    std::optional<FrameError> error_;
};

// Appends one frame holding `json` to `out`.
void append_frame(std::string& out, std::string_view json);

}  // namespace anchorlog::wire
