#include "net/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_pki.h"

namespace anchorlog::net {
namespace {

using anchorlog::testing::issue;
using anchorlog::testing::make_test_ca;
using anchorlog::testing::sender_request;
using anchorlog::testing::server_request;
using anchorlog::testing::TestPki;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The same list with one more extension (in OpenSSL's notation), signed anew.
std::string with_extension(const std::string& pem, const crypto::CertifiedKey& ca, int nid,
                           const char* value) {
    const auto bio_of = [](const std::string& text) {
        return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
    };
    BIO* in = bio_of(pem);
    BIO* key_in = bio_of(ca.key_pem);
    BIO* out = BIO_new(BIO_s_mem());
    X509_CRL* list = PEM_read_bio_X509_CRL(in, nullptr, nullptr, nullptr);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(key_in, nullptr, nullptr, nullptr);
    X509_EXTENSION* added = nullptr;
    if (nid == NID_delta_crl) {
        // OpenSSL's notation has no word for the base's number.
        const unsigned char number[] = {0x02, 0x01, 0x01};
        ASN1_OCTET_STRING* content = ASN1_OCTET_STRING_new();
        ASN1_OCTET_STRING_set(content, number, sizeof number);
        added = X509_EXTENSION_create_by_NID(nullptr, nid, 1, content);
        ASN1_OCTET_STRING_free(content);
    } else {
        added = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    }
    EXPECT_NE(added, nullptr) << value;
    X509_CRL_add_ext(list, added, -1);
    X509_CRL_sign(list, key, EVP_sha256());
    PEM_write_bio_X509_CRL(out, list);
    char* text = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(out, &text));
    std::string result(text, size);
    X509_EXTENSION_free(added);
    EVP_PKEY_free(key);
    X509_CRL_free(list);
    BIO_free(out);
    BIO_free(key_in);
    BIO_free(in);
    return result;
}

class TlsContextTest : public ::testing::Test {
protected:
    [[nodiscard]] std::string error() const {
        const auto context = make_tls_context(pki_.files);
        return context ? std::string() : context.error().message;
    }
    TestPki pki_;
};

TEST_F(TlsContextTest, SpeaksTls13OnlyAndNeverResumes) {
    const auto setup = make_tls_context(pki_.files);
    ASSERT_TRUE(setup) << setup.error().message;
    SSL_CTX* context = setup->context.get();
    EXPECT_EQ(SSL_CTX_get_min_proto_version(context), TLS1_3_VERSION);
    EXPECT_EQ(SSL_CTX_get_max_proto_version(context), TLS1_3_VERSION);
    EXPECT_EQ(SSL_CTX_get_num_tickets(context), 0u);
    EXPECT_EQ(SSL_CTX_get_session_cache_mode(context), SSL_SESS_CACHE_OFF);
    EXPECT_EQ(SSL_CTX_get_max_early_data(context), 0u);
    EXPECT_EQ(SSL_CTX_get_verify_mode(context), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    EXPECT_EQ(SSL_CTX_get_max_cert_list(context), 32'768);
}

TEST_F(TlsContextTest, RefusesAKeyOthersMayRead) {
    pki_.files.key_path = pki_.dir.write("open.key", pki_.server.key_pem, 0640);
    EXPECT_THAT(error(), AllOf(HasSubstr("open.key"), HasSubstr("chmod 600")));
}

TEST_F(TlsContextTest, SaysThatKeyAndCertificateDoNotBelongTogether) {
    pki_.files.key_path = pki_.dir.write("other.key", issue(pki_.ca, server_request()).key_pem);
    EXPECT_THAT(error(), AllOf(HasSubstr("other.key"), HasSubstr("does not belong")));
}

TEST_F(TlsContextTest, RefusesAnExpiredServerCertificate) {
    auto request = server_request();
    request.days = 1;
    const auto old = issue(pki_.ca, request, -5);
    pki_.files.certificate_path = pki_.dir.write("old.crt", old.certificate_pem);
    pki_.files.key_path = pki_.dir.write("old.key", old.key_pem);
    EXPECT_THAT(error(), AllOf(HasSubstr("old.crt"), HasSubstr("expired")));
}

TEST_F(TlsContextTest, RefusesAServerCertificateOfTheFuture) {
    const auto early = issue(pki_.ca, server_request(), 5);
    pki_.files.certificate_path = pki_.dir.write("early.crt", early.certificate_pem);
    pki_.files.key_path = pki_.dir.write("early.key", early.key_pem);
    EXPECT_THAT(error(), HasSubstr("not valid yet"));
}

TEST_F(TlsContextTest, RefusesAClientCertificateAsTheServers) {
    const auto client = issue(pki_.ca, sender_request("gw"));
    pki_.files.certificate_path = pki_.dir.write("client.crt", client.certificate_pem);
    pki_.files.key_path = pki_.dir.write("client.key", client.key_pem);
    EXPECT_THAT(error(), HasSubstr("not for a TLS server"));
}

TEST_F(TlsContextTest, NamesTheFileThatIsMissingOrBroken) {
    const TlsFiles good = pki_.files;
    pki_.files.certificate_path += ".none";
    EXPECT_THAT(error(), AllOf(HasSubstr("server.crt.none"), HasSubstr("cannot open")));
    pki_.files = good;
    pki_.files.certificate_path = pki_.dir.write("bad.crt", "nonsense");
    EXPECT_THAT(error(), HasSubstr("bad.crt: no certificate"));
    pki_.files = good;
    pki_.files.key_path = pki_.dir.write("bad.key", "nonsense");
    EXPECT_THAT(error(), HasSubstr("bad.key: no private key"));
    pki_.files = good;
    pki_.files.client_ca_path = pki_.dir.write("bad-ca.crt", "");
    EXPECT_THAT(error(), HasSubstr("bad-ca.crt: no certificate"));
    pki_.files.client_ca_path = pki_.files.certificate_path;
    EXPECT_THAT(error(), HasSubstr("not a CA"));
    pki_.files = good;
    pki_.files.client_ca_path = pki_.dir.write(
        "torn.crt", pki_.ca.certificate_pem + pki_.ca.certificate_pem.substr(0, 100));
    EXPECT_THAT(error(), HasSubstr("torn.crt: a broken certificate follows"));
}

TEST_F(TlsContextTest, AnEmptyListIsAGoodList) {
    pki_.revoke({});
    EXPECT_EQ(error(), "");
}

TEST_F(TlsContextTest, RefusesAListThatDoesNotHoldNow) {
    pki_.revoke({}, -8, 7);
    EXPECT_THAT(error(), AllOf(HasSubstr("ca.crl"), HasSubstr("stale"), HasSubstr("pki crl")));
    pki_.revoke({}, 1);
    EXPECT_THAT(error(), AllOf(HasSubstr("ca.crl"), HasSubstr("not valid yet")));
}

TEST_F(TlsContextTest, RefusesAListThatIsMissingOrBroken) {
    pki_.files.crl_path = "/nonexistent/ca.crl";
    EXPECT_THAT(error(), AllOf(HasSubstr("/nonexistent/ca.crl"), HasSubstr("cannot open")));
    const std::string good = TestPki::list_of(pki_.ca, {});
    const std::vector<std::string> broken_ones = {"", "nonsense", pki_.ca.certificate_pem,
                                                  good + good.substr(0, 100)};
    for (const std::string& broken : broken_ones) {
        pki_.files.crl_path = pki_.dir.write("bad.crl", broken);
        EXPECT_THAT(error(), AllOf(HasSubstr("bad.crl"), HasSubstr("PEM"))) << broken;
    }
}

TEST_F(TlsContextTest, RefusesAListOfAnotherCaOfTheSameName) {
    const auto other = make_test_ca();
    pki_.files.crl_path = pki_.dir.write("other.crl", TestPki::list_of(other, {}));
    EXPECT_THAT(error(), AllOf(HasSubstr("other.crl"), HasSubstr("signed by each CA")));
    pki_.files.crl_path =
        pki_.dir.write("both.crl", TestPki::list_of(other, {}) + TestPki::list_of(pki_.ca, {}));
    EXPECT_THAT(error(), HasSubstr("not signed by a CA"));
}

TEST_F(TlsContextTest, RefusesAListOfAPart) {
    const std::string whole = TestPki::list_of(pki_.ca, {});
    for (const auto& [nid, value] :
         {std::pair{NID_issuing_distribution_point, "critical,onlyuser:TRUE"},
          std::pair{NID_delta_crl, "critical,1"}}) {
        pki_.files.crl_path =
            pki_.dir.write("part.crl", with_extension(whole, pki_.ca, nid, value));
        EXPECT_THAT(error(), AllOf(HasSubstr("part.crl"), HasSubstr("of a part"))) << value;
    }
}

TEST_F(TlsContextTest, WantsAListOfEachCa) {
    const auto second = make_test_ca("second CA");
    const std::string list = TestPki::list_of(pki_.ca, {});
    pki_.files.client_ca_path =
        pki_.dir.write("two.crt", pki_.ca.certificate_pem + second.certificate_pem);
    pki_.files.crl_path = pki_.dir.write("one.crl", list);
    EXPECT_THAT(error(), AllOf(HasSubstr("one.crl"), HasSubstr("each CA")));
    pki_.files.crl_path = pki_.dir.write("two.crl", list + TestPki::list_of(second, {}));
    EXPECT_EQ(error(), "");
}

TEST(Printable, KeepsAuditSubjectsAscii) {
    EXPECT_EQ(printable("a\nb\xc3\xa4"), "a?b??");
    EXPECT_EQ(printable(std::string(1'000, 'x')).size(), 200u);
}

}  // namespace
}  // namespace anchorlog::net
