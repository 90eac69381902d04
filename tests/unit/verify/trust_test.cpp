#include "anchorlog/verify/trust.h"

#include <gtest/gtest.h>

namespace anchorlog::verify {
namespace {

const std::string kVkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const std::string kCode(64, 'a');
const std::string kAddress = "0x4242424242424242424242424242424242424242";

TEST(Trust, ReadsEveryKindOfLine) {
    const auto trust = parse_trust(
        "# who we trust\n"
        "log " +
        kVkey +
        " https://log.example  # ours\r\n"
        "\n"
        "witness w1 w1.example+01020304+AAAA https://w1.example\n"
        "witness w2 w2.example+01020305+AAAA\n"
        "group both all w1 w2\n"
        "group one any w1 both\n"
        "quorum one\n"
        "anchor eip155:1337:" +
        kAddress + " " + kCode +
        " private\n"
        "anchor eip155:1:" +
        kAddress + " 0x" + kCode +
        " public\n"
        "block 1337 17 " +
        kCode + "\n");
    ASSERT_TRUE(trust) << trust.error().message;
    EXPECT_EQ(trust->keys_of("example.com/foo").size(), 1u);
    EXPECT_TRUE(trust->keys_of("example.com").empty());
    EXPECT_EQ(trust->witnesses.size(), 2u);
    EXPECT_EQ(trust->groups[0].needed, 2u);
    EXPECT_EQ(trust->groups[1].needed, 1u);
    EXPECT_EQ(trust->quorum, "one");
    ASSERT_EQ(trust->anchors.size(), 2u);
    EXPECT_FALSE(trust->anchors[0].is_public);
    const TrustedAnchor* anchor = trust->anchor(1, trust->anchors[0].contract);
    ASSERT_NE(anchor, nullptr);
    EXPECT_TRUE(anchor->is_public);
    EXPECT_TRUE(trust->has_block(1337, 17, trust->blocks[0].hash));
    EXPECT_FALSE(trust->has_block(1337, 18, trust->blocks[0].hash));
    EXPECT_FALSE(trust->has_block(1, 17, trust->blocks[0].hash));
}

TEST(Trust, ErrorsNameTheLine) {
    const std::vector<std::string> bad = {
        "logs " + kVkey,
        "log",
        "log " + kVkey + " url more",
        "log example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "log nonsense",
        "witness w1",
        "witness w1 nokey",
        "witness none a+b+c",
        "group g 1",
        "group g any unknown",
        "quorum unknown",
        "quorum",
        "anchor eip155:1337:" + kAddress + " " + kCode,
        "anchor eip155:1337:" + kAddress + " " + kCode + " secret",
        "anchor eip155:01:" + kAddress + " " + kCode + " public",
        "anchor eip155:1337:0x42 " + kCode + " public",
        "anchor btc:1337:" + kAddress + " " + kCode + " public",
        "anchor eip155:1337:" + kAddress + " abc public",
        "block 1337 x " + kCode,
        "block 1337 1 " + kCode + "0",
        "block 1337 1",
    };
    for (const std::string& line : bad) {
        const auto trust = parse_trust("log " + kVkey + "\n# comment\n" + line + "\n");
        ASSERT_FALSE(trust) << line;
        EXPECT_NE(trust.error().message.find("line 3"), std::string::npos)
            << line << ": " << trust.error().message;
    }
}

TEST(Trust, RefusesContradictionsAndFilesWithoutALog) {
    EXPECT_FALSE(parse_trust(""));
    EXPECT_FALSE(parse_trust("block 1 1 " + kCode + "\n"));
    const std::string log = "log " + kVkey + "\n";
    EXPECT_FALSE(parse_trust(log + "block 1 1 " + kCode + "\nblock 1 1 " + std::string(64, 'b')));
    EXPECT_FALSE(parse_trust(log + "quorum none\nquorum none\n"));
    EXPECT_FALSE(parse_trust(log + "witness w a+b+c\nwitness w a+b+d\n"));
    EXPECT_FALSE(parse_trust(log + "witness w a+b+c\ngroup g 2 w\n"));
    const std::string anchor = "anchor eip155:1:" + kAddress + " " + kCode + " public\n";
    EXPECT_FALSE(parse_trust(log + anchor + anchor));
}

}  // namespace
}  // namespace anchorlog::verify
