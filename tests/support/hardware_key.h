#pragma once

#include <memory>
#include <string>

#include "anchorlog/crypto/provider_key.h"

namespace anchorlog::testing {

// A new private key as PKCS#8 PEM: `curve` P-256 or P-384, else `type` RSA or ED25519; encrypted
// if there is a passphrase.
[[nodiscard]] std::string private_key_pem(const std::string& type, const std::string& curve = {},
                                          const std::string& passphrase = {});
// Its public half, PEM.
[[nodiscard]] std::string public_key_pem(const std::string& private_pem);
void write_private_file(const std::string& path, const std::string& text, unsigned mode = 0600);

// Opens a new P-256 key out of a file, as it would one in a device.
[[nodiscard]] std::unique_ptr<crypto::HardwareSigner> new_hardware_key();

// A key that a seed stands for, and that signs the same bytes the same way each time, so that a
// test that fails can be run again. For tests alone: a device chooses its nonces by chance.
[[nodiscard]] std::shared_ptr<crypto::HardwareSigner> hardware_key_from_seed(std::uint8_t seed);

}  // namespace anchorlog::testing
