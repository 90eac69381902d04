#include <ctime>
#include <optional>

#include "crypto/issuer.h"

namespace anchorlog::crypto {

namespace {

constexpr int kDaysMax = 7'300;
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::int64_t kBackdatedSeconds = 300;  // so that a clock a little behind accepts it
constexpr std::size_t kRevokedMax = 65'536;
constexpr long kVersion2 = 1;

Error bad_list(std::string_view why) {
    return {Errc::invalid_input, "revocation list: " + std::string(why)};
}

std::time_t seconds_of(WallTime time) { return static_cast<std::time_t>(time.ms / 1'000); }

Result<Asn1IntegerPtr> integer_of(const std::string& hex) {
    if (hex.empty() || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
        return bad_list("`" + hex + "` is no serial number in hex");
    }
    BIGNUM* parsed = nullptr;
    BN_hex2bn(&parsed, hex.c_str());
    const BigNumberPtr number(parsed);
    ANCHORLOG_ASSERT(number);
    Asn1IntegerPtr integer(BN_to_ASN1_INTEGER(number.get(), nullptr));
    if (!integer) return openssl_error(Errc::internal, "cannot fill in a revocation list");
    return integer;
}

Result<void> add_revoked(X509_CRL* list, const Revocation& revocation) {
    const auto serial = integer_of(revocation.serial);
    if (!serial) return serial.error();
    RevokedPtr entry(X509_REVOKED_new());
    const Asn1TimePtr at(ASN1_TIME_set(nullptr, seconds_of(revocation.at)));
    ANCHORLOG_ASSERT(entry && at);
    if (X509_REVOKED_set_serialNumber(entry.get(), serial->get()) != 1 ||
        X509_REVOKED_set_revocationDate(entry.get(), at.get()) != 1 ||
        X509_CRL_add0_revoked(list, entry.get()) != 1) {
        return openssl_error(Errc::internal, "cannot fill in a revocation list");
    }
    static_cast<void>(entry.release());
    return {};
}

// RFC 5280 §5.2 wants both: whose list it is by key, and which of two is the newer.
bool add_extensions(X509_CRL* list, X509* issuer, WallTime now) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, nullptr, nullptr, list, 0);
    const ExtensionPtr authority(
        X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
    const Asn1IntegerPtr number(ASN1_INTEGER_new());
    return authority && number && X509_CRL_add_ext(list, authority.get(), -1) == 1 &&
           ASN1_INTEGER_set_int64(number.get(), now.ms) == 1 &&
           X509_CRL_add1_ext_i2d(list, NID_crl_number, number.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

}  // namespace

Result<std::string> make_crl(const CertifiedKey& ca, const std::vector<Revocation>& revoked,
                             int days, Now now) {
    if (days < 1 || days > kDaysMax) {
        return bad_list("days must be 1 to " + std::to_string(kDaysMax));
    }
    if (revoked.size() > kRevokedMax) return bad_list("more than 65536 certificates");
    const auto issuer = read_issuer(ca);
    if (!issuer) return issuer.error();
    const CrlPtr list(X509_CRL_new());
    const std::time_t now_s = seconds_of(now.wall);
    const Asn1TimePtr begin(ASN1_TIME_set(nullptr, now_s - kBackdatedSeconds));
    const Asn1TimePtr end(ASN1_TIME_set(nullptr, now_s + days * kSecondsPerDay));
    ANCHORLOG_ASSERT(list && begin && end);
    X509* signer = issuer->certificate.get();
    if (X509_CRL_set_version(list.get(), kVersion2) != 1 ||
        X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(signer)) != 1 ||
        X509_CRL_set1_lastUpdate(list.get(), begin.get()) != 1 ||
        X509_CRL_set1_nextUpdate(list.get(), end.get()) != 1 ||
        !add_extensions(list.get(), signer, now.wall)) {
        return openssl_error(Errc::internal, "cannot fill in a revocation list");
    }
    for (const Revocation& one : revoked) {
        if (auto added = add_revoked(list.get(), one); !added) return std::move(added).error();
    }
    X509_CRL_sort(list.get());
    const BioPtr bio(BIO_new(BIO_s_mem()));
    ANCHORLOG_ASSERT(bio);
    if (X509_CRL_sign(list.get(), issuer->key.get(), EVP_sha256()) == 0 ||
        PEM_write_bio_X509_CRL(bio.get(), list.get()) != 1) {
        return openssl_error(Errc::internal, "cannot sign a revocation list");
    }
    return bio_text(bio.get());
}

Result<CrlDates> crl_dates(std::string_view pem) {
    const BioPtr bio = bio_of(pem);
    if (!bio) return bad_list("too large");
    std::optional<CrlDates> first;
    while (const CrlPtr list{PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)}) {
        if (X509_CRL_get0_nextUpdate(list.get()) == nullptr) {
            return bad_list("it does not say when it must be replaced (nextUpdate)");
        }
        auto begin = wall_time_of(X509_CRL_get0_lastUpdate(list.get()));
        if (!begin) return std::move(begin).error().in("revocation list");
        auto end = wall_time_of(X509_CRL_get0_nextUpdate(list.get()));
        if (!end) return std::move(end).error().in("revocation list");
        if (!first || end->ms < first->next_update.ms) first = CrlDates{*begin, *end};
    }
    // The end of the file is an error to the reader as well.
    if (!first) return openssl_error(Errc::invalid_input, "revocation list: not PEM");
    ERR_clear_error();
    return *first;
}

}  // namespace anchorlog::crypto
