#include <gtest/gtest.h>

#include <random>

#include "wire/canonical_scan.h"

namespace anchorlog::wire {
namespace {

// What a text means when it is decoded number by number: independent of the code under test.
bool decodes(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t at) -> std::uint32_t {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
        };
        const std::uint32_t lead = byte(i);
        const std::size_t size = lead < 0x80           ? 1
                                 : (lead >> 5) == 0x06 ? 2
                                 : (lead >> 4) == 0x0E ? 3
                                 : (lead >> 3) == 0x1E ? 4
                                                       : 0;
        if (size == 0 || i + size > text.size()) return false;
        std::uint32_t point = size == 1 ? lead : lead & (0xFFu >> (size + 1));
        for (std::size_t k = 1; k < size; ++k) {
            if ((byte(i + k) >> 6) != 2) return false;
            point = point << 6 | (byte(i + k) & 0x3F);
        }
        constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < kLeast[size] || point > 0x10FFFF) return false;
        if (point >= 0xD800 && point <= 0xDFFF) return false;
        i += size;
    }
    return true;
}

// Once alone and once where a block of ASCII ends, whole and cut.
void expect_same(const std::string& sequence) {
    for (const std::size_t before : {0u, 30u, 33u}) {
        const std::string text = std::string(before, 'a') + sequence + std::string(before, 'z');
        ASSERT_EQ(is_utf8(text), decodes(text)) << ::testing::PrintToString(text);
    }
}

TEST(Utf8, EveryPairAndTriple) {
    for (unsigned a = 0x70; a < 0x100; ++a) {
        for (unsigned b = 0; b < 0x100; ++b) {
            expect_same({static_cast<char>(a), static_cast<char>(b)});
            if (a < 0xC0) continue;
            for (const unsigned c :
                 {0x00u, 0x7Fu, 0x80u, 0x8Fu, 0x90u, 0x9Fu, 0xA0u, 0xBFu, 0xC0u}) {
                expect_same({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)});
                expect_same({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c),
                             static_cast<char>(0x80)});
            }
        }
    }
}

TEST(Utf8, RandomTexts) {
    std::mt19937 random(3629);
    const std::string parts[] = {"a",    "\xC3\xA9",     "\xE2\x82\xAC",     "\xF0\x9F\x98\x80",
                                 "\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC0\xAF"};
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        const std::size_t count = random() % 60;
        // Mostly good parts, so that most texts get far.
        for (std::size_t i = 0; i < count; ++i) text += parts[random() % (round % 2 == 0 ? 4 : 8)];
        ASSERT_EQ(is_utf8(text), decodes(text)) << ::testing::PrintToString(text);
        if (!text.empty()) text.pop_back();
        ASSERT_EQ(is_utf8(text), decodes(text)) << ::testing::PrintToString(text);
    }
}

}  // namespace
}  // namespace anchorlog::wire
