#include "anchorlog/eth/transaction.h"

#include "unit/eth/vectors.h"

namespace anchorlog::eth {
namespace {

Transaction fields_of(const nlohmann::json& v) {
    Transaction out;
    out.chain_id = vectors::number(v["chain_id"]);
    out.nonce = vectors::number(v["nonce"]);
    out.priority_fee = vectors::number(v["max_priority_fee"]);
    out.max_fee = vectors::number(v["max_fee"]);
    out.gas = vectors::number(v["gas"]);
    if (!v["to"].is_null()) out.to = *parse_address(v["to"].get<std::string>());
    out.value = vectors::number(v["value"]);
    out.data = vectors::bytes(v["data"]);
    return out;
}

TEST(Transaction, SignsTheBytesThatEthersSigns) {
    ASSERT_GE(vectors::all()["transactions"].size(), 200u);
    for (const auto& vector : vectors::all()["transactions"]) {
        const Transaction transaction = fields_of(vector);
        EXPECT_EQ(encode_unsigned(transaction), vectors::bytes(vector["unsigned"]));
        EXPECT_EQ(signing_hash(transaction), vectors::hash(vector["signing_hash"]));
        const auto signed_one = sign_transaction(transaction, *vectors::key(vector["key"]));
        ASSERT_TRUE(signed_one.has_value());
        EXPECT_EQ(to_hex(signed_one->raw), to_hex(vectors::bytes(vector["raw"])));
        EXPECT_EQ(signed_one->hash, vectors::hash(vector["hash"]));
    }
}

TEST(Transaction, ParsesWhatItSigned) {
    for (const auto& vector : vectors::all()["transactions"]) {
        const auto parsed = parse_transaction(vectors::bytes(vector["raw"]));
        ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
        EXPECT_EQ(parsed->fields, fields_of(vector));
        EXPECT_EQ(parsed->hash, vectors::hash(vector["hash"]));
        EXPECT_EQ(parsed->signature.r, vectors::hash(vector["r"]));
        EXPECT_EQ(parsed->signature.s, vectors::hash(vector["s"]));
        EXPECT_EQ(parsed->signature.y_parity, vector["y_parity"].get<int>());
    }
}

TEST(Transaction, RefusesOtherBytes) {
    const auto& vector = vectors::all()["transactions"][0];
    const Bytes raw = vectors::bytes(vector["raw"]);
    EXPECT_FALSE(parse_transaction({}).has_value());
    EXPECT_FALSE(parse_transaction(ByteView(raw).subspan(1)).has_value());
    EXPECT_FALSE(parse_transaction(vectors::bytes(vector["unsigned"])).has_value());
    Bytes longer = raw;
    longer.push_back(0);
    EXPECT_FALSE(parse_transaction(longer).has_value());
    Bytes legacy = raw;
    legacy[0] = 0x01;
    EXPECT_FALSE(parse_transaction(legacy).has_value());
}

}  // namespace
}  // namespace anchorlog::eth
