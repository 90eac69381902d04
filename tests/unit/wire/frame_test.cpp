#include "anchorlog/wire/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace anchorlog::wire {
namespace {

std::string length(std::uint32_t size) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
    return out;
}

std::vector<std::string> drain(FrameDecoder& decoder) {
    std::vector<std::string> out;
    while (const auto frame = decoder.next()) out.emplace_back(*frame);
    return out;
}

TEST(AppendFrame, IsLengthBigEndianThenText) {
    std::string out = "before";
    append_frame(out, "{}");
    EXPECT_EQ(out, std::string("before\0\0\0\2{}", 12));
    std::string large;
    append_frame(large, std::string(kFrameSizeMax, 'x'));
    EXPECT_EQ(large.substr(0, 4), std::string("\0\1\0\0", 4));
}

TEST(FrameDecoder, ByteByByte) {
    std::string stream;
    append_frame(stream, "{\"a\":1}");
    append_frame(stream, "x");
    FrameDecoder decoder;
    EXPECT_TRUE(decoder.at_border());
    std::vector<std::string> frames;
    for (const char& byte : stream) {
        decoder.push(as_bytes(std::string_view(&byte, 1)));
        for (auto& frame : drain(decoder)) frames.push_back(std::move(frame));
        const bool at_end = frames.size() == 2 || (frames.size() == 1 && &byte == &stream[10]);
        EXPECT_EQ(decoder.at_border(), at_end);
    }
    EXPECT_EQ(frames, (std::vector<std::string>{"{\"a\":1}", "x"}));
    EXPECT_EQ(decoder.frames(), 2U);
    EXPECT_FALSE(decoder.error());
}

TEST(FrameDecoder, AnyChunking) {
    std::mt19937 random(3);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::string> sent;
        std::string stream;
        for (std::size_t i = random() % 8; i > 0; --i) {
            const std::size_t size = 1 + random() % (i == 1 ? kFrameSizeMax : 300);
            sent.emplace_back(size, static_cast<char>('a' + static_cast<int>(i)));
            append_frame(stream, sent.back());
        }
        FrameDecoder decoder;
        std::vector<std::string> got;
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t size =
                std::min<std::size_t>(1 + random() % 5'000, stream.size() - at);
            decoder.push(as_bytes(std::string_view(stream).substr(at, size)));
            at += size;
            // Not always drained: frames may pile up over several pushes.
            if (random() % 3 != 0) {
                for (auto& frame : drain(decoder)) got.push_back(std::move(frame));
            }
        }
        for (auto& frame : drain(decoder)) got.push_back(std::move(frame));
        EXPECT_EQ(got, sent);
        EXPECT_TRUE(decoder.at_border());
    }
}

TEST(FrameDecoder, TakesTheLargestFrameAndNoLarger) {
    FrameDecoder decoder;
    const std::string largest = length(65'536);
    decoder.push(as_bytes(largest));
    EXPECT_FALSE(decoder.next());
    EXPECT_FALSE(decoder.at_border());
    const std::string body(65'536, 'b');
    decoder.push(as_bytes(body));
    EXPECT_EQ(decoder.next(), body);

    const std::string over = length(65'537);
    decoder.push(as_bytes(over));
    EXPECT_FALSE(decoder.next());
    EXPECT_EQ(decoder.error(), FrameError::too_large);
    EXPECT_FALSE(decoder.at_border());
}

TEST(FrameDecoder, LengthZeroIsMalformedAndNothingFollowsAnError) {
    FrameDecoder decoder;
    std::string stream;
    append_frame(stream, "first");
    stream += length(0);
    append_frame(stream, "never");
    decoder.push(as_bytes(stream));
    EXPECT_EQ(drain(decoder), std::vector<std::string>{"first"});
    EXPECT_EQ(decoder.error(), FrameError::malformed);
    decoder.push(as_bytes(stream));
    EXPECT_FALSE(decoder.next());
    EXPECT_EQ(decoder.frames(), 1U);
    EXPECT_FALSE(decoder.at_border());
}

TEST(FrameDecoder, LargestLengthFieldIsNotAddedUpWrongly) {
    FrameDecoder decoder;
    const std::string largest = length(0xFFFFFFFF);
    decoder.push(as_bytes(largest));
    EXPECT_FALSE(decoder.next());
    EXPECT_EQ(decoder.error(), FrameError::too_large);
}

}  // namespace
}  // namespace anchorlog::wire
