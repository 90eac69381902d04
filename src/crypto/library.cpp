#include "anchorlog/crypto/library.h"

#include <openssl/crypto.h>

#include "anchorlog/base/assert.h"

namespace anchorlog::crypto {

void ignore_system_configuration() {
    ANCHORLOG_ASSERT(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1);
}

}  // namespace anchorlog::crypto
