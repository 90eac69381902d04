#include "anchorlog/wire/frame.h"

#include <array>

#include "anchorlog/base/assert.h"

namespace anchorlog::wire {

namespace {

constexpr std::size_t kLengthSize = 4;

}  // namespace

void FrameDecoder::push(ByteView bytes) {
    // Nothing behind a broken length can be a frame; a peer must not fill memory with it.
    if (error_) return;
    buffer_.erase(0, consumed_);
    consumed_ = 0;
    buffer_ += as_text(bytes);
}

std::optional<std::string_view> FrameDecoder::next() {
    const std::string_view rest = std::string_view(buffer_).substr(consumed_);
    if (error_ || rest.size() < kLengthSize) return std::nullopt;
    const std::uint32_t size = read_u32be(as_bytes(rest).data());
    if (size == 0 || size > kFrameSizeMax) {
        error_ = size == 0 ? FrameError::malformed : FrameError::too_large;
        return std::nullopt;
    }
    if (rest.size() - kLengthSize < size) return std::nullopt;
    consumed_ += kLengthSize + size;
    ++frames_;
    return rest.substr(kLengthSize, size);
}

void append_frame(std::string& out, std::string_view json) {
    ANCHORLOG_ASSERT(!json.empty() && json.size() <= kFrameSizeMax);
    const auto size = static_cast<std::uint32_t>(json.size());
    for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>((size >> shift) & 0xFFU));
    }
    out += json;
}

}  // namespace anchorlog::wire
