#include "anchorlog/crypto/timestamp.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "anchorlog/crypto/sha256.h"
#include "support/sim_tsa.h"

namespace anchorlog::crypto {
namespace {

using testing::SimTsa;

constexpr WallTime kNow{1'767'225'600'123};  // 2026-01-01T00:00:00.123Z
constexpr std::int64_t kDayMs = 86'400'000;

Hash imprint() { return sha256(as_bytes("a checkpoint")); }

void expect_refused(const Result<Timestamp>& result, const std::string& why) {
    ASSERT_FALSE(result.has_value());
    EXPECT_NE(result.error().message.find(why), std::string::npos) << result.error().message;
}

TEST(Timestamp, AnAnswerToOurRequestVerifies) {
    const SimTsa tsa("Clock House");
    const TimestampRequest request = make_timestamp_request(imprint());
    const auto token = read_timestamp_reply(tsa.reply(request.der, kNow), request);
    ASSERT_TRUE(token.has_value()) << token.error().message;
    const auto checked = verify_timestamp(*token, imprint(), {tsa.ca()}, kNow);
    ASSERT_TRUE(checked.has_value()) << checked.error().message;
    EXPECT_EQ(checked->at.ms, kNow.ms / 1'000 * 1'000);
    EXPECT_EQ(checked->signer, "CN=Clock House");
    EXPECT_EQ(read_timestamp(*token, imprint())->signer, "CN=Clock House");
    EXPECT_NE(make_timestamp_request(imprint()).nonce, request.nonce);
}

TEST(Timestamp, AnotherNonceImprintOrStatusIsNoAnswer) {
    const SimTsa tsa("Clock House");
    const TimestampRequest request = make_timestamp_request(imprint());
    const auto refused = [&](const Bytes& reply, const std::string& why) {
        const auto token = read_timestamp_reply(reply, request);
        ASSERT_FALSE(token.has_value());
        EXPECT_NE(token.error().message.find(why), std::string::npos) << token.error().message;
    };
    refused(tsa.reply(make_timestamp_request(imprint()).der, kNow), "its nonce is not ours");
    TimestampRequest other = make_timestamp_request(sha256(as_bytes("another")));
    refused(tsa.reply(other.der, kNow), "over another imprint");
    Bytes modified = tsa.reply(request.der, kNow);
    const Bytes granted{0x02, 0x01, 0x00};
    const auto status =
        std::search(modified.begin(), modified.end(), granted.begin(), granted.end());
    *(status + 2) = 1;
    refused(modified, "status 1");
    refused({0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02}, "status 2");
    refused({0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00}, "no TimeStampResp");
    Bytes longer = tsa.reply(request.der, kNow);
    longer.push_back(0);
    refused(longer, "no TimeStampResp");
    const std::string html = "<html>502 Bad Gateway</html>";
    refused(Bytes(html.begin(), html.end()), "no TimeStampResp");
    refused({}, "size");
    refused(Bytes(70'000, 0x30), "size");
}

TEST(Timestamp, AForeignOrExpiredSignerIsNotTrusted) {
    const SimTsa tsa("Clock House");
    const SimTsa stranger("Clock House");  // the same names, other keys
    const Bytes token = tsa.token(imprint(), kNow);
    expect_refused(verify_timestamp(token, imprint(), {stranger.ca()}), "not signed by a trusted");
    expect_refused(verify_timestamp(token, imprint(), {}), "no authority is trusted");
    EXPECT_TRUE(verify_timestamp(token, imprint(), {stranger.ca(), tsa.ca()}).has_value());
    const SimTsa expired("Clock House", {{kNow.ms - 10 * kDayMs}, {kNow.ms - kDayMs}, ""});
    expect_refused(verify_timestamp(expired.token(imprint(), kNow), imprint(), {expired.ca()}),
                   "expired");
    // It may say that it is yesterday: then the token verifies, and is still not taken today.
    const Bytes backdated = expired.token(imprint(), {kNow.ms - 2 * kDayMs});
    EXPECT_TRUE(verify_timestamp(backdated, imprint(), {expired.ca()}).has_value());
    expect_refused(verify_timestamp(backdated, imprint(), {expired.ca()}, kNow), "expired");
}

TEST(Timestamp, ATokenOutlivesItsCertificate) {
    const SimTsa tsa("Clock House", {{kNow.ms - kDayMs}, {kNow.ms + kDayMs}, ""});
    const Bytes token = tsa.token(imprint(), kNow);
    // Whatever the clock of the machine that runs this says: the token's own time counts.
    EXPECT_TRUE(verify_timestamp(token, imprint(), {tsa.ca()}).has_value());
    expect_refused(
        verify_timestamp(token, imprint(), {tsa.ca()}, WallTime{kNow.ms + 3'650 * kDayMs}),
        "expired");
}

TEST(Timestamp, OnlyACertificateForTimeStampingMayStamp) {
    for (const char* usage : {"serverAuth", "timeStamping", "critical,timeStamping,serverAuth"}) {
        SimTsa::Options options;
        options.swapped_usage = usage;
        const SimTsa tsa("Clock House", options);
        const Bytes token = tsa.token(imprint(), kNow);
        expect_refused(verify_timestamp(token, imprint(), {tsa.ca()}), "not signed by a trusted");
    }
}

TEST(Timestamp, AChangedTokenProvesNothing) {
    const SimTsa tsa("Clock House");
    const Bytes token = tsa.token(imprint(), kNow);
    expect_refused(read_timestamp(token, sha256(as_bytes("another"))), "another imprint");
    std::size_t taken = 0;
    for (std::size_t at = 0; at < token.size(); at += 3) {
        Bytes changed = token;
        changed[at] ^= 1;
        const auto checked = verify_timestamp(changed, imprint(), {tsa.ca()});
        // What is not signed (the token's outer shell) may change, what it says may not.
        if (!checked) continue;
        ++taken;
        EXPECT_EQ(checked->at.ms, kNow.ms / 1'000 * 1'000) << at;
        EXPECT_EQ(checked->signer, "CN=Clock House") << at;
    }
    EXPECT_LT(taken, token.size() / 60);
    for (std::size_t size = 0; size < token.size(); ++size) {
        EXPECT_FALSE(read_timestamp(ByteView(token).first(size), imprint()).has_value()) << size;
    }
}

TEST(Timestamp, CertificatesAreReadFromPem) {
    EXPECT_FALSE(certificates_from_pem("").has_value());
    EXPECT_FALSE(certificates_from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n").has_value());
    const SimTsa tsa("Clock House");
    EXPECT_EQ(*certificate_subject(tsa.ca()), "CN=Clock House CA");
    const std::string pem =
        "-----BEGIN CERTIFICATE-----\n" + to_base64(tsa.ca()) + "\n-----END CERTIFICATE-----\n";
    const auto read = certificates_from_pem(pem + pem);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, (TrustedCertificates{tsa.ca(), tsa.ca()}));
}

}  // namespace
}  // namespace anchorlog::crypto
