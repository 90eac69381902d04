#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "anchorlog/crypto/x509.h"
#include "crypto/openssl_ptr.h"
#include "support/sim_clock.h"

namespace anchorlog::crypto {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMsPerDay = 86'400'000;

CertificatePtr parse(const std::string& pem) {
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return CertificatePtr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

// What a strict TLS library says about the certificate at that time: X509_V_OK or why not.
int verify_chain(const CertifiedKey& ca, const CertifiedKey& leaf, int purpose, WallTime at) {
    const CertificatePtr anchor = parse(ca.certificate_pem);
    const CertificatePtr certificate = parse(leaf.certificate_pem);
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, anchor.get());
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, certificate.get(), nullptr);
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(param, purpose);
    X509_VERIFY_PARAM_set_time(param, static_cast<std::time_t>(at.ms / 1000));
    X509_verify_cert(context);
    const int result = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return result;
}

class Issue : public ::testing::Test {
protected:
    static CertificateRequest sender_request() {
        CertificateRequest request;
        request.common_name = "gw-01";
        request.uri = "urn:anchorlog:sender:gw-01";
        return request;
    }
    static CertificateRequest server_request() {
        CertificateRequest request;
        request.common_name = "server";
        request.dns_names = {"localhost", "*.example.org"};
        request.ip_addresses = {"127.0.0.1", "::1"};
        request.server = true;
        return request;
    }
    void expect_refused(const CertificateRequest& request, const std::string& why) {
        const auto issued = issue_certificate(ca_, request, now_);
        ASSERT_FALSE(issued) << why;
        EXPECT_EQ(issued.error().code, Errc::invalid_input);
        EXPECT_THAT(issued.error().message, HasSubstr(why));
    }
    [[nodiscard]] WallTime after_ms(std::int64_t ms) const { return WallTime{now_.wall.ms + ms}; }

    const Now now_ = testing::SimClock().now();
    const CertifiedKey ca_ = *make_ca("test CA", 365, now_);
};

TEST_F(Issue, AStrictVerifierAcceptsEachForItsOwnPurpose) {
    const auto sender = issue_certificate(ca_, sender_request(), now_);
    const auto server = issue_certificate(ca_, server_request(), now_);
    ASSERT_TRUE(sender) << sender.error().message;
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ(verify_chain(ca_, *sender, X509_PURPOSE_SSL_CLIENT, now_.wall), X509_V_OK);
    EXPECT_EQ(verify_chain(ca_, *server, X509_PURPOSE_SSL_SERVER, now_.wall), X509_V_OK);
    EXPECT_NE(verify_chain(ca_, *sender, X509_PURPOSE_SSL_SERVER, now_.wall), X509_V_OK);
    EXPECT_NE(verify_chain(ca_, *server, X509_PURPOSE_SSL_CLIENT, now_.wall), X509_V_OK);
    const CertifiedKey other = *make_ca("test CA", 365, now_);
    EXPECT_NE(verify_chain(other, *sender, X509_PURPOSE_SSL_CLIENT, now_.wall), X509_V_OK);
}

