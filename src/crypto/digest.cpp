#include "crypto/digest.h"

namespace anchorlog::crypto {

const EVP_MD* fetch_digest(const char* name) {
    const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
    ANCHORLOG_ASSERT(algorithm != nullptr);
    ANCHORLOG_ASSERT(EVP_MD_get_size(algorithm) == static_cast<int>(Hash::kSize));
    return algorithm;
}

Hash digest(EVP_MD_CTX* context, const EVP_MD* algorithm, std::initializer_list<ByteView> parts) {
    ANCHORLOG_ASSERT(context != nullptr);
    ANCHORLOG_ASSERT(EVP_DigestInit_ex2(context, algorithm, nullptr) == 1);
    for (const ByteView part : parts) {
        ANCHORLOG_ASSERT(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
    }
    Hash hash;
    unsigned size = 0;
    ANCHORLOG_ASSERT(EVP_DigestFinal_ex(context, hash.bytes.data(), &size) == 1);
    ANCHORLOG_ASSERT(size == Hash::kSize);
    return hash;
}

}  // namespace anchorlog::crypto
