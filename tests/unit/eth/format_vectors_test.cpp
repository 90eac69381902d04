#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "anchorlog/eth/log_anchor.h"

// The chain record of tests/vectors/formats.json, which was made without this code.
namespace anchorlog::eth {
namespace {

using nlohmann::json;

std::string text(const json& value) { return value.get<std::string>(); }
Hash hash(const json& hex) { return *hash_from_hex(text(hex)); }

TEST(FormatVectors, TheRecordOfABatchOnTheChain) {
    std::ifstream file(std::string(ANCHORLOG_VECTORS) + "/formats.json");
    const json vectors = json::parse(file);
    const json& batch = vectors["log"]["batches"][1];
    const json& chain = vectors["chain"];
    const Bytes seal = *from_base64(text(batch["seal"]));
    const AnchorRecord record{hash(vectors["log_id"]),
                              BatchId(1),
                              hash(vectors["log"]["merkle_root"]),
                              hash(batch["history_root"]),
                              vectors["log"]["times"]["sealed_ms"].get<std::uint64_t>(),
                              hash(vectors["log_key"]["public"]),
                              *hash_from_bytes(ByteView(seal).first(Hash::kSize)),
                              *hash_from_bytes(ByteView(seal).subspan(Hash::kSize))};
    EXPECT_EQ(to_hex(anchor_call(record)), text(chain["call"]));
    EXPECT_EQ(to_hex(record_hash(record)), text(chain["record"]));

    Log log;
    const Bytes contract = *from_hex(text(chain["contract"]).substr(2));
    std::copy(contract.begin(), contract.end(), log.address.begin());
    for (const json& topic : chain["topics"]) log.topics.push_back(hash(topic));
    log.data = *from_hex(text(chain["data"]));
    const auto event = decode_anchored(log);
    ASSERT_TRUE(event);
    EXPECT_EQ(record_of_event(*event), record);
    EXPECT_EQ(event->from_batch, BatchId(0));
}

}  // namespace
}  // namespace anchorlog::eth
