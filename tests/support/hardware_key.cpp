#include "support/hardware_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <fstream>

#include "anchorlog/base/assert.h"
#include "support/temp_dir.h"

namespace anchorlog::testing {
namespace {

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
}

EVP_PKEY* new_key(const std::string& type, const std::string& curve) {
    if (type == "EC") return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve.c_str());
    if (type == "RSA") {
        return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(2048));
    }
    return EVP_PKEY_Q_keygen(nullptr, nullptr, type.c_str());
}

}  // namespace

std::string private_key_pem(const std::string& type, const std::string& curve,
                            const std::string& passphrase) {
    EVP_PKEY* key = new_key(type, curve);
    ANCHORLOG_ASSERT(key != nullptr);
    BIO* bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER* cipher = passphrase.empty() ? nullptr : EVP_aes_256_cbc();
    ANCHORLOG_ASSERT(PEM_write_bio_PKCS8PrivateKey(
                         bio, key, cipher, passphrase.empty() ? nullptr : passphrase.data(),
                         static_cast<int>(passphrase.size()), nullptr, nullptr) == 1);
    EVP_PKEY_free(key);
    return text_of(bio);
}

std::string public_key_pem(const std::string& private_pem) {
    BIO* in = BIO_new_mem_buf(private_pem.data(), static_cast<int>(private_pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
    BIO_free(in);
    BIO* bio = BIO_new(BIO_s_mem());
    ANCHORLOG_ASSERT(key != nullptr && PEM_write_bio_PUBKEY(bio, key) == 1);
    EVP_PKEY_free(key);
    return text_of(bio);
}

void write_private_file(const std::string& path, const std::string& text, unsigned mode) {
    std::ofstream(path) << text;
    ANCHORLOG_ASSERT(::chmod(path.c_str(), mode) == 0);
}

std::unique_ptr<crypto::HardwareSigner> new_hardware_key() {
    const TempDir dir;
    const std::string path = dir.file("key.pem");
    write_private_file(path, private_key_pem("EC", "P-256"));
    auto key = crypto::open_provider_key({"file:" + path, "", ""});
    ANCHORLOG_ASSERT(key);
    return std::move(*key);
}

}  // namespace anchorlog::testing
