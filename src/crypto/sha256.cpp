#include "anchorlog/crypto/sha256.h"

#include "crypto/digest.h"

namespace anchorlog::crypto {

Hash sha256(std::initializer_list<ByteView> parts) {
    static const EVP_MD* const algorithm = fetch_digest("SHA256");
    static thread_local const DigestContextPtr context(EVP_MD_CTX_new());
    return digest(context.get(), algorithm, parts);
}

}  // namespace anchorlog::crypto
