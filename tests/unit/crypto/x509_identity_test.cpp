#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <algorithm>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/crypto/x509.h"
#include "support/sim_clock.h"

namespace anchorlog::crypto {
namespace {

using ::testing::HasSubstr;

Bytes der_of(const std::string& pem) {
    std::string body;
    for (std::size_t at = pem.find('\n') + 1; at < pem.rfind("-----END");) {
        const std::size_t end = pem.find('\n', at);
        body += pem.substr(at, end - at);
        at = end + 1;
    }
    return *from_base64(body);
}

class Identity : public ::testing::Test {
protected:
    Bytes issue(const std::string& uri, std::vector<std::string> dns = {}) {
        CertificateRequest request;
        request.common_name = "sender";
        request.uri = uri;
        request.dns_names = std::move(dns);
        const auto issued = issue_certificate(ca_, request, now_);
        EXPECT_TRUE(issued) << issued.error().message;
        return der_of(issued->certificate_pem);
    }
    // Puts other bytes of the same length into the DER; who reads an identity from it does not
    // check the signature.
    static Bytes patched(Bytes der, std::string_view from, std::string_view to) {
        const ByteView pattern = as_bytes(from);
        const auto at = std::search(der.begin(), der.end(), pattern.begin(), pattern.end());
        EXPECT_NE(at, der.end());
        std::copy_n(as_bytes(to).begin(), to.size(), at);
        return der;
    }
    static void expect_refused(ByteView der, const std::string& why) {
        const auto identity = identity_from_der(der);
        ASSERT_FALSE(identity) << why;
        EXPECT_EQ(identity.error().code, Errc::invalid_input);
        EXPECT_THAT(identity.error().message, HasSubstr(why));
        EXPECT_EQ(ERR_peek_error(), 0UL);
    }

    const Now now_ = testing::SimClock().now();
    const CertifiedKey ca_ = *make_ca("test CA", 365, now_);
};

TEST_F(Identity, NameAndFingerprint) {
    const Bytes der = issue("urn:anchorlog:sender:gw-01", {"gw-01.example"});
    const auto identity = identity_from_der(der);
    ASSERT_TRUE(identity) << identity.error().message;
    EXPECT_EQ(identity->sender, "gw-01");
    EXPECT_EQ(to_hex(identity->fingerprint), to_hex(sha256(der)).substr(0, 32));
    const std::string longest = "A-Z._:" + std::string(58, '9');
    EXPECT_EQ(identity_from_der(issue("urn:anchorlog:sender:" + longest))->sender, longest);
}

TEST_F(Identity, UrisThatNameNoSender) {
    expect_refused(issue(""), "subjectAltName");
    expect_refused(issue("", {"gw.example"}), "no SAN URI");
    expect_refused(issue("urn:anchorlog:daemon"), "does not start with");
    expect_refused(issue("URN:anchorlog:sender:gw"), "does not start with");
    expect_refused(issue("urn:anchorlog:Sender:gw"), "does not start with");
    expect_refused(issue("xurn:anchorlog:sender:gw"), "does not start with");
    expect_refused(issue("urn:anchorlog:sender:"), "sender name");
    expect_refused(issue("urn:anchorlog:sender:a/b"), "sender name");
    expect_refused(issue("urn:anchorlog:sender:a*"), "sender name");
    expect_refused(issue("urn:anchorlog:sender:" + std::string(65, 'a')), "sender name");
}

TEST_F(Identity, EmbeddedNulsAreRefused) {
    const Bytes der = issue("urn:anchorlog:sender:gw-01.evil");
    expect_refused(patched(der, "gw-01.evil", std::string_view("gw-01\0evil", 10)), "sender name");
    expect_refused(patched(der, "gw-01.evil", std::string_view("gw-01.evi\0", 10)), "sender name");
    const std::string_view cut_prefix("urn\0anchorlog:sender", 20);
    expect_refused(patched(der, "urn:anchorlog:sender", cut_prefix), "does not start with");
}

TEST_F(Identity, TwoUrisAreRefused) {
    // A DNS name is tag [2], a URI tag [6]: turning one into the other gives a second URI.
    const Bytes der = issue("urn:anchorlog:sender:gw", {"other.example"});
    ASSERT_TRUE(identity_from_der(der));
    expect_refused(patched(der, "\x82\x0dother", "\x86\x0dother"), "more than one SAN URI");
}

TEST_F(Identity, NotACertificate) {
    const Bytes der = issue("urn:anchorlog:sender:gw");
    expect_refused({}, "size");
    expect_refused(as_bytes("hello"), "not X.509");
    expect_refused(ByteView(der).first(der.size() - 1), "not X.509");
    Bytes longer = der;
    longer.push_back(0);
    expect_refused(longer, "bytes follow");
    expect_refused(Bytes(65'537), "size");
}

TEST_F(Identity, NoFlippedBitBreaksTheReader) {
    const Bytes der = issue("urn:anchorlog:sender:gw");
    for (std::size_t i = 0; i < der.size() * 8; ++i) {
        Bytes bad = der;
        bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1U << (i % 8)));
        const auto identity = identity_from_der(bad);
        EXPECT_TRUE(!identity || !identity->sender.empty()) << i;
    }
}

}  // namespace
}  // namespace anchorlog::crypto
