#include "anchorlog/wire/frame.h"

#include <algorithm>

#include "anchorlog/base/assert.h"

namespace anchorlog::wire {

namespace {

constexpr std::size_t kLengthSize = 4;
// What a decoder keeps for the next cut frame; thousands of idle connections have one each.
constexpr std::size_t kHeldCapacityMax = 4'096;

std::uint32_t length_at(std::string_view text) { return read_u32be(as_bytes(text).data()); }

}  // namespace

void FrameDecoder::push(ByteView bytes) {
    // Nothing behind a broken length can be a frame; a peer must not fill memory with it.
    if (error_) return;
    held_.erase(0, held_at_).append(fresh_);
    held_at_ = 0;
    fresh_ = as_text(bytes);
}

std::optional<std::string_view> FrameDecoder::next() {
    if (error_) return std::nullopt;
    if (held_at_ < held_.size()) return next_held();
    drop_held();
    const bool has_length = fresh_.size() >= kLengthSize;
    if (has_length && !is_valid(length_at(fresh_))) return std::nullopt;
    const std::size_t whole = has_length ? kLengthSize + length_at(fresh_) : 0;
    if (!has_length || fresh_.size() < whole) {
        held_ = fresh_;
        fresh_ = {};
        return std::nullopt;
    }
    const std::string_view frame = fresh_.substr(kLengthSize, whole - kLengthSize);
    fresh_.remove_prefix(whole);
    ++frames_;
    return frame;
}

// A frame that began in an earlier push().
std::optional<std::string_view> FrameDecoder::next_held() {
    if (!hold(kLengthSize)) return std::nullopt;
    const std::uint32_t size = length_at(std::string_view(held_).substr(held_at_));
    if (!is_valid(size) || !hold(kLengthSize + size)) return std::nullopt;
    const auto frame = std::string_view(held_).substr(held_at_ + kLengthSize, size);
    held_at_ += kLengthSize + size;
    ++frames_;
    return frame;
}

// Moves over what the frame lacks to have `size` bytes; false when there is not enough.
bool FrameDecoder::hold(std::size_t size) {
    const std::size_t have = held_.size() - held_at_;
    const std::size_t moved = std::min(fresh_.size(), size - std::min(size, have));
    held_.append(fresh_.substr(0, moved));
    fresh_.remove_prefix(moved);
    return have + moved >= size;
}

bool FrameDecoder::is_valid(std::uint32_t size) {
    if (size == 0) error_ = FrameError::malformed;
    if (size > kFrameSizeMax) error_ = FrameError::too_large;
    return !error_;
}

void FrameDecoder::drop_held() {
    held_.clear();
    held_at_ = 0;
    if (held_.capacity() > kHeldCapacityMax) held_.shrink_to_fit();
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
