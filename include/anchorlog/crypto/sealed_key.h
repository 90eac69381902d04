#pragma once

#include "anchorlog/crypto/ed25519.h"

namespace anchorlog::crypto {

// The file of an Ed25519 key that a passphrase seals (PKCS#8, AES-256-CBC, scrypt). The passphrase
// is the first line, 12 to 1024 bytes, of a file that nobody but its owner may read either. With
// an empty `passphrase_path` the key is as load_signer and generate_ed25519_pem have it. A key that
// is not sealed must come without a passphrase: nobody shall take it for protected.
[[nodiscard]] Result<std::unique_ptr<Signer>> load_signer(const std::string& path,
                                                          const std::string& passphrase_path);
[[nodiscard]] Result<std::string> generate_ed25519_pem(const std::string& passphrase_path);

}  // namespace anchorlog::crypto
