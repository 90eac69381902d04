#pragma once

#include <array>
#include <memory>
#include <string>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog::crypto {

using PublicKey = std::array<std::uint8_t, 32>;  // raw Ed25519 (RFC 8032)
using Signature = std::array<std::uint8_t, 64>;

// Signs with a key it owns. Any thread.
class Signer {
public:
    virtual ~Signer() = default;
    [[nodiscard]] virtual const PublicKey& public_key() const = 0;
    [[nodiscard]] virtual Result<Signature> sign(ByteView message) const = 0;
};

// Loads a PKCS#8 PEM private key of `path`; refuses a file that others may read (mode & 077).
[[nodiscard]] Result<std::unique_ptr<Signer>> load_signer(const std::string& path);
// Makes a key from 32 secret bytes; for tests and vectors.
[[nodiscard]] std::unique_ptr<Signer> signer_from_seed(const std::array<std::uint8_t, 32>& seed);
// A fresh key as PKCS#8 PEM, from the operating system's CSPRNG.
[[nodiscard]] Result<std::string> generate_ed25519_pem();

// True exactly when `signature` is a valid Ed25519 signature of `message` under `key`.
[[nodiscard]] bool verify(const PublicKey& key, ByteView message, ByteView signature);

}  // namespace anchorlog::crypto
