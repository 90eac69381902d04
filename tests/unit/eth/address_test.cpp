#include "anchorlog/eth/types.h"
#include "unit/eth/vectors.h"

namespace anchorlog::eth {
namespace {

TEST(Address, IsTheTailOfTheHashedKeyWithAChecksum) {
    ASSERT_FALSE(vectors::all()["accounts"].empty());
    for (const auto& account : vectors::all()["accounts"]) {
        const auto text = account["address"].get<std::string>();
        EXPECT_EQ(format_address(vectors::key(account["key"])->address()), text);
        const auto parsed = parse_address(text);
        ASSERT_TRUE(parsed.has_value());
        EXPECT_EQ(format_address(*parsed), text);
        const Bytes key = vectors::bytes(account["public_key"]);
        const Hash hash = crypto::keccak256(ByteView(key).subspan(1));
        EXPECT_EQ(to_hex(ByteView(hash.bytes).subspan(12)), to_hex(ByteView(*parsed)));
    }
}

TEST(Address, AcceptsOneCaseAndRefusesAWrongChecksum) {
    const std::string text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    EXPECT_TRUE(parse_address(text).has_value());
    EXPECT_TRUE(parse_address("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed").has_value());
    EXPECT_TRUE(parse_address("0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED").has_value());
    EXPECT_FALSE(parse_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD").has_value());
    EXPECT_FALSE(parse_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAee").has_value());
}

TEST(Address, RefusesOtherShapes) {
    for (const char* text : {"", "0x", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed00",
                             "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
                             "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaedd",
                             "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
                             "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"}) {
        EXPECT_FALSE(parse_address(text).has_value()) << text;
    }
}

TEST(Keccak, MatchesTheVectors) {
    for (const auto& vector : vectors::all()["keccak256"]) {
        EXPECT_EQ(crypto::keccak256(vectors::bytes(vector["data"])), vectors::hash(vector["hash"]));
    }
}

}  // namespace
}  // namespace anchorlog::eth
