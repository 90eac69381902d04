#include "crypto/openssl_ptr.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <algorithm>
#include <limits>

#include "anchorlog/base/assert.h"
#include "anchorlog/crypto/library.h"

namespace anchorlog::crypto {

namespace {

// scrypt's cost: 16 MiB and some 50 ms for each try.
constexpr std::uint64_t kScryptN = 16'384;
constexpr std::uint64_t kScryptR = 8;
constexpr std::uint64_t kScryptP = 1;

// `given` is the passphrase, a string_view; an empty one refuses.
int give_passphrase(char* out, int size, int, void* given) {
    const std::string_view passphrase = *static_cast<const std::string_view*>(given);
    if (passphrase.empty() || passphrase.size() > static_cast<std::size_t>(size)) return -1;
    std::copy(passphrase.begin(), passphrase.end(), out);
    return static_cast<int>(passphrase.size());
}

bool write_encrypted(BIO* bio, EVP_PKEY* key, std::string_view passphrase) {
    const KeyInfoPtr info(EVP_PKEY2PKCS8(key));
    X509_ALGOR* method =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nullptr, 0, nullptr, kScryptN, kScryptR, kScryptP);
    if (!info || method == nullptr) {
        X509_ALGOR_free(method);
        return false;
    }
    X509_SIG* sealed =
        PKCS8_set0_pbe(passphrase.data(), static_cast<int>(passphrase.size()), info.get(), method);
    if (sealed == nullptr) X509_ALGOR_free(method);
    const bool is_written = sealed != nullptr && PEM_write_bio_PKCS8(bio, sealed) == 1;
    X509_SIG_free(sealed);
    return is_written;
}

}  // namespace

Error openssl_error(Errc code, std::string_view what) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    Error error{code, std::string(what)};
    if (reason != nullptr) error.message += std::string(" (OpenSSL: ") + reason + ")";
    return error;
}

Result<KeyPtr> key_from_pem(std::string_view pem, std::string_view passphrase) {
    if (pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        return Error{Errc::invalid_input, "private key: too large"};
    }
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    ANCHORLOG_ASSERT(bio);
    KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &give_passphrase, &passphrase));
    if (!key) {
        return openssl_error(Errc::invalid_input,
                             passphrase.empty() ? "private key: not a PEM key without passphrase"
                                                : "private key: the passphrase does not open it");
    }
    return key;
}

Result<std::string> key_to_pem(EVP_PKEY* key, std::string_view passphrase) {
    // A memory BIO wipes its buffer when it is freed.
    const BioPtr bio(BIO_new(BIO_s_mem()));
    ANCHORLOG_ASSERT(bio);
    const bool is_written = passphrase.empty()
                                ? PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0,
                                                                nullptr, nullptr) == 1
                                : write_encrypted(bio.get(), key, passphrase);
    if (!is_written) {
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

void ignore_system_configuration() {
    ANCHORLOG_ASSERT(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1);
}

}  // namespace anchorlog::crypto
