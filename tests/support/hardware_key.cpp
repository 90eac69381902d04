#include "support/hardware_key.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <fstream>

#include "anchorlog/base/assert.h"
#include "anchorlog/crypto/sha256.h"
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

template <auto kFree>
struct Free {
    template <class T>
    void operator()(T* object) const {
        kFree(object);
    }
};
using Number = std::unique_ptr<BIGNUM, Free<&BN_free>>;
using Point = std::unique_ptr<EC_POINT, Free<&EC_POINT_free>>;

class SeededKey final : public crypto::HardwareSigner {
public:
    explicit SeededKey(std::uint8_t seed) {
        const Bytes secret(32, seed);
        secret_ = number(secret);
        const Point point = times_generator(*secret_);
        Bytes der = *from_hex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
        Bytes encoded(65);
        EC_POINT_point2oct(group_.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(),
                           encoded.size(), context_.get());
        append(der, encoded);
        public_key_ = *crypto::parse_p256_key(der);
    }

    const crypto::P256PublicKey& public_key() const override { return public_key_; }

    Result<Bytes> sign(ByteView message) const override {
        const Hash digest = crypto::sha256(message);
        const Number nonce = number(crypto::sha256({public_key_, digest.bytes}).bytes);
        const BIGNUM* order = EC_GROUP_get0_order(group_.get());
        Number r(BN_new());
        Number s(BN_new());
        EC_POINT_get_affine_coordinates(group_.get(), times_generator(*nonce).get(), r.get(),
                                        nullptr, context_.get());
        BN_nnmod(r.get(), r.get(), order, context_.get());
        BN_mod_mul(s.get(), r.get(), secret_.get(), order, context_.get());
        BN_mod_add(s.get(), s.get(), number(digest.bytes).get(), order, context_.get());
        const Number inverse(BN_mod_inverse(nullptr, nonce.get(), order, context_.get()));
        BN_mod_mul(s.get(), s.get(), inverse.get(), order, context_.get());
        const std::unique_ptr<ECDSA_SIG, Free<&ECDSA_SIG_free>> pair(ECDSA_SIG_new());
        ECDSA_SIG_set0(pair.get(), r.release(), s.release());
        Bytes der(80);
        unsigned char* at = der.data();
        der.resize(static_cast<std::size_t>(i2d_ECDSA_SIG(pair.get(), &at)));
        return der;
    }

private:
    static Number number(ByteView bytes) {
        return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    }
    Point times_generator(const BIGNUM& factor) const {
        Point out(EC_POINT_new(group_.get()));
        EC_POINT_mul(group_.get(), out.get(), &factor, nullptr, nullptr, context_.get());
        return out;
    }

    std::unique_ptr<EC_GROUP, Free<&EC_GROUP_free>> group_{
        EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)};
    std::unique_ptr<BN_CTX, Free<&BN_CTX_free>> context_{BN_CTX_new()};
    Number secret_;
    crypto::P256PublicKey public_key_{};
};

}  // namespace

std::shared_ptr<crypto::HardwareSigner> hardware_key_from_seed(std::uint8_t seed) {
    return std::make_shared<SeededKey>(seed);
}

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
