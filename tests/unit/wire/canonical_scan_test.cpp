#include "wire/canonical_scan.h"

#include <gtest/gtest.h>

#include <charconv>
#include <random>
#include <string>
#include <vector>

#include "anchorlog/wire/canonical_json.h"

namespace anchorlog::wire {
namespace {

TEST(ScanObject, TellsTheTopLevelMembersOnly) {
    std::vector<Member> members;
    ASSERT_TRUE(scan_object(R"({"a":{"x":1,"y":[2]},"b":"s","c":[{"z":3}]})", members));
    ASSERT_EQ(members.size(), 3U);
    EXPECT_EQ(members[0].name, "a");
    EXPECT_EQ(members[0].value, R"({"x":1,"y":[2]})");
    EXPECT_EQ(members[1].value, R"("s")");
    EXPECT_EQ(members[2].value, R"([{"z":3}])");
    ASSERT_TRUE(scan_object("{}", members));
    EXPECT_TRUE(members.empty());
    for (const char* text : {"", "[]", "1", "{", "{\"a\":1}x", "{\"a\":1", "{\"b\":1,\"a\":1}"}) {
        EXPECT_FALSE(scan_object(text, members)) << text;
    }
}

TEST(ScanArray, TellsTheElements) {
    std::vector<std::string_view> elements;
    ASSERT_TRUE(scan_array(R"([1,"a",[2,[3]],{"k":[4]}])", elements));
    EXPECT_EQ(elements, (std::vector<std::string_view>{"1", "\"a\"", "[2,[3]]", "{\"k\":[4]}"}));
    ASSERT_TRUE(scan_array("[]", elements));
    EXPECT_TRUE(elements.empty());
    EXPECT_FALSE(scan_array("{}", elements));
    EXPECT_FALSE(scan_array("[1,]", elements));
}

TEST(Unescape, ResolvesEveryCanonicalEscapeAndSurvivesTheRest) {
    EXPECT_EQ(unescape(R"(a\"\\\b\f\n\r\t\u001f\u0000z)"),
              std::string("a\"\\\b\f\n\r\t\x1f\0z", 11));
    EXPECT_EQ(unescape("\\"), "\\");
    EXPECT_EQ(unescape("\\u00"), "");
}

TEST(PlainString, TakesOnlyStringsWithoutEscapes) {
    EXPECT_EQ(plain_string("\"ab\""), "ab");
    EXPECT_EQ(plain_string("\"\""), "");
    for (const char* value : {"", "\"", "1", "\"a\\n\"", "{}"}) {
        EXPECT_FALSE(plain_string(value)) << value;
    }
}

TEST(ParseInteger, TakesOneSpellingOnly) {
    EXPECT_EQ(parse_integer("0"), 0U);
    EXPECT_EQ(parse_integer("9007199254740991"), 9'007'199'254'740'991U);
    for (const char* token : {"", "00", "01", "-1", "+1", "1.0", "1e2", " 1", "9007199254740992",
                              "9999999999999999", "10000000000000000", "a"}) {
        EXPECT_FALSE(parse_integer(token)) << token;
    }
}

TEST(ScanCanonical, TakesADecimalExactlyWhenItIsWhatItsValueIsWrittenAs) {
    const auto is_its_own_form = [](const std::string& token) {
        double value = 0;
        const char* const end = token.data() + token.size();
        if (std::from_chars(token.data(), end, value).ptr != end) return false;
        std::string written;
        append_json_number(written, value);
        return written == token;
    };
    std::mt19937_64 random(7);
    std::size_t taken = 0;
    for (int i = 0; i < 200'000; ++i) {
        std::string token = random() % 4 == 0 ? "-" : "";
        token += std::to_string(random() % 3 == 0 ? 0 : random() % 1'000'000) + ".";
        for (std::size_t digits = 1 + random() % 12; digits > 0; --digits) {
            token += static_cast<char>('0' + (random() % 2 == 0 ? 0 : random() % 10));
        }
        ASSERT_EQ(scan_canonical(token), is_its_own_form(token)) << token;
        taken += scan_canonical(token) ? 1 : 0;
    }
    EXPECT_GT(taken, 10'000u);
    for (const char* token : {"0.", ".5", "-.5", "1.", "0.0", "-0.0", "00.5", "01.5", "1.5.5",
                              "0.5e", "0.0000001", "-0.0000001", "1.50", "--1.5", "+1.5"}) {
        EXPECT_FALSE(scan_canonical(token)) << token;
    }
    for (const char* token :
         {"0.5", "-0.5", "0.000001", "999999999999.125", "1.7976931348623157"}) {
        EXPECT_TRUE(scan_canonical(token)) << token;
    }
}

TEST(CanonicalPrefix, EndsBehindTheFirstValue) {
    EXPECT_EQ(canonical_prefix("{\"a\":1},\"b\"", 0), 7u);
    EXPECT_EQ(canonical_prefix("12,", 0), 2u);
    EXPECT_EQ(canonical_prefix("\"x\"\"", 0), 3u);
    EXPECT_EQ(canonical_prefix("", 0), std::string_view::npos);
    EXPECT_EQ(canonical_prefix("{\"b\":1,\"a\":2}", 0), std::string_view::npos);
    EXPECT_EQ(canonical_prefix("[[]]", 14), 4u);
    EXPECT_EQ(canonical_prefix("[[]]", 15), std::string_view::npos);
}

struct CodePoint {
    std::string utf8;
    std::u16string utf16;
};

TEST(Utf16Less, IsTheOrderOfUtf16CodeUnits) {
    const std::vector<CodePoint> points{
        {"", u""},
        {"a", u"a"},
        {"\x7f", u"\x7f"},
        {"\u0080", u"\u0080"},
        {"\u07ff", u"\u07ff"},
        {"\u0800", u"\u0800"},
        {"\ud7ff", u"\ud7ff"},
        {"\ue000", u"\ue000"},
        {"\ufb33", u"\ufb33"},
        {"\uffff", u"\uffff"},
        {"\U00010000", u"\U00010000"},
        {"\U0001F600", u"\U0001F600"},
        {"\U0010FFFF", u"\U0010FFFF"},
    };
    std::vector<CodePoint> texts;
    for (const CodePoint& a : points) {
        for (const CodePoint& b : points) texts.push_back({a.utf8 + b.utf8, a.utf16 + b.utf16});
    }
    for (const CodePoint& a : texts) {
        for (const CodePoint& b : texts) {
            EXPECT_EQ(utf16_less(a.utf8, b.utf8), a.utf16 < b.utf16);
        }
    }
}

}  // namespace
}  // namespace anchorlog::wire
