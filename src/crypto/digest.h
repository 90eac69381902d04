#pragma once

#include <initializer_list>

#include "anchorlog/base/bytes.h"
#include "crypto/openssl_ptr.h"

namespace anchorlog::crypto {

// Finds an algorithm once: a fetch takes locks and costs more than hashing a short message.
// The result lives as long as the process, because threads may hash while it exits.
[[nodiscard]] const EVP_MD* fetch_digest(const char* name);

// Hashes the concatenated parts. `context` is reused from call to call; it belongs to one thread
// and to one algorithm, so that OpenSSL keeps its state instead of making it anew.
[[nodiscard]] Hash digest(EVP_MD_CTX* context, const EVP_MD* algorithm,
                          std::initializer_list<ByteView> parts);

}  // namespace anchorlog::crypto
