#include "anchor/rpc_client.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/eth/trie.h"

namespace anchorlog::anchor {
namespace {

using nlohmann::json;

// A node whose answers the test makes.
class ScriptedPost final : public HttpPost {
public:
    // Gives the answer to a request; the id is put in unless the answer has one.
    using Script = std::function<json(const std::string& method, const json& params)>;
    explicit ScriptedPost(Script script) : script_(std::move(script)) {}

    Result<HttpAnswer> post(const std::string& body) override {
        const json request = json::parse(body);
        EXPECT_EQ(request["jsonrpc"], "2.0");
        json answer = script_(request["method"], request["params"]);
        if (answer.contains("http")) {
            return HttpAnswer{answer["http"].get<long>(), answer["body"].get<std::string>()};
        }
        answer["jsonrpc"] = "2.0";
        if (!answer.contains("id")) answer["id"] = request["id"];
        return HttpAnswer{200, answer.dump()};
    }
    void abort() override {}
    const std::string& endpoint() const override { return endpoint_; }

private:
    Script script_;
    std::string endpoint_ = "http://node";
};

std::unique_ptr<ChainClient> client(ScriptedPost::Script script) {
    return make_rpc_client_over(std::make_unique<ScriptedPost>(std::move(script)));
}
std::unique_ptr<ChainClient> always(json answer) {
    return client([answer](const std::string&, const json&) { return answer; });
}

const json& blocks() {
    static const json vectors = [] {
        std::ifstream file(std::string(ANCHORLOG_VECTORS) + "/eth.json");
        return json::parse(file)["chain"]["blocks"];
    }();
    return vectors;
}

TEST(RpcClient, ReadsQuantitiesStrictly) {
    EXPECT_EQ(*always({{"result", "0x0"}})->chain_id(), 0u);
    EXPECT_EQ(*always({{"result", "0x539"}})->chain_id(), 1337u);
    EXPECT_EQ(*always({{"result", "0xffffffffffffffff"}})->head_number(), UINT64_MAX);
    for (const json& bad :
         {json("0x"), json("0x00"), json("539"), json("0xFF"), json(1337), json(nullptr),
          json("0x10000000000000000"), json("0x5 "), json(json::array())}) {
        EXPECT_FALSE(always({{"result", bad}})->chain_id().has_value()) << bad;
    }
}

// Copying or freeing a value nested so deeply would use up the thread's stack.
TEST(RpcClient, RefusesDeepNesting) {
    constexpr std::size_t kLevels = 1'000'000;
    const std::string deep = std::string(kLevels, '[') + std::string(kLevels, ']');
    for (const std::string& body :
         {deep, R"({"jsonrpc":"2.0","id":1,"result":{"hash":)" + deep + "}}",
          R"({"jsonrpc":"2.0","id":)" + deep + R"(,"result":"0x1"})",
          R"({"jsonrpc":"2.0","id":1,"error":{"data":)" + deep + "}}"}) {
        const auto node = always({{"http", 200}, {"body", body}});
        const auto hash = node->genesis_hash();
        ASSERT_FALSE(hash.has_value());
        EXPECT_EQ(hash.error().code, Errc::unavailable);
    }
    const std::string brackets = "\"" + std::string(1'000, '[') + "\\\"[\"";
    const auto node =
        always({{"http", 200}, {"body", R"({"id":1,"result":{"hash":)" + brackets + "}}"}});
    EXPECT_EQ(node->genesis_hash().error().code, Errc::invalid_input) << "brackets in a string";
}

TEST(RpcClient, RefusesAnswersThatAreNotTheOnesAskedFor) {
    const json good = {{"result", "0x1"}};
    for (json bad : {json{{"id", 999}}, json{{"id", "1"}}, json{{"id", nullptr}}}) {
        bad["result"] = "0x1";
        const auto answer = always(bad)->chain_id();
        ASSERT_FALSE(answer.has_value());
        EXPECT_EQ(answer.error().code, Errc::unavailable);
    }
    EXPECT_FALSE(always(json::object())->chain_id().has_value());
    for (const char* body : {"", "[]", "null", "<html>", "{\"result\":"}) {
        const auto answer = always({{"http", 200}, {"body", body}})->chain_id();
        ASSERT_FALSE(answer.has_value()) << body;
        EXPECT_EQ(answer.error().code, Errc::unavailable);
        EXPECT_NE(answer.error().message.find("http://node: eth_chainId"), std::string::npos);
    }
}

TEST(RpcClient, TooManyRequestsIsAWishToBeLeftAlone) {
    const auto limited = always({{"http", 429}, {"body", ""}});
    EXPECT_FALSE(limited->chain_id().has_value());
    EXPECT_EQ(limited->retry_after_ms(), 500);
    const auto broken = always({{"http", 502}, {"body", ""}});
    EXPECT_FALSE(broken->chain_id().has_value());
    EXPECT_EQ(broken->retry_after_ms(), 0);
}

TEST(RpcClient, ABusyNodeIsUnavailableAndARevertIsRefused) {
    EXPECT_EQ(always({{"http", 429}, {"body", ""}})->chain_id().error().code, Errc::unavailable);
    EXPECT_EQ(always({{"http", 502}, {"body", "<html>"}})->chain_id().error().code,
              Errc::unavailable);
    const json limited = {{"error", {{"code", -32005}, {"message", "limit"}}}};
    EXPECT_EQ(always(limited)->chain_id().error().code, Errc::unavailable);
    // geth and anvil, then Ganache's eth_estimateGas.
    const std::string conflict = "0x6878792c" + std::string(64, 'a');
    for (const json& data : {json(conflict), json{{"result", conflict}, {"hash", nullptr}}}) {
        const json reverted = {
            {"error", {{"code", 3}, {"message", "execution reverted"}, {"data", data}}}};
        const auto answer = always(reverted)->estimate_gas({}, nullptr, {});
        ASSERT_FALSE(answer.has_value());
        EXPECT_EQ(answer.error().code, Errc::refused);
        EXPECT_NE(answer.error().message.find("Conflict(0xaaaa"), std::string::npos);
    }
}

TEST(RpcClient, ClassifiesSends) {
    const Bytes raw = {1, 2, 3};
    const json hash = "0xf1885eda54b7a053318cd41e2093220dab15d65381b1157a3633a83bfd5c9239";
    EXPECT_EQ(always({{"result", hash}})->send_raw(raw)->kind, SendClass::accepted);
    EXPECT_EQ(always({{"result", "0x" + std::string(64, '0')}})->send_raw(raw)->kind,
              SendClass::unknown);
    EXPECT_EQ(always({{"result", true}})->send_raw(raw)->kind, SendClass::unknown);
    const json known = {{"error", {{"code", -32000}, {"message", "already known"}}}};
    EXPECT_EQ(always(known)->send_raw(raw)->kind, SendClass::known);
    EXPECT_EQ(always({{"http", 429}, {"body", "slow down"}})->send_raw(raw)->kind,
              SendClass::rate_limited);
    EXPECT_EQ(always({{"http", 503}, {"body", ""}})->send_raw(raw)->kind, SendClass::busy);
    const json odd = {{"error", {{"code", "x"}, {"message", 7}}}};
    EXPECT_EQ(always(odd)->send_raw(raw)->kind, SendClass::unknown);
}

TEST(RpcClient, BlocksMustHashToTheirHash) {
    for (const json& vector : blocks()) {
        json block = vector["rpc_block"];
        const auto number = std::stoull(block["number"].get<std::string>(), nullptr, 16);
        const auto read = always({{"result", block}})->block(number);
        ASSERT_TRUE(read.has_value()) << read.error().message;
        EXPECT_EQ("0x" + to_hex((*read)->header), vector["header"].get<std::string>());
        EXPECT_FALSE(always({{"result", block}})->block(number + 1).has_value());
        block["gasUsed"] = "0x1";
        EXPECT_FALSE(always({{"result", block}})->block(number).has_value());
    }
    EXPECT_EQ(*always({{"result", nullptr}})->block(7), std::nullopt);
}

TEST(RpcClient, MakesReceiptsAsTheTrieHoldsThem) {
    for (const json& vector : blocks()) {
        const json& receipt = vector["rpc_receipt"];
        const Hash hash = *hash_from_hex(receipt["transactionHash"].get<std::string>().substr(2));
        const auto read = always({{"result", receipt}})->receipt(hash);
        ASSERT_TRUE(read.has_value()) << read.error().message;
        EXPECT_EQ("0x" + to_hex((*read)->encoded), vector["receipts"][0].get<std::string>());
        EXPECT_FALSE(always({{"result", receipt}})->receipt(Hash{}).has_value());
        for (const char* name : {"status", "blockHash", "logs", "logsBloom", "transactionIndex"}) {
            json bad = receipt;
            bad.erase(name);
            EXPECT_FALSE(always({{"result", bad}})->receipt(hash).has_value()) << name;
        }
    }
    EXPECT_EQ(*always({{"result", nullptr}})->receipt({}), std::nullopt);
}

TEST(RpcClient, FallsBackToReceiptsOneByOne) {
    const json& vector = blocks()[0];
    const json& receipt = vector["rpc_receipt"];
    int asked_for_all = 0;
    const auto node = client([&](const std::string& method, const json&) -> json {
        if (method == "eth_getBlockReceipts") {
            ++asked_for_all;
            return {{"error",
                     {{"code", -32700},
                      {"message",
                       "The method eth_getBlockReceipts does not exist/is "
                       "not available"}}}};
        }
        return {{"result", method == "eth_getBlockByHash" ? vector["rpc_block"] : receipt}};
    });
    const Hash hash = *hash_from_hex(vector["hash"].get<std::string>().substr(2));
    for (int i = 0; i < 2; ++i) {
        const auto receipts = node->receipts(hash);
        ASSERT_TRUE(receipts.has_value()) << receipts.error().message;
        ASSERT_EQ(receipts->size(), 1u);
        EXPECT_EQ("0x" + to_hex(eth::list_trie_root({(*receipts)[0].encoded})),
                  vector["receipts_root"].get<std::string>());
    }
    EXPECT_EQ(asked_for_all, 1);
    EXPECT_FALSE(always({{"result", json::array({receipt})}})->receipts(Hash{}).has_value());
}

TEST(RpcClient, ReadsTheContract) {
    const std::string word(62, '0');
    EXPECT_EQ((*always({{"result", "0x" + word + "01"}})->record_of({}, {}, BatchId(1))).bytes[31],
              1);
    // What a node says about an address without code.
    EXPECT_FALSE(always({{"result", "0x"}})->record_of({}, {}, BatchId(1)).has_value());
    EXPECT_FALSE(always({{"result", "0x"}})->log_head({}, {}).has_value());
}

TEST(RpcClient, IgnoresEventsNobodyAskedFor) {
    const json& receipt = blocks()[1]["rpc_receipt"];
    const json answer = {{"result", receipt["logs"]}};
    const auto contract = *eth::parse_address(receipt["logs"][0]["address"].get<std::string>());
    const Hash log_id =
        *hash_from_hex(receipt["logs"][0]["topics"][1].get<std::string>().substr(2));
    EXPECT_EQ(always(answer)->anchored_events(contract, log_id, 0, 9)->size(), 1u);
    EXPECT_TRUE(always(answer)->anchored_events(contract, Hash{}, 0, 9)->empty());
    EXPECT_TRUE(always(answer)->anchored_events({}, log_id, 0, 9)->empty());
}

TEST(RpcClient, WritesBalancesInDecimal) {
    EXPECT_EQ(*always({{"result", "0x0"}})->balance_wei({}), "0");
    EXPECT_EQ(*always({{"result", "0xde0b6b3a7640000"}})->balance_wei({}), "1000000000000000000");
    EXPECT_EQ(*always({{"result", "0x" + std::string(64, 'f')}})->balance_wei({}),
              "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    EXPECT_FALSE(always({{"result", "0x" + std::string(65, 'f')}})->balance_wei({}).has_value());
}

TEST(RpcClient, FeesAreTipAndTwiceTheBase) {
    const auto node = client([&](const std::string& method, const json&) -> json {
        if (method == "eth_maxPriorityFeePerGas") return {{"result", "0x5"}};
        return {{"result", {{"baseFeePerGas", "0x64"}}}};
    });
    EXPECT_EQ(node->fees()->max_fee, 205u);
    EXPECT_EQ(node->fees()->priority_fee, 5u);
}

TEST(RpcClient, NoFinalizedBlockYet) {
    const json none = {{"error", {{"code", -39001}, {"message", "finalized block not found"}}}};
    EXPECT_EQ(*always(none)->tagged_number("finalized"), std::nullopt);
    EXPECT_EQ(*always({{"result", {{"number", "0x7"}}}})->tagged_number("safe"), 7u);
}

TEST(HttpPost, EndpointsHideSecrets) {
    EXPECT_EQ(endpoint_of("https://user:pw@rpc.example:8545/v3/token?k=1"),
              "https://rpc.example:8545");
    EXPECT_EQ(endpoint_of("http://127.0.0.1:8545"), "http://127.0.0.1:8545");
    EXPECT_EQ(endpoint_of("nonsense"), "(malformed URL)");
}

TEST(HttpPost, OnlyHttpIsSpoken) {
    for (const char* url : {"file:///etc/hostname", "ftp://127.0.0.1/", "nonsense:", ""}) {
        RpcOptions options;
        options.url = url;
        const auto answer = make_rpc_client(options)->chain_id();
        ASSERT_FALSE(answer.has_value()) << url;
        EXPECT_EQ(answer.error().code, Errc::unavailable);
    }
}

TEST(HttpPost, NothingIsAskedAfterAbort) {
    RpcOptions options;
    options.url = "http://127.0.0.1:1";
    const auto node = make_rpc_client(options);
    node->abort();
    const auto answer = node->chain_id();
    ASSERT_FALSE(answer.has_value());
    EXPECT_NE(answer.error().message.find("stopping"), std::string::npos);
}

}  // namespace
}  // namespace anchorlog::anchor
