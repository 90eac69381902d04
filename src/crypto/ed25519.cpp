#include "anchorlog/crypto/ed25519.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "anchorlog/crypto/random.h"
#include "crypto/key_file.h"
#include "crypto/openssl_ptr.h"

namespace anchorlog::crypto {

namespace {

class OpensslSigner final : public Signer {
public:
    explicit OpensslSigner(KeyPtr key) : key_(std::move(key)) {
        std::size_t size = public_key_.size();
        ANCHORLOG_ASSERT(EVP_PKEY_get_raw_public_key(key_.get(), public_key_.data(), &size) == 1);
        ANCHORLOG_ASSERT(size == public_key_.size());
    }

    const PublicKey& public_key() const override { return public_key_; }

    Result<Signature> sign(ByteView message) const override {
        const DigestContextPtr context(EVP_MD_CTX_new());
        ANCHORLOG_ASSERT(context);
        Signature signature{};
        std::size_t size = signature.size();
        const bool is_signed =
            EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
            EVP_DigestSign(context.get(), signature.data(), &size, message.data(),
                           message.size()) == 1 &&
            size == signature.size();
        if (!is_signed) return openssl_error(Errc::internal, "Ed25519: signing failed");
        return signature;
    }

private:
    KeyPtr key_;
    PublicKey public_key_{};
};

using Seed = std::array<std::uint8_t, 32>;

KeyPtr key_from_seed(const Seed& seed) {
    KeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    ANCHORLOG_ASSERT(key);
    return key;
}

}  // namespace

Result<std::unique_ptr<Signer>> load_signer(const std::string& path) {
    const auto text = read_key_file(path);
    if (!text) return text.error();
    auto key = key_from_pem(text->view());
    if (!key) return std::move(key).error().in(path);
    if (EVP_PKEY_get_id(key->get()) != EVP_PKEY_ED25519) {
        return Error{Errc::invalid_input, path +
                                              ": not an Ed25519 key; make one with "
                                              "`anchorlogctl key generate --type ed25519`"};
    }
    return std::unique_ptr<Signer>(std::make_unique<OpensslSigner>(std::move(*key)));
}

std::unique_ptr<Signer> signer_from_seed(const std::array<std::uint8_t, 32>& seed) {
    return std::make_unique<OpensslSigner>(key_from_seed(seed));
}

Result<std::string> generate_ed25519_pem() {
    Seed seed{};
    random_bytes(seed);
    const KeyPtr key = key_from_seed(seed);
    OPENSSL_cleanse(seed.data(), seed.size());
    return key_to_pem(key.get());
}

bool verify(const PublicKey& key, ByteView message, ByteView signature) {
    if (signature.size() != Signature().size()) return false;
    const KeyPtr public_key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
    const DigestContextPtr context(EVP_MD_CTX_new());
    ANCHORLOG_ASSERT(public_key && context);
    const bool is_valid =
        EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
        EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                         message.size()) == 1;
    // A refusal is an answer, not an error: leave nothing for TLS code on this thread.
    if (!is_valid) ERR_clear_error();
    return is_valid;
}

}  // namespace anchorlog::crypto
