#include "crypto/openssl_ptr.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <limits>

namespace anchorlog::crypto {

namespace {

int refuse_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

Error openssl_error(Errc code, std::string_view what) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    Error error{code, std::string(what)};
    if (reason != nullptr) error.message += std::string(" (OpenSSL: ") + reason + ")";
    return error;
}

Result<KeyPtr> key_from_pem(std::string_view pem) {
    if (pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        return Error{Errc::invalid_input, "private key: too large"};
    }
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    ANCHORLOG_ASSERT(bio);
    KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &refuse_passphrase, nullptr));
    if (!key) {
        return openssl_error(Errc::invalid_input, "private key: not a PEM key without passphrase");
    }
    return key;
}

Result<std::string> key_to_pem(EVP_PKEY* key) {
    // A memory BIO wipes its buffer when it is freed.
    const BioPtr bio(BIO_new(BIO_s_mem()));
    ANCHORLOG_ASSERT(bio);
    if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        return openssl_error(Errc::internal, "private key: cannot be written as PEM");
    }
    return bio_text(bio.get());
}

std::string bio_text(BIO* bio) {
    BUF_MEM* memory = nullptr;
    BIO_get_mem_ptr(bio, &memory);
    ANCHORLOG_ASSERT(memory != nullptr);
    return {memory->data, memory->length};
}

}  // namespace anchorlog::crypto
