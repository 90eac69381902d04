#include "anchor/eth/rlp.h"
#include "anchorlog/eth/block_header.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/eth/receipt.h"
#include "anchorlog/eth/trie.h"
#include "unit/eth/vectors.h"

namespace anchorlog::eth {
namespace {

const nlohmann::json& blocks() { return vectors::all()["chain"]["blocks"]; }

BlockMember member_of(const nlohmann::json& block) {
    return [block](std::string_view name) -> std::optional<std::string> {
        const auto found = block.find(name);
        if (found == block.end() || found->is_null()) return std::nullopt;
        return found->get<std::string>();
    };
}

std::vector<Bytes> receipts_of(const nlohmann::json& block) {
    std::vector<Bytes> out;
    for (const auto& receipt : block["receipts"]) out.push_back(vectors::bytes(receipt));
    return out;
}

TEST(BlockHeader, IsBuiltFromTheNodesAnswer) {
    ASSERT_EQ(blocks().size(), 4u);
    for (const auto& block : blocks()) {
        const auto header = encode_block_header(member_of(block["rpc_block"]));
        ASSERT_TRUE(header.has_value()) << header.error().message;
        EXPECT_EQ(*header, vectors::bytes(block["header"]));
        EXPECT_EQ(crypto::keccak256(*header), vectors::hash(block["hash"]));
    }
}

TEST(BlockHeader, IsParsedBack) {
    for (const auto& block : blocks()) {
        const auto header = parse_block_header(vectors::bytes(block["header"]));
        ASSERT_TRUE(header.has_value()) << header.error().message;
        EXPECT_EQ(header->receipts_root, vectors::hash(block["receipts_root"]));
        EXPECT_EQ(header->number, vectors::number(block["rpc_block"]["number"]));
        EXPECT_EQ(header->timestamp_s, vectors::number(block["rpc_block"]["timestamp"]));
        EXPECT_EQ(header->parent_hash, vectors::hash(block["rpc_block"]["parentHash"]));
        EXPECT_EQ(header->transactions_root, vectors::hash(block["rpc_block"]["transactionsRoot"]));
    }
}

TEST(BlockHeader, OlderForksHaveFewerFields) {
    nlohmann::json block = blocks()[0]["rpc_block"];
    block.erase("withdrawalsRoot");
    block["baseFeePerGas"] = nullptr;
    const auto header = encode_block_header(member_of(block));
    ASSERT_TRUE(header.has_value());
    EXPECT_TRUE(parse_block_header(*header).has_value());
    block.erase("mixHash");
    EXPECT_FALSE(encode_block_header(member_of(block)).has_value());
}

TEST(BlockHeader, RefusesMalformedMembers) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"parentHash", "0x00"}, {"number", "0x"},     {"number", "12"},
        {"gasUsed", "0xzz"},    {"miner", ""},        {"timestamp", "0x112233445566778899"},
        {"nonce", "0x0"},       {"logsBloom", "0x00"}};
    for (const auto& [name, text] : cases) {
        nlohmann::json block = blocks()[0]["rpc_block"];
        block[name] = text;
        EXPECT_FALSE(encode_block_header(member_of(block)).has_value()) << name << " " << text;
    }
    EXPECT_FALSE(parse_block_header({}).has_value());
    EXPECT_FALSE(parse_block_header(Bytes{0xc0}).has_value());
    EXPECT_FALSE(parse_block_header(rlp_list(Bytes(15, 0xc0))).has_value());
    EXPECT_FALSE(parse_block_header(rlp_list(Bytes(15, 0x80))).has_value());
}

TEST(Receipt, RoundTripsAndHoldsOurEvent) {
    const auto contract = *parse_address(vectors::all()["chain"]["contract"].get<std::string>());
    const Hash log_id = vectors::hash(vectors::all()["chain"]["log_id"]);
    std::size_t events = 0;
    for (const auto& block : blocks()) {
        const auto receipts = receipts_of(block);
        for (std::size_t i = 0; i < receipts.size(); ++i) {
            const auto receipt = parse_receipt(receipts[i]);
            ASSERT_TRUE(receipt.has_value()) << receipt.error().message;
            EXPECT_TRUE(receipt->succeeded);
            EXPECT_EQ(encode_receipt(*receipt), receipts[i]);
            ASSERT_EQ(receipt->logs.size(), i % 7 == 0 ? 1u : 0u);
            if (receipt->logs.empty()) continue;
            EXPECT_EQ(receipt->logs[0].address, contract);
            const auto event = decode_anchored(receipt->logs[0]);
            ASSERT_TRUE(event.has_value());
            EXPECT_EQ(event->log_id, log_id);
            EXPECT_EQ(event->batch_id.value, 2 * events++);
        }
    }
}

TEST(Receipt, RefusesOtherBytes) {
    const Bytes good = receipts_of(blocks()[0])[0];
    EXPECT_FALSE(parse_receipt({}).has_value());
    EXPECT_FALSE(parse_receipt(ByteView(good).first(good.size() - 1)).has_value());
    Bytes zero_type = good;
    zero_type[0] = 0;
    EXPECT_FALSE(parse_receipt(zero_type).has_value());
    Receipt receipt = *parse_receipt(good);
    receipt.type = 0;
    EXPECT_EQ(encode_receipt(*parse_receipt(encode_receipt(receipt))), encode_receipt(receipt));
    receipt.logs[0].topics.resize(kTopicsMax + 1);
    EXPECT_FALSE(parse_receipt(encode_receipt(receipt)).has_value());
}

