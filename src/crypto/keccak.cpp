#include "anchorlog/crypto/keccak.h"

#include <openssl/opensslv.h>

// OpenSSL has Keccak with the padding before FIPS 202 from 3.2 on (Debian 13). Debian 12 has 3.0,
// whose SHA3-256 pads differently and cannot be bent, so Crypto++ computes it there.
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
#include "crypto/digest.h"
#else
#include <cryptopp/keccak.h>
#endif

namespace anchorlog::crypto {

Hash keccak256(ByteView bytes) {
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
    static const EVP_MD* const algorithm = fetch_digest("KECCAK-256");
    static thread_local const DigestContextPtr context(EVP_MD_CTX_new());
    return digest(context.get(), algorithm, {bytes});
#else
    Hash hash;
    CryptoPP::Keccak_256 keccak;
    keccak.Update(bytes.data(), bytes.size());
    keccak.Final(hash.bytes.data());
    return hash;
#endif
}

}  // namespace anchorlog::crypto
