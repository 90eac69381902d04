#include <algorithm>
#include <ctime>
#include <limits>
#include <optional>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "anchorlog/crypto/x509.h"
#include "crypto/openssl_ptr.h"

namespace anchorlog::crypto {

Result<WallTime> earliest_end(std::string_view pem) {
    if (pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        return Error{Errc::invalid_input, "certificates: too large"};
    }
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    ANCHORLOG_ASSERT(bio);
    std::optional<WallTime> earliest;
    while (
        const CertificatePtr certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
        std::tm end{};
        if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
            return openssl_error(Errc::invalid_input, "certificates: no valid end date");
        }
        const WallTime at{std::int64_t{timegm(&end)} * 1'000};
        earliest = earliest ? std::min(*earliest, at) : at;
    }
    // The end of the file is an error to the reader as well.
    if (!earliest) return openssl_error(Errc::invalid_input, "certificates: none in PEM");
    ERR_clear_error();
    return *earliest;
}

}  // namespace anchorlog::crypto