TEST(Receipt, OnlyDepositsHaveMoreParts) {
    Receipt receipt = *parse_receipt(receipts_of(blocks()[0])[0]);
    receipt.deposit = {7, 1};
    EXPECT_FALSE(parse_receipt(encode_receipt(receipt)).has_value());
    receipt.type = kDepositType;
    EXPECT_EQ(parse_receipt(encode_receipt(receipt))->deposit, receipt.deposit);
    receipt.deposit.push_back(1);
    EXPECT_FALSE(parse_receipt(encode_receipt(receipt)).has_value());
}

TEST(Trie, GivesTheReceiptsRootAndTheSameProofs) {
    for (const auto& block : blocks()) {
        const auto receipts = receipts_of(block);
        EXPECT_EQ(list_trie_root(receipts), vectors::hash(block["receipts_root"]));
        for (const auto& vector : block["proofs"]) {
            const auto index = vector["index"].get<std::size_t>();
            const auto proof = list_trie_proof(receipts, index);
            ASSERT_TRUE(proof.has_value());
            EXPECT_EQ(proof->root, vectors::hash(block["receipts_root"]));
            ASSERT_EQ(proof->path.size(), vector["nodes"].size());
            for (std::size_t i = 0; i < proof->path.size(); ++i) {
                EXPECT_EQ(proof->path[i], vectors::bytes(vector["nodes"][i]));
            }
            const auto value =
                verify_trie_proof(proof->root, vectors::bytes(vector["key"]), proof->path);
            ASSERT_TRUE(value.has_value()) << value.error().message;
            EXPECT_EQ(*value, receipts[index]);
        }
    }
}

TEST(Trie, EveryProofVerifiesAtItsIndexOnly) {
    const auto receipts = receipts_of(blocks()[3]);
    for (std::size_t i = 0; i < receipts.size(); ++i) {
        const auto proof = list_trie_proof(receipts, i);
        EXPECT_EQ(*verify_list_proof(proof->root, i, proof->path), receipts[i]);
        EXPECT_FALSE(verify_list_proof(proof->root, i + 1, proof->path).has_value());
    }
    EXPECT_FALSE(list_trie_proof(receipts, receipts.size()).has_value());
}

TEST(Trie, EmbedsSmallNodes) {
    for (const std::size_t count : {1u, 2u, 3u, 16u, 17u, 130u, 300u}) {
        std::vector<Bytes> values;
        for (std::size_t i = 0; i < count; ++i) {
            values.push_back(i % 3 == 0 ? Bytes(40, static_cast<std::uint8_t>(i))
                                        : Bytes{static_cast<std::uint8_t>(i | 1)});
        }
        for (std::size_t i = 0; i < count; ++i) {
            const auto proof = list_trie_proof(values, i);
            const auto value = verify_list_proof(proof->root, i, proof->path);
            ASSERT_TRUE(value.has_value()) << count << " " << i << " " << value.error().message;
            EXPECT_EQ(*value, values[i]);
        }
    }
    EXPECT_EQ(to_hex(list_trie_root({})),
              "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
}

TEST(Trie, RefusesTamperedProofs) {
    const auto receipts = receipts_of(blocks()[2]);
    const auto proof = *list_trie_proof(receipts, 14);
    for (std::size_t node = 0; node < proof.path.size(); ++node) {
        for (std::size_t at = 0; at < proof.path[node].size(); ++at) {
            auto path = proof.path;
            path[node][at] ^= 0x01;
            EXPECT_FALSE(verify_list_proof(proof.root, 14, path).has_value());
        }
    }
    auto path = proof.path;
    path.pop_back();
    EXPECT_FALSE(verify_list_proof(proof.root, 14, path).has_value());
    path = proof.path;
    path.push_back(path.back());
    EXPECT_FALSE(verify_list_proof(proof.root, 14, path).has_value());
    path = proof.path;
    std::swap(path[0], path[1]);
    EXPECT_FALSE(verify_list_proof(proof.root, 14, path).has_value());
    EXPECT_FALSE(verify_list_proof({}, 14, proof.path).has_value());
    EXPECT_FALSE(verify_list_proof(proof.root, 14, {}).has_value());
    EXPECT_FALSE(verify_trie_proof(proof.root, {}, proof.path).has_value());
    const std::vector<Bytes> many(kTriePathNodesMax + 1, proof.path[0]);
    EXPECT_FALSE(verify_list_proof(proof.root, 14, many).has_value());
}

TEST(Trie, RefusesNodesThatAreNotInTheirOnlyForm) {
    const auto refused = [](const std::string& hex, const std::string& key) {
        const Bytes node = *from_hex(hex);
        const auto value = verify_trie_proof(crypto::keccak256(node), *from_hex(key), {node});
        EXPECT_FALSE(value.has_value()) << hex;
    };
    refused("80", "01");  // the empty trie
    refused("c0", "01");  // a list of nothing
    refused(
        "c3820001"
        "01",
        "01");  // bytes behind a node
    refused(
        "c4824001"
        "01",
        "01");  // unknown flags
    refused(
        "c4822f01"
        "01",
        "01");                      // padding that is not zero
    refused("c58220018101", "01");  // a value that is not minimal
    refused("c482200180", "01");    // a leaf without a value
}

}  // namespace
}  // namespace anchorlog::eth
