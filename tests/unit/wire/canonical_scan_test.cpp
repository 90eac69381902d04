#include "wire/canonical_scan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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
