#include "anchorlog/wire/canonical_json.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>
#include <vector>

#include "unit/wire/mutations.h"

namespace anchorlog::wire {
namespace {

std::string number(double value) {
    std::string out;
    append_json_number(out, value);
    return out;
}

// The canonical form, or "refused".
std::string canonical(std::string_view json) {
    auto out = canonicalize(json);
    return out ? *out : "refused";
}

TEST(JsonNumber, Rfc8785AppendixB) {
    const std::vector<std::pair<std::uint64_t, std::string>> table{
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
    };
    for (const auto& [bits, text] : table) EXPECT_EQ(number(std::bit_cast<double>(bits)), text);
}

// The fewest significant digits that read back as `value`, found by trying.
int digits_needed(double value) {
    std::array<char, 64> text{};
    for (int digits = 1; digits < 17; ++digits) {
        std::snprintf(text.data(), text.size(), "%.*e", digits - 1, value);
        if (std::strtod(text.data(), nullptr) == value) return digits;
    }
    return 17;
}

TEST(JsonNumber, ReadsBackAndIsShortestInEs6Notation) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 20'000; ++i) {
        double value = std::bit_cast<double>(random());
        if (i % 2 == 0) value = std::ldexp(static_cast<double>(random() % 100'000), -(i % 60));
        if (!std::isfinite(value) || value == 0) continue;
        const std::string text = number(value);
        EXPECT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
        const double size = std::abs(value);
        EXPECT_EQ(text.find('e') != std::string::npos, size >= 1e21 || size < 1e-6) << text;
        std::string digits;
        for (const char c : text.substr(0, text.find('e'))) {
            if (c >= '0' && c <= '9') digits.push_back(c);
        }
        digits.erase(0, digits.find_first_not_of('0'));
        digits.erase(digits.find_last_not_of('0') + 1);
        EXPECT_EQ(static_cast<int>(digits.size()), digits_needed(value)) << text;
    }
}

TEST(Canonicalize, WritesNumbersAsEs6Does) {
    EXPECT_EQ(canonical("[1.0,1e2,-0,-0.0,0.1,4.50,2e-3,0.000000000000000000000000001,1E-400]"),
              "[1,100,0,0,0.1,4.5,0.002,1e-27,0]");
    EXPECT_EQ(canonical("[9007199254740991,-9007199254740991,9007199254740991.0,9.5e15]"),
              "refused");
    EXPECT_EQ(canonical("[9007199254740991,-9007199254740991,9007199254740991.0,9.0e15]"),
              "[9007199254740991,-9007199254740991,9007199254740991,9000000000000000]");
}

TEST(Canonicalize, RefusesNumbersBeyondTheExactIntegers) {
    for (const char* json :
         {"9007199254740992", "9007199254740993", "-9007199254740992", "1e16", "9007199254740992.0",
          "9007199254740991.9", "18446744073709551615", "18446744073709551616", "1e308", "1e400",
          "-1e400", "123456789012345678901234567890", "-9223372036854775809"}) {
        EXPECT_EQ(canonical(json), "refused") << json;
        EXPECT_FALSE(is_canonical(json)) << json;
    }
}

TEST(Canonicalize, SortsByUtf16AtEveryDepth) {
    EXPECT_EQ(canonical(R"({"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,)"
                        R"("\u0080":6,"\u00f6":7})"),
              "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"\u00f6\":7,\"\u20ac\":1,"
              "\"\U0001F600\":5,\"\uFB33\":3}");
    EXPECT_EQ(canonical("{\"b\":[{\"\uFB33\":1,\"\U0001F600\":{\"z\":0,\"a\":0}}],\"a\":2}"),
              "{\"a\":2,\"b\":[{\"\U0001F600\":{\"a\":0,\"z\":0},\"\uFB33\":1}]}");
    EXPECT_EQ(canonical(R"({"a":1,"":2,"aa":3})"), R"({"":2,"a":1,"aa":3})");
}

TEST(Canonicalize, WritesStringsWithTheFewestEscapes) {
    EXPECT_EQ(canonical(R"("\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\u007f\u001F\b\f\t\r")"),
              "\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\x7f\\u001f\\b\\f\\t\\r\"");
    EXPECT_EQ(canonical(R"("\u0000")"), R"("\u0000")");
    EXPECT_EQ(canonical(" [ null , true ,\t\n\rfalse ] "), "[null,true,false]");
}

TEST(Canonicalize, RefusesWhatIsNotJson) {
    for (const std::string& json : std::vector<std::string>{"",
                                                            " ",
                                                            "{",
                                                            "}",
                                                            "[1,]",
                                                            "{\"a\":1,}",
                                                            "{\"a\"}",
                                                            "{a:1}",
                                                            "'a'",
                                                            "01",
                                                            "+1",
                                                            ".5",
                                                            "1.",
                                                            "1e",
                                                            "-",
                                                            "--1",
                                                            "0x1",
                                                            "NaN",
                                                            "Infinity",
                                                            "-Infinity",
                                                            "nul",
                                                            "True",
                                                            "1 2",
                                                            "{} {}",
                                                            "\"a\nb\"",
                                                            "\"a",
                                                            "\"\\x\"",
                                                            "\"\\u12\"",
                                                            "\"\\ud800\"",
                                                            "\"\\udc00\"",
                                                            "\"\\ud800\\u0041\"",
                                                            "\"\\udc00\\ud800\"",
                                                            "// c\n1",
                                                            "/**/1",
                                                            "\xEF\xBB\xBF{}",
                                                            std::string("{}\0", 3),
                                                            std::string("{}\0garbage", 10),
                                                            std::string("\"\0\"", 3),
                                                            "\"\xFF\"",
                                                            "\"\xC0\x80\"",
                                                            "\"\xED\xA0\x80\"",
                                                            "\"\xF4\x90\x80\x80\"",
                                                            "\"\xE2\x82\"",
                                                            "{\"\x80\":1}",
                                                            "\x80"}) {
        EXPECT_EQ(canonical(json), "refused") << json;
        EXPECT_FALSE(is_canonical(json)) << json;
    }
}

TEST(Canonicalize, RefusesANameTwiceHoweverSpelled) {
    EXPECT_EQ(canonical(R"({"a":1,"a":1})"), "refused");
    EXPECT_EQ(canonical(R"({"a":1,"b":2,"\u0061":3})"), "refused");
    EXPECT_EQ(canonical(R"([{"x":{"/":1,"\/":2}}])"), "refused");
    EXPECT_FALSE(is_canonical(R"({"a":1,"a":1})"));
    EXPECT_EQ(canonical(R"({"a":{"a":1}})"), R"({"a":{"a":1}})");
}

TEST(Canonicalize, NestsSixteenDeepAndNoDeeper) {
    const auto nested = [](int depth, const std::string& open, const std::string& close) {
        std::string out;
        for (int i = 0; i < depth; ++i) out += open;
        out += "1";
        for (int i = 0; i < depth; ++i) out += close;
        return out;
    };
    for (const auto& [open, close] :
         std::vector<std::pair<std::string, std::string>>{{"[", "]"}, {"{\"a\":", "}"}}) {
        const std::string deepest = nested(kNestingMax, open, close);
        EXPECT_EQ(canonical(deepest), deepest);
        EXPECT_TRUE(is_canonical(deepest));
        const std::string deeper = nested(kNestingMax + 1, open, close);
        EXPECT_EQ(canonical(deeper), "refused");
        EXPECT_FALSE(is_canonical(deeper));
        EXPECT_EQ(canonical(nested(30'000, open, close)), "refused");
    }
}

TEST(Canonicalize, ErrorsNeverQuoteTheText) {
    const auto out = canonicalize(R"({"password":"hunter2",})");
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().message.find("hunter2"), std::string::npos);
}

// Random JSON in every spelling, to compare the two independent judges of canonical form.
class RandomJson {
public:
    explicit RandomJson(unsigned seed) : random_(seed) {}

    std::string value(int depth) {
        switch (random_() % (depth == 0 ? 4 : 6)) {
            case 0:
                return pick({"null", "true", "false"});
            case 1:
                return string();
            case 2:
            case 3:
                return number();
            case 4:
                return object(depth - 1);
            default:
                return array(depth - 1);
        }
    }

private:
    std::string pick(std::vector<std::string> from) { return from[random_() % from.size()]; }
    std::string space() { return random_() % 8 == 0 ? pick({" ", "\n", "\t\r"}) : ""; }
    std::string string() {
        std::string out = "\"";
        for (std::size_t i = random_() % 4; i > 0; --i) {
            out += pick({"a", "b", "\\u0061", "\\n", "\\u000a", "\\u000F", "\\u000f", "\u00e9",
                         "\\u00e9", "\\ud83d\\ude00", "\U0001F600", "\uFB33", "\uE000", "/", "\\/",
                         "\\\"", "\\\\", "\x7f", "\\u007f"});
        }
        return out + "\"";
    }
    std::string number() {
        return pick({"0",
                     "-0",
                     "1",
                     "-1",
                     "10",
                     "1.0",
                     "1.5",
                     "1e2",
                     "1E-7",
                     "1e-7",
                     "0.000001",
                     "123456789012345",
                     "1234567890123456",
                     "9007199254740991",
                     "9007199254740992",
                     "0.1",
                     "0.10",
                     "1e21",
                     "5e-324",
                     std::to_string(random_())});
    }
    std::string object(int depth) {
        std::string out = "{" + space();
        for (std::size_t i = random_() % 4; i > 0; --i) {
            if (out.size() > 2) out += "," + space();
            out += string() + space() + ":" + space() + value(depth);
        }
        return out + "}";
    }
    std::string array(int depth) {
        std::string out = "[" + space();
        for (std::size_t i = random_() % 4; i > 0; --i) {
            if (out.size() > 2) out += "," + space();
            out += value(depth) + space();
        }
        return out + "]";
    }

    std::mt19937 random_;
};

void expect_judges_agree(const std::string& text) {
    const auto form = canonicalize(text);
    EXPECT_EQ(is_canonical(text), form && *form == text) << text;
    if (!form) return;
    EXPECT_TRUE(is_canonical(*form)) << text;
    EXPECT_EQ(canonical(*form), *form) << text;
}

TEST(Canonicalize, AgreesWithIsCanonicalOnRandomTexts) {
    RandomJson random(7);
    for (int i = 0; i < 30'000; ++i) expect_judges_agree(random.value(3));
}

TEST(Canonicalize, AgreesWithIsCanonicalOnMutations) {
    const std::string text =
        "{\"\\n\":[1,0.5,-1e-7,{\"a\":null,\"b\":true}],\"k\\u001f\":\"v\\\\\\\"\",\"\u00e9\":"
        "9007199254740991,\"\U0001F600\":false,\"\uFB33\":{}}";
    ASSERT_TRUE(is_canonical(text));
    testing::feed_mutations(text, 30'000, expect_judges_agree);
}

}  // namespace
}  // namespace anchorlog::wire
