#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"

namespace anchorlog::crypto {

// A TimeStampReq (RFC 3161 §2.4.1) that asks for the signer's certificate.
struct TimestampRequest {
    Hash imprint;  // SHA-256 of what is stamped
    Bytes nonce;   // of the request, most significant byte first
    Bytes der;
};
// With a nonce of 62 random bits.
[[nodiscard]] TimestampRequest make_timestamp_request(const Hash& imprint);

// The TimeStampToken (DER) of a TimeStampResp whose status is `granted`, over the request's imprint
// and nonce. `grantedWithMods` is refused too: nothing asked for could be modified. refused: the
// authority's own no; invalid_input: it is no answer to this request. The signature is not
// looked at.
[[nodiscard]] Result<Bytes> read_timestamp_reply(ByteView reply, const TimestampRequest& request);

// What a token says once it was checked.
struct Timestamp {
    WallTime at;         // genTime, the authority's own clock
    std::string signer;  // subject of its certificate, RFC 2253
};

// Whether the token is over `imprint` and signed by the certificate it carries. Says nothing of
// who that is.
[[nodiscard]] Result<Timestamp> read_timestamp(ByteView token, const Hash& imprint);

// Certificates of authorities, DER each, that a verifier trusts.
using TrustedCertificates = std::vector<Bytes>;
// The certificates of a PEM text, at least one.
[[nodiscard]] Result<TrustedCertificates> certificates_from_pem(std::string_view pem);
// The subject of a certificate in DER, RFC 2253.
[[nodiscard]] Result<std::string> certificate_subject(ByteView der);

// The same, and that the signer is for time stamping alone (a critical extendedKeyUsage, RFC 3161
// §2.3), named by the token itself (ESSCertID), and that its chain ends in one of `authorities`,
// all of it valid at the token's time: so a token can be verified for ever after. With
// `also_at`, valid at that time too: who asks for a token now takes none of a certificate that has
// expired, whatever time it claims. Revocation is not looked up.
[[nodiscard]] Result<Timestamp> verify_timestamp(ByteView token, const Hash& imprint,
                                                 const TrustedCertificates& authorities,
                                                 std::optional<WallTime> also_at = std::nullopt);

}  // namespace anchorlog::crypto
