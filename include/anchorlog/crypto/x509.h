#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"

struct x509_st;  // OpenSSL's X509

namespace anchorlog::crypto {

// What the log keeps of a client certificate.
struct PeerIdentity {
    std::string sender;                          // the <name> of urn:anchorlog:sender:<name>
    std::array<std::uint8_t, 16> fingerprint{};  // first 16 bytes of SHA-256 of the DER
};

// Reads the identity from a certificate in DER: exactly one SAN URI
// `urn:anchorlog:sender:<name>`, name `[A-Za-z0-9._:-]{1,64}` (formats §1, §2). The chain,
// dates and purpose are the TLS library's to check.
[[nodiscard]] Result<PeerIdentity> identity_from_der(ByteView der);
// The same from OpenSSL's X509: parsing one a second time costs as much as checking its signature.
[[nodiscard]] Result<PeerIdentity> identity_of(const x509_st* certificate);

// When the first of the certificates in a PEM file expires (notAfter).
[[nodiscard]] Result<WallTime> earliest_end(std::string_view pem);

// A certificate and its key, both PEM.
struct CertifiedKey {
    std::string certificate_pem;
    std::string key_pem;
};

struct CertificateRequest {
    std::string common_name;
    std::vector<std::string> dns_names;
    std::vector<std::string> ip_addresses;
    std::string uri;      // empty: none
    bool server = false;  // extendedKeyUsage serverAuth, else clientAuth
    int days = 30;
};

// What a certificate says of itself.
struct CertificateFacts {
    std::string serial;          // lower-case hex, whole bytes
    CertificateRequest request;  // that asks for the like again, in whole days
    WallTime begin;
    WallTime end;
};
// Of the first certificate in a PEM text.
[[nodiscard]] Result<CertificateFacts> facts_of(std::string_view pem);

// A development PKI: ECDSA P-256 keys, SHA-256, critical basicConstraints and keyUsage.
// Days are 1 to 7300. A certificate never outlives its CA: a later end is cut to the CA's.
[[nodiscard]] Result<CertifiedKey> make_ca(const std::string& common_name, int days, Now now);
[[nodiscard]] Result<CertifiedKey> issue_certificate(const CertifiedKey& ca,
                                                     const CertificateRequest& request, Now now);

// A certificate that is not to be believed any more, since `at`.
struct Revocation {
    std::string serial;  // as in CertificateFacts
    WallTime at;
};
// The list of a CA's revoked certificates (RFC 5280 §5) in PEM, to be replaced within `days` (1 to
// 7300). Its number is the time it was made in milliseconds, so that it only grows.
[[nodiscard]] Result<std::string> make_crl(const CertifiedKey& ca,
                                           const std::vector<Revocation>& revoked, int days,
                                           Now now);

// When a list was made and when it must be replaced; of several in a PEM text the one that ends
// first. Signatures are the TLS library's to check.
struct CrlDates {
    WallTime this_update;
    WallTime next_update;
};
[[nodiscard]] Result<CrlDates> crl_dates(std::string_view pem);

}  // namespace anchorlog::crypto
