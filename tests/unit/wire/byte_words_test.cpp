#include "wire/byte_words.h"

#include <algorithm>
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "anchorlog/base/bytes.h"
#include "wire/canonical_scan.h"

namespace anchorlog::wire {
namespace {

TEST(ByteWords, ReadHexDigitsAndNothingElse) {
    const std::string good = "09af7c3e";
    for (std::size_t place = 0; place < good.size(); ++place) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string text = good;
            text[place] = static_cast<char>(byte);
            std::array<std::uint8_t, 4> read{};
            const auto expected = from_hex(text);
            ASSERT_EQ(read_hex8(text.data(), read.data()), expected.has_value())
                << to_hex(as_bytes(text));
            if (expected) {
                EXPECT_TRUE(std::equal(read.begin(), read.end(), expected->begin()));
            }
        }
    }
}

// Strings are read eight bytes at a time: what ends one is found in every place of them.
TEST(ByteWords, AnyByteOfAStringIsSeenInAnyPlace) {
    for (std::size_t size = 1; size < 20; ++size) {
        for (std::size_t place = 0; place < size; ++place) {
            for (int byte = 0; byte < 0x80; ++byte) {
                std::string content(size, 'a');
                content[place] = static_cast<char>(byte);
                const bool is_plain = byte >= 0x20 && byte != '"' && byte != '\\';
                ASSERT_EQ(scan_canonical('"' + content + '"'), is_plain)
                    << "byte " << byte << " in place " << place << " of " << size;
            }
        }
    }
}

}  // namespace
}  // namespace anchorlog::wire
