#pragma once

#include <array>
#include <memory>
#include <string>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog::crypto {

// A P-256 public key: the DER of its SubjectPublicKeyInfo, named curve and uncompressed point,
// which is the only form taken.
using P256PublicKey = std::array<std::uint8_t, 91>;
// not a point of the curve, or another form: invalid_input.
[[nodiscard]] Result<P256PublicKey> parse_p256_key(ByteView der);
// True exactly when `signature` is a DER ECDSA signature of SHA-256(message) under `key`.
[[nodiscard]] bool verify_p256(const P256PublicKey& key, ByteView message, ByteView signature);

// Signs with a P-256 key that stays where it is: in a TPM, an HSM, a token.
class HardwareSigner {
public:
    virtual ~HardwareSigner() = default;
    [[nodiscard]] virtual const P256PublicKey& public_key() const = 0;
    // A DER ECDSA signature over SHA-256(message), already checked. A device may take long, and one
    // that hangs never returns; after a failure the next call opens it anew. One thread at a time.
    [[nodiscard]] virtual Result<Bytes> sign(ByteView message) const = 0;
};

// Where OpenSSL finds the key.
struct ProviderKeyPlace {
    std::string uri;       // of OSSL_STORE: handle:…, pkcs11:…, file:…
    std::string provider;  // loaded besides the default one; empty: none
    std::string pin_path;  // its first line, 4 to 1024 bytes, is the PIN; empty: it has none
};
// Opens the key and signs with it once, in an OpenSSL context of its own, so that the provider
// serves nothing else in the process. Refuses a URI with the PIN in it, a place with no key or
// more than one, and a key that is not P-256. Neither reads OpenSSL's configuration file nor asks
// a terminal.
[[nodiscard]] Result<std::unique_ptr<HardwareSigner>> open_provider_key(
    const ProviderKeyPlace& place);

}  // namespace anchorlog::crypto
