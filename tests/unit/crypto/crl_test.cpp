#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "anchorlog/crypto/x509.h"
#include "crypto/openssl_ptr.h"
#include "support/sim_clock.h"

namespace anchorlog::crypto {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr std::int64_t kBackdatedMs = 300'000;

BioPtr bio_of(const std::string& pem) {
    return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// What a strict verifier says that asks the list about the whole chain.
int verify(const CertifiedKey& ca, const CertifiedKey& leaf, const std::string& crl, WallTime at) {
    const auto certificate_of = [](const CertifiedKey& one) {
        return CertificatePtr(
            PEM_read_bio_X509(bio_of(one.certificate_pem).get(), nullptr, nullptr, nullptr));
    };
    const CertificatePtr anchor = certificate_of(ca);
    const CertificatePtr certificate = certificate_of(leaf);
    const CrlPtr list(PEM_read_bio_X509_CRL(bio_of(crl).get(), nullptr, nullptr, nullptr));
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, anchor.get());
    X509_STORE_add_crl(store, list.get());
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, certificate.get(), nullptr);
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(
        param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    X509_VERIFY_PARAM_set_time(param, static_cast<std::time_t>(at.ms / 1000));
    X509_verify_cert(context);
    const int result = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return result;
}

class Crl : public ::testing::Test {
protected:
    [[nodiscard]] CertifiedKey issue(const std::string& name) const {
        CertificateRequest request;
        request.common_name = name;
        request.uri = "urn:anchorlog:sender:" + name;
        return *issue_certificate(ca_, request, now_);
    }
    [[nodiscard]] std::string list_of(const std::vector<CertifiedKey>& revoked,
                                      int days = 7) const {
        std::vector<Revocation> all;
        for (const CertifiedKey& one : revoked) {
            all.push_back({facts_of(one.certificate_pem)->serial, now_.wall});
        }
        return *make_crl(ca_, all, days, now_);
    }
    [[nodiscard]] WallTime after_days(int days) const {
        return WallTime{now_.wall.ms + days * kMsPerDay};
    }

    const Now now_ = testing::SimClock().now();
    const CertifiedKey ca_ = *make_ca("test CA", 365, now_);
};

TEST_F(Crl, AStrictVerifierRefusesTheRevokedAndNoOther) {
    const CertifiedKey lost = issue("gw-01");
    const CertifiedKey kept = issue("gw-02");
    EXPECT_EQ(verify(ca_, lost, list_of({}), now_.wall), X509_V_OK);
    const std::string crl = list_of({lost});
    EXPECT_EQ(verify(ca_, lost, crl, now_.wall), X509_V_ERR_CERT_REVOKED);
    EXPECT_EQ(verify(ca_, kept, crl, now_.wall), X509_V_OK);
}

TEST_F(Crl, IsGoodUntilItsDayAndNoLonger) {
    const CertifiedKey leaf = issue("gw-01");
    const std::string crl = list_of({}, 2);
    EXPECT_EQ(verify(ca_, leaf, crl, after_days(1)), X509_V_OK);
    EXPECT_EQ(verify(ca_, leaf, crl, after_days(3)), X509_V_ERR_CRL_HAS_EXPIRED);
    const auto dates = crl_dates(crl);
    ASSERT_TRUE(dates) << dates.error().message;
    EXPECT_EQ(dates->this_update.ms, now_.wall.ms - kBackdatedMs);
    EXPECT_EQ(dates->next_update.ms, after_days(2).ms);
}

TEST_F(Crl, OfSeveralListsTheFirstToEndCounts) {
    const auto dates = crl_dates(list_of({}, 9) + list_of({}, 2) + list_of({}, 5));
    ASSERT_TRUE(dates) << dates.error().message;
    EXPECT_EQ(dates->next_update.ms, after_days(2).ms);
}

TEST_F(Crl, OfAnotherCaIsNotBelieved) {
    const CertifiedKey other = *make_ca("test CA", 365, now_);
    const auto crl = make_crl(other, {}, 7, now_);
    ASSERT_TRUE(crl);
    EXPECT_NE(verify(ca_, issue("gw-01"), *crl, now_.wall), X509_V_OK);
}

TEST_F(Crl, RefusesWhatItCannotSay) {
    const auto error_of = [this](const std::string& serial, int days) {
        const auto made = make_crl(ca_, {{serial, now_.wall}}, days, now_);
        return made ? "made" : made.error().message;
    };
    EXPECT_THAT(error_of("xyz", 7), HasSubstr("`xyz` is no serial number"));
    EXPECT_THAT(error_of("", 7), HasSubstr("no serial number"));
    EXPECT_THAT(error_of("-1", 7), HasSubstr("no serial number"));
    EXPECT_THAT(error_of("01", 0), HasSubstr("days must be 1 to"));
    EXPECT_FALSE(make_crl(issue("gw-01"), {}, 7, now_)) << "who is no CA makes no lists";
    EXPECT_THAT(crl_dates("nonsense").error().message, HasSubstr("not PEM"));
    EXPECT_FALSE(crl_dates(ca_.certificate_pem));
}

TEST_F(Crl, FactsAskForTheLikeAgain) {
    CertificateRequest request;
    request.common_name = "server";
    request.dns_names = {"localhost", "*.example.org"};
    request.ip_addresses = {"127.0.0.1", "::1"};
    request.server = true;
    request.days = 12;
    const auto server = facts_of(issue_certificate(ca_, request, now_)->certificate_pem);
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ(server->request.common_name, "server");
    EXPECT_THAT(server->request.dns_names, ElementsAre("localhost", "*.example.org"));
    EXPECT_THAT(server->request.ip_addresses, ElementsAre("127.0.0.1", "::1"));
    EXPECT_EQ(server->request.uri, "");
    EXPECT_TRUE(server->request.server);
    EXPECT_EQ(server->request.days, 12);
    EXPECT_EQ(server->end.ms, after_days(12).ms);
    const auto sender = facts_of(issue("gw-01").certificate_pem);
    ASSERT_TRUE(sender);
    EXPECT_EQ(sender->request.uri, "urn:anchorlog:sender:gw-01");
    EXPECT_FALSE(sender->request.server);
    EXPECT_NE(sender->serial, server->serial);
    EXPECT_FALSE(facts_of("nonsense"));
}

}  // namespace
}  // namespace anchorlog::crypto
