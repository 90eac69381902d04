#include "anchorlog/crypto/ed25519.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "anchorlog/crypto/random.h"
#include "anchorlog/crypto/sealed_key.h"
#include "crypto/key_file.h"
#include "crypto/openssl_ptr.h"

namespace anchorlog::crypto {

namespace {

constexpr std::string_view kSealedKey = "-----BEGIN ENCRYPTED ";

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

// Empty for no path.
Result<SecretText> passphrase_of(const std::string& path) {
    if (path.empty()) return SecretText(std::string());
    return read_passphrase(path);
}

Result<void> check_sealing(std::string_view pem, const std::string& passphrase_path) {
    const bool is_sealed = pem.find(kSealedKey) != std::string_view::npos;
    if (is_sealed && passphrase_path.empty()) {
        return Error{Errc::invalid_input,
                     "the key is sealed with a passphrase; name the file that holds it in "
                     "signing_key_passphrase"};
    }
    if (!is_sealed && !passphrase_path.empty()) {
        return Error{Errc::invalid_input,
                     "the key is not sealed, though signing_key_passphrase says so; take that out "
                     "of the configuration or make a new key"};
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Signer>> load_signer(const std::string& path,
                                            const std::string& passphrase_path) {
    const auto text = read_key_file(path);
    if (!text) return text.error();
    const auto passphrase = passphrase_of(passphrase_path);
    if (!passphrase) return passphrase.error();
    if (auto fits = check_sealing(text->view(), passphrase_path); !fits) {
        return std::move(fits).error().in(path);
    }
    auto key = key_from_pem(text->view(), passphrase->view());
    if (!key) return std::move(key).error().in(path);
    if (EVP_PKEY_get_id(key->get()) != EVP_PKEY_ED25519) {
        return Error{Errc::invalid_input, path +
                                              ": not an Ed25519 key; make one with "
                                              "`anchorlogctl key generate --type ed25519`"};
    }
    return std::unique_ptr<Signer>(std::make_unique<OpensslSigner>(std::move(*key)));
}

Result<std::unique_ptr<Signer>> load_signer(const std::string& path) {
    return load_signer(path, {});
}

std::unique_ptr<Signer> signer_from_seed(const std::array<std::uint8_t, 32>& seed) {
    return std::make_unique<OpensslSigner>(key_from_seed(seed));
}

Result<std::string> generate_ed25519_pem() { return generate_ed25519_pem(std::string()); }

Result<std::string> generate_ed25519_pem(const std::string& passphrase_path) {
    const auto passphrase = passphrase_of(passphrase_path);
    if (!passphrase) return passphrase.error();
    Seed seed{};
    random_bytes(seed);
    const KeyPtr key = key_from_seed(seed);
    OPENSSL_cleanse(seed.data(), seed.size());
    return key_to_pem(key.get(), passphrase->view());
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