TEST_F(Issue, NamesOfTheServer) {
    const auto server = issue_certificate(ca_, server_request(), now_);
    ASSERT_TRUE(server);
    const CertificatePtr certificate = parse(server->certificate_pem);
    EXPECT_EQ(X509_check_host(certificate.get(), "localhost", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(certificate.get(), "a.example.org", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(certificate.get(), "example.org", 0, 0, nullptr), 0);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.2", 0), 0);
}

TEST_F(Issue, Dates) {
    auto request = sender_request();
    request.days = 10;
    const auto leaf = issue_certificate(ca_, request, now_);
    ASSERT_TRUE(leaf);
    const auto verdict = [&](WallTime at) {
        return verify_chain(ca_, *leaf, X509_PURPOSE_SSL_CLIENT, at);
    };
    EXPECT_EQ(verdict(after_ms(-299'000)), X509_V_OK);
    EXPECT_EQ(verdict(after_ms(-301'000)), X509_V_ERR_CERT_NOT_YET_VALID);
    EXPECT_EQ(verdict(after_ms(10 * kMsPerDay - 1000)), X509_V_OK);
    EXPECT_EQ(verdict(after_ms(10 * kMsPerDay + 1000)), X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST_F(Issue, ACertificateDoesNotOutliveItsCa) {
    auto request = sender_request();
    request.days = 400;
    const auto leaf = issue_certificate(ca_, request, now_);
    ASSERT_TRUE(leaf);
    EXPECT_EQ(ASN1_TIME_compare(X509_get0_notAfter(parse(leaf->certificate_pem).get()),
                                X509_get0_notAfter(parse(ca_.certificate_pem).get())),
              0);
    const Now late{after_ms(366 * kMsPerDay), now_.steady};
    const auto refused = issue_certificate(ca_, sender_request(), late);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("expired"));
}

TEST_F(Issue, SerialsAndKeysAreFresh) {
    const auto first = issue_certificate(ca_, sender_request(), now_);
    const auto second = issue_certificate(ca_, sender_request(), now_);
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->key_pem, second->key_pem);
    const CertificatePtr a = parse(first->certificate_pem);
    const CertificatePtr b = parse(second->certificate_pem);
    EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(a.get()), X509_get0_serialNumber(b.get())),
              0);
    const BigNumberPtr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(a.get()), nullptr));
    EXPECT_FALSE(BN_is_negative(serial.get()));
    EXPECT_GT(BN_num_bits(serial.get()), 64);
}

TEST_F(Issue, TheCaIssuesNoFurtherCa) {
    const CertificatePtr ca = parse(ca_.certificate_pem);
    EXPECT_EQ(X509_check_ca(ca.get()), 1);
    EXPECT_EQ(X509_get_pathlen(ca.get()), 0);
    EXPECT_NE(X509_get0_subject_key_id(ca.get()), nullptr);
    EXPECT_NE(X509_get0_authority_key_id(ca.get()), nullptr);
    const auto leaf = issue_certificate(ca_, sender_request(), now_);
    ASSERT_TRUE(leaf);
    EXPECT_THAT(issue_certificate(*leaf, sender_request(), now_).error().message,
                HasSubstr("not one"));
}

TEST_F(Issue, BadRequests) {
    auto request = sender_request();
    request.common_name = "";
    expect_refused(request, "common name");
    request.common_name = std::string(65, 'a');
    expect_refused(request, "common name");
    request.common_name = "a\nb";
    expect_refused(request, "common name");
    for (const int days : {0, -1, 7'301}) {
        request = sender_request();
        request.days = days;
        expect_refused(request, "days");
        EXPECT_FALSE(make_ca("CA", days, now_));
    }
    for (const char* dns : {"", "a,URI:urn:anchorlog:sender:gw", "a b", ".a", "a..b", "*", "ä"}) {
        request = sender_request();
        request.dns_names = {dns};
        expect_refused(request, "DNS");
    }
    for (const char* ip : {"", "1.2.3", "localhost", "1.2.3.4.5", "::g", "1.2.3.4/8"}) {
        request = sender_request();
        request.ip_addresses = {ip};
        expect_refused(request, "IP");
    }
    for (const std::string& uri : {std::string("urn:a b"), std::string("urn:a\0b", 7),
                                   std::string(256, 'a'), std::string("urn:ä")}) {
        request = sender_request();
        request.uri = uri;
        expect_refused(request, "URI");
    }
}

TEST_F(Issue, BadCas) {
    const CertifiedKey other = *make_ca("other CA", 365, now_);
    EXPECT_THAT(issue_certificate({ca_.certificate_pem, other.key_pem}, sender_request(), now_)
                    .error()
                    .message,
                HasSubstr("does not belong"));
    EXPECT_FALSE(issue_certificate({"", ca_.key_pem}, sender_request(), now_));
    EXPECT_FALSE(issue_certificate({ca_.certificate_pem, ""}, sender_request(), now_));
    EXPECT_FALSE(issue_certificate({ca_.key_pem, ca_.certificate_pem}, sender_request(), now_));
    EXPECT_FALSE(make_ca("", 1, now_));
}

TEST(EarliestEnd, IsThatOfTheFirstCertificateToExpire) {
    const Now now = testing::SimClock().now();
    const auto longer = make_ca("longer", 30, now);
    const auto shorter = make_ca("shorter", 10, now);
    ASSERT_TRUE(longer && shorter);
    const auto end = earliest_end(longer->certificate_pem);
    ASSERT_TRUE(end) << end.error().message;
    EXPECT_NEAR(static_cast<double>(end->ms - now.wall.ms), 30.0 * kMsPerDay, kMsPerDay);
    const auto both = earliest_end(longer->certificate_pem + shorter->certificate_pem);
    ASSERT_TRUE(both);
    EXPECT_EQ(*both, *earliest_end(shorter->certificate_pem));
    EXPECT_LT(*both, *end);
}

TEST(EarliestEnd, RefusesWhatHoldsNoCertificate) {
    EXPECT_FALSE(earliest_end(""));
    EXPECT_FALSE(earliest_end("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    const auto ca = make_ca("ca", 10, testing::SimClock().now());
    EXPECT_FALSE(earliest_end(ca->key_pem));
}

}  // namespace
}  // namespace anchorlog::crypto
