#pragma once

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "anchorlog/crypto/x509.h"
#include "crypto/openssl_ptr.h"

namespace anchorlog::crypto {

// A CA that can sign: its certificate is one of a CA, and the key belongs to it.
struct Issuer {
    CertificatePtr certificate;
    KeyPtr key;
};

[[nodiscard]] Result<Issuer> read_issuer(const CertifiedKey& ca);

// Reads PEM text without copying it; the text outlives it. Nothing for a text that is too large.
[[nodiscard]] BioPtr bio_of(std::string_view pem);

// A UTCTime or GeneralizedTime that OpenSSL has parsed.
[[nodiscard]] Result<WallTime> wall_time_of(const ASN1_TIME* time);

}  // namespace anchorlog::crypto
