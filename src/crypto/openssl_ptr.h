#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

#include "anchorlog/base/result.h"

namespace anchorlog::crypto {

// Calls the C function that frees an object, so that each handle is one pointer wide.
template <auto kFree>
struct OpensslDelete {
    template <class T>
    void operator()(T* object) const noexcept {
        kFree(object);
    }
};

using Asn1IntegerPtr = std::unique_ptr<ASN1_INTEGER, OpensslDelete<&ASN1_INTEGER_free>>;
using Asn1TimePtr = std::unique_ptr<ASN1_TIME, OpensslDelete<&ASN1_TIME_free>>;
using BigNumberPtr = std::unique_ptr<BIGNUM, OpensslDelete<&BN_free>>;
using BioPtr = std::unique_ptr<BIO, OpensslDelete<&BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, OpensslDelete<&X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, OpensslDelete<&X509_CRL_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, OpensslDelete<&EVP_MD_CTX_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslDelete<&X509_EXTENSION_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, OpensslDelete<&GENERAL_NAME_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslDelete<&GENERAL_NAMES_free>>;
using Ia5StringPtr = std::unique_ptr<ASN1_IA5STRING, OpensslDelete<&ASN1_IA5STRING_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslDelete<&EVP_PKEY_free>>;
using KeyInfoPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, OpensslDelete<&PKCS8_PRIV_KEY_INFO_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, OpensslDelete<&X509_REVOKED_free>>;

// Empties the thread's OpenSSL error queue (TLS code on the same thread would take what we leave
// there for its own) and puts the newest reason behind `what`.
[[nodiscard]] Error openssl_error(Errc code, std::string_view what);

// A private key of PEM text, encrypted with the passphrase if one is given, else not encrypted;
// never asks a terminal.
[[nodiscard]] Result<KeyPtr> key_from_pem(std::string_view pem, std::string_view passphrase = {});
// PKCS#8 PEM, encrypted (AES-256-CBC, scrypt) with the passphrase if one is given.
[[nodiscard]] Result<std::string> key_to_pem(EVP_PKEY* key, std::string_view passphrase = {});
// All that was written to a memory BIO.
[[nodiscard]] std::string bio_text(BIO* bio);

}  // namespace anchorlog::crypto
