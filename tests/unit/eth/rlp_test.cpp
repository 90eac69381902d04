#include "anchor/eth/rlp.h"

#include "unit/eth/vectors.h"

namespace anchorlog::eth {
namespace {

Bytes encode(const nlohmann::json& value) {
    Bytes out;
    if (value.is_string()) {
        append_rlp(out, vectors::bytes(value));
        return out;
    }
    Bytes items;
    for (const auto& item : value) append(items, encode(item));
    append_rlp_list(out, items);
    return out;
}

void expect_equal(const RlpItem& item, const nlohmann::json& value) {
    ASSERT_EQ(item.is_list, value.is_array());
    if (!item.is_list) {
        EXPECT_EQ("0x" + to_hex(item.payload), value.get<std::string>());
        return;
    }
    ASSERT_EQ(item.items.size(), value.size());
    for (std::size_t i = 0; i < value.size(); ++i) expect_equal(item.items[i], value[i]);
}

TEST(Rlp, EncodesAndDecodesTheVectors) {
    ASSERT_FALSE(vectors::all()["rlp"].empty());
    for (const auto& vector : vectors::all()["rlp"]) {
        const Bytes encoded = vectors::bytes(vector["encoded"]);
        EXPECT_EQ(to_hex(encode(vector["value"])), to_hex(encoded));
        const auto item = decode_rlp(encoded);
        ASSERT_TRUE(item.has_value()) << item.error().message;
        expect_equal(*item, vector["value"]);
    }
}

TEST(Rlp, RefusesEveryOtherSpelling) {
    for (const auto& vector : vectors::all()["rlp_bad"]) {
        const auto item = decode_rlp(vectors::bytes(vector["encoded"]));
        EXPECT_FALSE(item.has_value()) << vector;
    }
}

TEST(Rlp, RefusesWhatIsCutShortAnywhere) {
    const Bytes whole = vectors::bytes(vectors::all()["chain"]["blocks"][1]["header"]);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(decode_rlp(ByteView(whole).first(size)).has_value()) << size;
    }
}

Bytes nested(int depth) {
    Bytes out;
    for (int i = 0; i <= depth; ++i) out = rlp_list(out);
    return out;
}

TEST(Rlp, LimitsDepthAndItems) {
    EXPECT_TRUE(decode_rlp(nested(kRlpDepthMax)).has_value());
    EXPECT_FALSE(decode_rlp(nested(kRlpDepthMax + 1)).has_value());
    EXPECT_TRUE(decode_rlp(rlp_list(Bytes(kRlpItemsMax - 1, 1))).has_value());
    EXPECT_FALSE(decode_rlp(rlp_list(Bytes(kRlpItemsMax, 1))).has_value());
}

TEST(Rlp, IntegersHaveNoLeadingZeros) {
    const std::vector<std::pair<std::uint64_t, std::string>> cases = {
        {0, "80"},      {1, "01"},         {0x7f, "7f"},
        {0x80, "8180"}, {0x100, "820100"}, {UINT64_MAX, "88ffffffffffffffff"}};
    for (const auto& [value, hex] : cases) {
        Bytes out;
        append_rlp_uint(out, value);
        EXPECT_EQ(to_hex(out), hex);
        EXPECT_EQ(*rlp_uint(*decode_rlp(out)), value);
    }
    for (const char* hex : {"00", "820001", "89010000000000000000", "c0"}) {
        const Bytes encoded = *from_hex(hex);
        EXPECT_FALSE(rlp_uint(*decode_rlp(encoded)).has_value()) << hex;
    }
}

TEST(Rlp, WideIntegersLoseTheirZeros) {
    Bytes out;
    append_rlp_integer(out, *from_hex("00000102"));
    append_rlp_integer(out, *from_hex("0000"));
    append_rlp_integer(out, {});
    EXPECT_EQ(to_hex(out), "8201028080");
}

TEST(Rlp, HashesAndAddressesHaveOneSize) {
    Bytes bytes;
    append_rlp(bytes, Bytes(31, 7));
    EXPECT_FALSE(rlp_hash(*decode_rlp(bytes)).has_value());
    EXPECT_FALSE(rlp_address(*decode_rlp(bytes)).has_value());
    EXPECT_FALSE(rlp_hash(*decode_rlp(rlp_list({}))).has_value());
}

}  // namespace
}  // namespace anchorlog::eth
