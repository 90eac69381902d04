#include "net/chunk_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "anchorlog/crypto/ed25519.h"
#include "test_alerts.h"

namespace anchorlog::net {
namespace {

using anchorlog::testing::alert_json;
using anchorlog::testing::framed;
using ::testing::HasSubstr;

class ChunkReaderTest : public ::testing::Test {
protected:
    ChunkReaderTest() {
        std::array<std::uint8_t, 32> seed{};
        seed[0] = 1;
        signer_ = crypto::signer_from_seed(seed);
        auto registry = Registry::parse(
            R"({"senders":{"gw":{"state":"active","devices":{"cam-1":{},"cam-2":{"key":")" +
            to_hex(signer_->public_key()) + R"("}}}}})");
        registry_ = std::make_shared<const Registry>(std::move(registry).value());
        reader_ = std::make_unique<ChunkReader>(
            SessionSender{SessionId(7), "gw", {}, registry_, registry_->find("gw")}, parser_);
    }

    std::optional<Inbound> push(std::string_view bytes) { return reader_->push(as_bytes(bytes)); }

    // The only frame of a push, refused.
    wire::Refusal refusal_of(std::string_view bytes) {
        const auto inbound = push(bytes);
        if (!inbound || inbound->frames.size() != 1) return {};
        const auto* refusal = std::get_if<wire::Refusal>(&inbound->frames.front().content);
        return refusal == nullptr ? wire::Refusal{wire::RejectCode::busy, "accepted", {}}
                                  : *refusal;
    }

    std::unique_ptr<crypto::Signer> signer_;
    std::shared_ptr<const Registry> registry_;
    wire::AlertParser parser_;
    std::unique_ptr<ChunkReader> reader_;
};

TEST_F(ChunkReaderTest, HandsOutWhatOneReadBrought) {
    const std::string bytes = framed(alert_json("cam-1", 1)) + framed(alert_json("cam-1", 2)) +
                              framed(R"({"devices":["cam-1"],"protocol":1,"receipts":false,)"
                                     R"("type":"hello"})");
    const auto inbound = push(bytes);
    ASSERT_TRUE(inbound);
    EXPECT_EQ(inbound->session, SessionId(7));
    EXPECT_EQ(inbound->sender, "gw");
    EXPECT_FALSE(inbound->last);
    ASSERT_EQ(inbound->frames.size(), 3u);
    for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(inbound->frames[i].frame, i);
    const auto* alert = std::get_if<wire::Alert>(&inbound->frames[1].content);
    ASSERT_NE(alert, nullptr);
    EXPECT_EQ(alert->canonical.of(inbound->arena), alert_json("cam-1", 2));
    EXPECT_EQ(alert->seq_no, SeqNo(2));
    EXPECT_TRUE(std::holds_alternative<wire::Hello>(inbound->frames[2].content));
    EXPECT_TRUE(reader_->at_border());
}

TEST_F(ChunkReaderTest, AnUnfinishedFrameIsCountedWhenItIsWhole) {
    const std::string bytes = framed(alert_json("cam-1", 1, "", 1'000));
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
        ASSERT_FALSE(push(std::string_view(bytes).substr(i, 1)));
        ASSERT_FALSE(reader_->at_border());
    }
    const auto inbound = push(std::string_view(bytes).substr(bytes.size() - 1));
    ASSERT_TRUE(inbound);
    EXPECT_EQ(inbound->frames.size(), 1u);
    EXPECT_EQ(inbound->bytes, bytes.size());
}

TEST_F(ChunkReaderTest, TinyFramesWeighMoreThanTheirBytes) {
    const auto inbound = push(framed("1") + framed("2"));
    ASSERT_TRUE(inbound);
    EXPECT_EQ(inbound->bytes, 2 * kFrameCostMin);
    EXPECT_TRUE(inbound->arena.empty());
}

TEST_F(ChunkReaderTest, RefusesADeviceOfSomebodyElse) {
    const auto refusal = refusal_of(framed(alert_json("cam-9", 5)));
    EXPECT_EQ(refusal.code, wire::RejectCode::identity);
    ASSERT_TRUE(refusal.number);
    EXPECT_EQ(refusal.number->device_id, "cam-9");
    EXPECT_EQ(refusal.number->seq_no, SeqNo(5));
}

TEST_F(ChunkReaderTest, ChecksTheDeviceKeysSignature) {
    EXPECT_EQ(refusal_of(framed(alert_json("cam-2", 1))).code, wire::RejectCode::signature);

    const auto payload = wire::alert_signing_payload(alert_json("cam-2", 1));
    ASSERT_TRUE(payload);
    const auto signature = signer_->sign(*payload);
    ASSERT_TRUE(signature);
    const std::string sig = to_base64(*signature);
    const auto inbound = push(framed(alert_json("cam-2", 1, sig)));
    ASSERT_TRUE(inbound);
    EXPECT_TRUE(std::holds_alternative<wire::Alert>(inbound->frames.front().content));

    // The signature of another number.
    EXPECT_EQ(refusal_of(framed(alert_json("cam-2", 2, sig))).code, wire::RejectCode::signature);
}

TEST_F(ChunkReaderTest, RefusesASignatureWhereNoKeyIsRegistered) {
    const std::string sig = to_base64(Bytes(64, 1));
    const auto refusal = refusal_of(framed(alert_json("cam-1", 1, sig)));
    EXPECT_EQ(refusal.code, wire::RejectCode::schema);
    EXPECT_THAT(refusal.detail, HasSubstr("sig"));
}

TEST_F(ChunkReaderTest, LengthZeroEndsTheStream) {
    const auto inbound = push(framed(alert_json("cam-1", 1)) + std::string(4, '\0') + "junk");
    ASSERT_TRUE(inbound);
    ASSERT_EQ(inbound->frames.size(), 2u);
    const auto* refusal = std::get_if<wire::Refusal>(&inbound->frames.back().content);
    ASSERT_NE(refusal, nullptr);
    EXPECT_EQ(refusal->code, wire::RejectCode::malformed);
    EXPECT_EQ(inbound->frames.back().frame, 1u);
    EXPECT_TRUE(reader_->failed());
}

TEST_F(ChunkReaderTest, ALengthOverTheLimitEndsTheStreamAtOnce) {
    EXPECT_EQ(refusal_of(std::string("\x00\x01\x00\x01", 4)).code, wire::RejectCode::too_large);
    EXPECT_TRUE(reader_->failed());
}

TEST_F(ChunkReaderTest, BadContentDoesNotEndTheStream) {
    EXPECT_EQ(refusal_of(framed("{")).code, wire::RejectCode::malformed);
    EXPECT_EQ(refusal_of(framed("{}")).code, wire::RejectCode::schema);
    EXPECT_FALSE(reader_->failed());
    EXPECT_TRUE(push(framed(alert_json("cam-1", 1))));
}

TEST_F(ChunkReaderTest, AHelloAsksOnlyForDevicesOfItsSender) {
    const auto inbound =
        push(framed(R"({"devices":["cam-1","other","cam-2"],"protocol":1,"receipts":false,)"
                    R"("type":"hello"})"));
    ASSERT_TRUE(inbound);
    const auto* hello = std::get_if<wire::Hello>(&inbound->frames.front().content);
    ASSERT_NE(hello, nullptr);
    EXPECT_EQ(hello->devices, (std::vector<std::string>{"cam-1", "cam-2"}));
}

}  // namespace
}  // namespace anchorlog::net
