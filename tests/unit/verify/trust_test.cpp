#include "anchorlog/verify/trust.h"

#include <gtest/gtest.h>

#include "anchorlog/crypto/sha256.h"

namespace anchorlog::verify {
namespace {

const std::string kVkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
// The witnesses' keys are the points 1 and 2 spelled as bytes; 0x04 is the cosignature's algorithm.
std::string witness_vkey(const std::string& name, std::uint8_t fill, std::uint8_t algorithm = 4,
                         std::size_t size = 32) {
    Bytes key{algorithm};
    key.insert(key.end(), size, fill);
    const Hash id = crypto::sha256({as_bytes(name), as_bytes("\n"), key});
    return name + "+" + to_hex(ByteView(id.bytes).first(4)) + "+" + to_base64(key);
}
const std::string kCode(64, 'a');
const std::string kAddress = "0x4242424242424242424242424242424242424242";

TEST(Trust, ReadsEveryKindOfLine) {
    const auto trust = parse_trust(
        "# who we trust\n"
        "log " +
        kVkey +
        " https://log.example  # ours\r\n"
        "\n"
        "witness w1 " +
        witness_vkey("w1.example", 1) +
        " https://w1.example\n"
        "witness w2 " +
        witness_vkey("w2.example", 2) +
        "\n"
        "witness w3 " +
        witness_vkey("w3.example", 3, 6, 1312) +
        "\n"
        "group both all w1 w2\n"
        "group one any w3 both\n"
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
    ASSERT_EQ(trust->witnesses.size(), 3u);
    EXPECT_TRUE(trust->witnesses[1].key);
    EXPECT_FALSE(trust->witnesses[2].key) << "ML-DSA-44 is read and not checked";
    EXPECT_EQ(trust->groups[0].needed, 2u);
    EXPECT_EQ(trust->groups[1].needed, 1u);
    EXPECT_EQ(trust->quorum, "one");
    ASSERT_EQ(trust->anchors.size(), 2u);
    EXPECT_FALSE(trust->anchors[0].is_public);
    const TrustedAnchor* anchor = trust->anchor(1, trust->anchors[0].contract);
    ASSERT_NE(anchor, nullptr);
    EXPECT_TRUE(anchor->is_public);
    EXPECT_TRUE(trust->has_block(1337, 17, trust->blocks.begin()->hash));
    EXPECT_FALSE(trust->has_block(1337, 18, trust->blocks.begin()->hash));
    EXPECT_FALSE(trust->has_block(1, 17, trust->blocks.begin()->hash));
}

TEST(Trust, TheQuorumIsMadeUpOfGroups) {
    const std::string log = "log " + kVkey + "\n";
    std::string text = log;
    for (const char* name : {"a", "b", "c", "d"}) {
        text += std::string("witness ") + name + " " +
                witness_vkey(name, static_cast<std::uint8_t>(name[0])) + "\n";
    }
    text += "group ab all a b\ngroup cd any c d\ngroup top 2 ab cd\nquorum top\n";
    const auto trust = parse_trust(text);
    ASSERT_TRUE(trust) << trust.error().message;
    EXPECT_TRUE(trust->is_quorum({"a", "b", "d"}));
    EXPECT_FALSE(trust->is_quorum({"a", "b"}));
    EXPECT_FALSE(trust->is_quorum({"a", "c", "d"}));
    EXPECT_FALSE(trust->is_quorum({}));
    EXPECT_TRUE(
        parse_trust(log + "witness a " + witness_vkey("a", 1) + "\nquorum a\n")->is_quorum({"a"}));
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
    EXPECT_FALSE(parse_trust(log + "block 1 1 " + std::string(64, 'b') + "\nblock 1 1 " + kCode));
    EXPECT_FALSE(parse_trust(log + "quorum none\nquorum none\n"));
    const std::string one = "witness w " + witness_vkey("w", 1) + "\n";
    const std::string two = "witness v " + witness_vkey("v", 2) + "\n";
    EXPECT_TRUE(parse_trust(log + one + two + "group g 2 w v\n"));
    EXPECT_FALSE(parse_trust(log + one + "witness w " + witness_vkey("v", 2) + "\n"));
    EXPECT_FALSE(parse_trust(log + one + "witness v " + witness_vkey("v", 1) + "\n"))
        << "one key under two names would count twice";
    EXPECT_FALSE(parse_trust(log + "witness w " + witness_vkey("w", 1, 1) + "\n"))
        << "a log's key is no witness's";
    EXPECT_FALSE(parse_trust(log + one + "group g 2 w\n"));
    EXPECT_FALSE(parse_trust(log + one + two + "group g any w\ngroup h any w v\n"))
        << "each witness counts in one way";
    const std::string anchor = "anchor eip155:1:" + kAddress + " " + kCode + " public\n";
    EXPECT_FALSE(parse_trust(log + anchor + anchor));
}

}  // namespace
}  // namespace anchorlog::verify
