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
    // Adds bytes as they came off the connection. Invalidates views handed out by next().
    void push(ByteView bytes);
    // The next whole frame's JSON, or nothing while bytes are missing or after an error.
    // The view lives until the next push().
    [[nodiscard]] std::optional<std::string_view> next();
    [[nodiscard]] std::optional<FrameError> error() const { return error_; }
    // Frames handed out so far = ordinal of the next one (the `frame` of a reject).
    [[nodiscard]] std::uint64_t frames() const { return frames_; }
    // True when the stream may end here without having cut a frame.
    [[nodiscard]] bool at_border() const { return consumed_ == buffer_.size() && !error_; }

private:
    std::string buffer_;
    std::size_t consumed_ = 0;
    std::uint64_t frames_ = 0;
    std::optional<FrameError> error_;
};

// Appends one frame holding `json` to `out`.
void append_frame(std::string& out, std::string_view json);

}  // namespace anchorlog::wire
