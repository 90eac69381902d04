#include "anchorlog/eth/log_anchor.h"

#include <map>

#include "unit/eth/vectors.h"

namespace anchorlog::eth {
namespace {

const nlohmann::json& contract() { return vectors::all()["contract"]; }

AnchoredEvent event_of(const nlohmann::json& vector) {
    const AnchorRecord r = vectors::record(vector["record"]);
    const BatchId from(vectors::number(vector["from_batch"]));
    return {r.log_id,       r.batch_id,   r.history_root, from,   r.merkle_root,
            r.sealed_at_ms, r.signer_key, r.sig_r,        r.sig_s};
}

Log log_of(const nlohmann::json& vector) {
    Log log;
    for (const auto& topic : vector["topics"]) log.topics.push_back(vectors::hash(topic));
    log.data = vectors::bytes(vector["data"]);
    return log;
}

TEST(LogAnchor, EncodesCallsAsEthersDoes) {
    ASSERT_FALSE(contract()["anchor_calls"].empty());
    for (const auto& vector : contract()["anchor_calls"]) {
        const AnchorRecord record = vectors::record(vector["record"]);
        EXPECT_EQ(to_hex(anchor_call(record)), to_hex(vectors::bytes(vector["data"])));
        EXPECT_EQ(record_hash(record), vectors::hash(vector["record_hash"]));
        const auto parsed = parse_anchor_call(vectors::bytes(vector["data"]));
        ASSERT_TRUE(parsed.has_value());
        EXPECT_EQ(*parsed, record);
    }
    std::map<std::string, nlohmann::json> calls;
    for (const auto& call : contract()["other_calls"]) calls[call["name"]] = call;
    const auto& record_of = calls["recordOf"];
    const Hash log_id = vectors::hash(record_of["args"][0]);
    EXPECT_EQ(record_of_call(log_id, BatchId(vectors::number(record_of["args"][1]))),
              vectors::bytes(record_of["data"]));
    EXPECT_EQ(head_call(log_id), vectors::bytes(calls["head"]["data"]));
    const auto submitter = parse_address(calls["createLog"]["args"][1].get<std::string>());
    EXPECT_EQ(create_log_call(log_id, *submitter), vectors::bytes(calls["createLog"]["data"]));
}

TEST(LogAnchor, RefusesMalformedCalls) {
    Bytes data = vectors::bytes(contract()["anchor_calls"][1]["data"]);
    EXPECT_FALSE(parse_anchor_call(ByteView(data).first(data.size() - 1)).has_value());
    EXPECT_FALSE(parse_anchor_call(ByteView(data).first(3)).has_value());
    Bytes other = data;
    other[0] ^= 1;
    EXPECT_FALSE(parse_anchor_call(other).has_value());
    data[4 + 32] = 1;  // above the uint64
    EXPECT_FALSE(parse_anchor_call(data).has_value());
}

TEST(LogAnchor, ReadsHeads) {
    for (const auto& vector : contract()["head_answers"]) {
        const Bytes data = vectors::bytes(vector["data"]);
        const auto head = parse_head_answer(data);
        ASSERT_TRUE(head.has_value());
        EXPECT_EQ(head->submitter, *parse_address(vector["submitter"].get<std::string>()));
        EXPECT_EQ(head->next_batch.value, vectors::number(vector["next_batch"]));
        EXPECT_EQ(head->frozen, vector["frozen"].get<bool>());
        for (const std::size_t dirty : {0u, 32u, 64u}) {
            Bytes bad = data;
            bad[dirty] = 1;
            EXPECT_FALSE(parse_head_answer(bad).has_value()) << dirty;
        }
        EXPECT_FALSE(parse_head_answer({}).has_value());  // what an address without code gives
    }
}

TEST(LogAnchor, ReadsAndWritesEvents) {
    EXPECT_EQ(anchored_topic(), vectors::hash(contract()["anchored_topic0"]));
    ASSERT_FALSE(contract()["events"].empty());
    for (const auto& vector : contract()["events"]) {
        const Log log = log_of(vector);
        const auto event = decode_anchored(log);
        ASSERT_TRUE(event.has_value()) << event.error().message;
        EXPECT_EQ(*event, event_of(vector));
        EXPECT_EQ(record_of_event(*event), vectors::record(vector["record"]));
        const Log written = encode_anchored({}, *event);
        EXPECT_EQ(written.topics, log.topics);
        EXPECT_EQ(written.data, log.data);
    }
}

TEST(LogAnchor, RefusesOtherEvents) {
    const Log good = log_of(contract()["events"][1]);
    Log log = good;
    log.topics[0].bytes[0] ^= 1;
    EXPECT_FALSE(decode_anchored(log).has_value());
    log = good;
    log.topics.pop_back();
    EXPECT_FALSE(decode_anchored(log).has_value());
    log = good;
    log.topics[2].bytes[0] = 1;
    EXPECT_FALSE(decode_anchored(log).has_value());
    log = good;
    log.data.push_back(0);
    EXPECT_FALSE(decode_anchored(log).has_value());
    log = good;
    log.data[0] = 1;
    EXPECT_FALSE(decode_anchored(log).has_value());
    EXPECT_FALSE(decode_anchored({}).has_value());
}

TEST(LogAnchor, NamesReverts) {
    for (const auto& vector : contract()["reverts"]) {
        const auto text = describe_revert(vectors::bytes(vector["data"]));
        ASSERT_TRUE(text.has_value()) << vector;
        EXPECT_TRUE(text->starts_with(vector["name"].get<std::string>() + "(")) << *text;
    }
    EXPECT_EQ(*describe_revert(vectors::bytes(contract()["reverts"][1]["data"])), "Covered(42)");
    Bytes text = *from_hex("08c379a0");
    append(text, Bytes(31, 0));
    text.push_back(32);
    append(text, Bytes(31, 0));
    text.push_back(3);
    append(text, as_bytes("n\no"));
    EXPECT_EQ(*describe_revert(text), "n?o");
    text.pop_back();
    EXPECT_FALSE(describe_revert(text).has_value());
    EXPECT_FALSE(describe_revert(*from_hex("21cd8d1f")).has_value());
    EXPECT_FALSE(describe_revert(*from_hex("deadbeef")).has_value());
    EXPECT_FALSE(describe_revert({}).has_value());
}

TEST(LogAnchor, SelectorsOfErrorsAreKnown) {
    for (const auto& [signature, selector] : contract()["errors"].items()) {
        Bytes data = vectors::bytes(selector);
        if (signature.find("()") == std::string::npos) data.resize(4 + 32);
        EXPECT_TRUE(describe_revert(data).has_value()) << signature;
    }
}

TEST(LogAnchor, CodeHashIsThePublishedOne) {
    EXPECT_EQ(log_anchor_code_hash(), vectors::hash(contract()["code_hash"]));
    EXPECT_FALSE(log_anchor_creation_code().empty());
}

}  // namespace
}  // namespace anchorlog::eth
