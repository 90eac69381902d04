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
