#include "crypto/issuer.h"

#include <ctime>
#include <limits>

namespace anchorlog::crypto {

BioPtr bio_of(std::string_view pem) {
    if (pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return nullptr;
    return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Result<WallTime> wall_time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return openssl_error(Errc::invalid_input, "not a valid date");
    }
    return WallTime{std::int64_t{timegm(&parts)} * 1'000};
}

Result<Issuer> read_issuer(const CertifiedKey& ca) {
    const BioPtr bio = bio_of(ca.certificate_pem);
    if (!bio) return Error{Errc::invalid_input, "the CA certificate is too large"};
    Issuer issuer;
    issuer.certificate.reset(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!issuer.certificate) {
        return openssl_error(Errc::invalid_input, "the CA certificate is not PEM");
    }
    auto key = key_from_pem(ca.key_pem);
    if (!key) return std::move(key).error().in("the CA's key");
    issuer.key = std::move(*key);
    if (X509_check_ca(issuer.certificate.get()) != 1) {
        return Error{Errc::invalid_input,
                     "certificate request: the certificate given as CA is not one"};
    }
    if (X509_check_private_key(issuer.certificate.get(), issuer.key.get()) != 1) {
        return openssl_error(Errc::invalid_input,
                             "the CA's key does not belong to the CA's certificate");
    }
    return issuer;
}

}  // namespace anchorlog::crypto
