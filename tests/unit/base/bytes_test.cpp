#include "anchorlog/base/bytes.h"

#include <gtest/gtest.h>

namespace anchorlog {
namespace {

Bytes counted(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 + 200);
    return bytes;
}

TEST(Hex, RoundTripsEveryByte) {
    Bytes all(256);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
    const std::string hex = to_hex(all);
    EXPECT_EQ(hex.substr(0, 8), "00010203");
    EXPECT_EQ(hex.substr(504), "fcfdfeff");
    const auto back = from_hex(hex);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, all);
    EXPECT_TRUE(from_hex("")->empty());
}

TEST(Hex, RefusesASecondSpelling) {
    for (const std::string_view bad : {"0", "0g", "0A", "0x00", " 00", "00 ", "0\n", "-1", "é"}) {
        const auto result = from_hex(bad);
        ASSERT_FALSE(result) << bad;
        EXPECT_EQ(result.error().code, Errc::invalid_input);
    }
    EXPECT_FALSE(from_hex(std::string_view("00\0\0", 4)));
}

TEST(Hex, HashIsExactly64Digits) {
    const std::string good(64, 'a');
    ASSERT_TRUE(hash_from_hex(good));
    EXPECT_EQ(to_hex(*hash_from_hex(good)), good);
    EXPECT_FALSE(hash_from_hex(good.substr(2)));
    EXPECT_FALSE(hash_from_hex(good + "aa"));
    EXPECT_FALSE(hash_from_hex(std::string(64, 'G')));
    EXPECT_TRUE(hash_from_bytes(counted(32)));
    EXPECT_FALSE(hash_from_bytes(counted(31)));
    EXPECT_FALSE(hash_from_bytes(counted(33)));
    EXPECT_FALSE(hash_from_bytes({}));
}

TEST(Base64, Rfc4648Vectors) {
    const std::vector<std::pair<std::string, std::string>> vectors{{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : vectors) {
        EXPECT_EQ(to_base64(as_bytes(plain)), text);
        const auto back = from_base64(text);
        ASSERT_TRUE(back) << text;
        EXPECT_EQ(as_text(*back), plain);
    }
}

TEST(Base64, RoundTripsEverySize) {
    for (std::size_t size = 0; size < 100; ++size) {
        const Bytes bytes = counted(size);
        const auto back = from_base64(to_base64(bytes));
        ASSERT_TRUE(back);
        EXPECT_EQ(*back, bytes);
    }
}

TEST(Base64, AcceptsOnlyWhatReencodesToItself) {
    // All four-character texts over a few telling characters.
    const std::string alphabet = "AQgZ+/=_-\n ";
    for (const char a : alphabet) {
        for (const char b : alphabet) {
            for (const char c : alphabet) {
                for (const char d : alphabet) {
                    const std::string text{a, b, c, d};
                    const auto decoded = from_base64(text);
                    EXPECT_TRUE(!decoded || to_base64(*decoded) == text) << text;
                }
            }
        }
    }
}

TEST(Base64, Refusals) {
    for (const std::string_view bad : {"Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "=Zg=", "====",
                                       "Z===", "Zm9v\n", "Zm 9", "Zm9vYg==\n", "Zm-_", "A=AA"}) {
        const auto result = from_base64(bad);
        ASSERT_FALSE(result) << bad;
        EXPECT_EQ(result.error().code, Errc::invalid_input);
    }
}

TEST(BigEndian, WritesAndReads) {
    Bytes out;
    append_u32be(out, 0x01020304);
    append_u64be(out, 0x05060708090A0B0CULL);
    append(out, as_bytes("x"));
    EXPECT_EQ(to_hex(out), "0102030405060708090a0b0c78");
    EXPECT_EQ(read_u32be(out.data()), 0x01020304U);
    EXPECT_EQ(read_u64be(out.data() + 4), 0x05060708090A0B0CULL);
    Bytes high;
    append_u64be(high, ~std::uint64_t{0});
    EXPECT_EQ(read_u64be(high.data()), ~std::uint64_t{0});
}

}  // namespace
}  // namespace anchorlog
