#include "anchorlog/crypto/provider_key.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include <algorithm>
#include <optional>

#include "anchorlog/crypto/sha256.h"
#include "crypto/key_file.h"
#include "crypto/openssl_ptr.h"

namespace anchorlog::crypto {
namespace {

constexpr std::size_t kSignatureSizeMax = 256;  // DER; 72 bytes at most for P-256
constexpr std::size_t kPointSize = 65;
// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING }: the point follows.
constexpr std::array<std::uint8_t, 26> kKeyLead{
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
static_assert(kKeyLead.size() + kPointSize == P256PublicKey().size());
constexpr std::string_view kFileScheme = "file:";

using ContextPtr = std::unique_ptr<OSSL_LIB_CTX, OpensslDelete<&OSSL_LIB_CTX_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslDelete<&EVP_PKEY_CTX_free>>;
using PlacePtr = std::unique_ptr<OSSL_STORE_CTX, OpensslDelete<&OSSL_STORE_close>>;
using FoundPtr = std::unique_ptr<OSSL_STORE_INFO, OpensslDelete<&OSSL_STORE_INFO_free>>;
using ProviderPtr = std::unique_ptr<OSSL_PROVIDER, OpensslDelete<&OSSL_PROVIDER_unload>>;
using PromptPtr = std::unique_ptr<UI_METHOD, OpensslDelete<&UI_destroy_method>>;

void free_der(unsigned char* der) { OPENSSL_free(der); }

KeyPtr read_public(const P256PublicKey& key) {
    const unsigned char* at = key.data();
    return KeyPtr(d2i_PUBKEY(nullptr, &at, static_cast<long>(key.size())));
}

// `given` is the PIN, a SecretText; an empty one refuses.
int give_pin(char* out, int size, int, void* given) {
    const std::string_view pin = static_cast<const SecretText*>(given)->view();
    if (pin.empty() || pin.size() > static_cast<std::size_t>(size)) return -1;
    std::copy(pin.begin(), pin.end(), out);
    return static_cast<int>(pin.size());
}

Result<void> check_place(const ProviderKeyPlace& place) {
    const std::size_t colon = place.uri.find(':');
    if (colon == std::string::npos || colon == 0) {
        return Error{Errc::invalid_input,
                     "uri must begin with a scheme: handle:, pkcs11: or file:"};
    }
    for (const char* secret : {"pin-value", "pin-source"}) {
        if (place.uri.find(secret) == std::string::npos) continue;
        // The URI itself is a secret then, and is not repeated.
        return Error{Errc::invalid_input, std::string("uri holds ") + secret +
                                              ": take it out, and name the file that holds the "
                                              "PIN in hardware_key.pin"};
    }
    if (!place.uri.starts_with(kFileScheme)) return {};
    // OpenSSL would read what everybody can.
    std::string path = place.uri.substr(kFileScheme.size());
    if (path.starts_with("//")) path = path.substr(2);
    if (!path.starts_with('/')) {
        return Error{Errc::invalid_input, "uri: file: must be followed by an absolute path"};
    }
    const auto text = read_key_file(path);
    return text ? Result<void>() : Result<void>(text.error());
}

// A key that is open, in an OpenSSL context of its own.
class OpenKey {
public:
    explicit OpenKey(const SecretText& pin) : pin_(pin) {}

    Result<void> load(const std::string& provider);
    Result<void> open(const std::string& uri);

    [[nodiscard]] const P256PublicKey& public_key() const { return public_key_; }
    [[nodiscard]] Result<Bytes> sign(ByteView message) const;

private:
    [[nodiscard]] const char* preference() const {
        return preference_.empty() ? nullptr : preference_.c_str();
    }
    [[nodiscard]] Result<KeyPtr> find(const std::string& uri) const;
    [[nodiscard]] Result<void> take_public();

    // In the order in which they depend on each other. A provider may ask for the PIN again.
    const SecretText& pin_;
    PromptPtr prompt_;
    ContextPtr context_;
    ProviderPtr default_;
    ProviderPtr provider_;
    std::string preference_;
    KeyPtr key_;
    P256PublicKey public_key_{};
};

Result<void> OpenKey::load(const std::string& provider) {
    prompt_.reset(UI_UTIL_wrap_read_pem_callback(&give_pin, 0));
    // A provider that got no PIN may ask for it by itself, and would have a daemon wait for it.
    UI_set_default_method(UI_null());
    context_.reset(OSSL_LIB_CTX_new());
    ANCHORLOG_ASSERT(prompt_ && context_);
    default_.reset(OSSL_PROVIDER_load(context_.get(), "default"));
    if (!default_) return openssl_error(Errc::internal, "OpenSSL's default provider is missing");
    if (provider.empty()) return {};
    provider_.reset(OSSL_PROVIDER_load(context_.get(), provider.c_str()));
    if (!provider_) {
        return openssl_error(Errc::not_found, "OpenSSL cannot load the provider " + provider +
                                                  "; is its package installed?");
    }
    // What both can do, the key's own provider does.
    preference_ = "?provider=" + provider;
    return {};
}

Result<KeyPtr> OpenKey::find(const std::string& uri) const {
    const PlacePtr place(OSSL_STORE_open_ex(uri.c_str(), context_.get(), preference(),
                                            prompt_.get(), const_cast<SecretText*>(&pin_), nullptr,
                                            nullptr, nullptr));
    if (!place) return openssl_error(Errc::not_found, "cannot be opened");
    // A hint only: not every provider heeds it.
    OSSL_STORE_expect(place.get(), OSSL_STORE_INFO_PKEY);
    KeyPtr found;
    while (OSSL_STORE_eof(place.get()) == 0) {
        const FoundPtr info(OSSL_STORE_load(place.get()));
        if (!info && OSSL_STORE_error(place.get()) != 0) break;
        if (!info || OSSL_STORE_INFO_get_type(info.get()) != OSSL_STORE_INFO_PKEY) continue;
        if (found) return Error{Errc::invalid_input, "names more than one private key"};
        found.reset(OSSL_STORE_INFO_get1_PKEY(info.get()));
    }
    if (!found) {
        return openssl_error(Errc::not_found, "no private key there, or the PIN does not open it");
    }
    return found;
}

Result<void> OpenKey::open(const std::string& uri) {
    auto key = find(uri);
    if (!key) return std::move(key).error();
    key_ = std::move(*key);
    return take_public();
}

Result<void> OpenKey::take_public() {
    // As DER, because it is the one form that every provider gives.
    unsigned char* made = nullptr;
    const int size = EVP_PKEY_is_a(key_.get(), "EC") == 1 ? i2d_PUBKEY(key_.get(), &made) : 0;
    const std::unique_ptr<unsigned char, OpensslDelete<&free_der>> der(made);
    ERR_clear_error();
    const auto key = parse_p256_key({made, static_cast<std::size_t>(std::max(size, 0))});
    if (!key) return Error{Errc::invalid_input, "not a P-256 (ECDSA) key"};
    public_key_ = *key;
    return {};
}

Result<Bytes> OpenKey::sign(ByteView message) const {
    // The digest is made here: a device would take a round trip for each part of it.
    const Hash digest = sha256(message);
    const KeyContextPtr context(
        EVP_PKEY_CTX_new_from_pkey(context_.get(), key_.get(), preference()));
    std::size_t size = kSignatureSizeMax;
    Bytes signature(size);
    const bool is_signed = context && EVP_PKEY_sign_init(context.get()) == 1 &&
                           EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1 &&
                           EVP_PKEY_sign(context.get(), signature.data(), &size,
                                         digest.bytes.data(), digest.bytes.size()) == 1;
    if (!is_signed)
        return openssl_error(Errc::unavailable,
                             "the key does not sign, or the PIN does not open it");
    signature.resize(size);
    ERR_clear_error();
    if (!verify_p256(public_key_, message, signature)) {
        return Error{Errc::unavailable, "the key made a signature that its public half refuses"};
    }
    return signature;
}

class ProviderKey final : public HardwareSigner {
public:
    ProviderKey(ProviderKeyPlace place, SecretText pin)
        : place_(std::move(place)), pin_(std::move(pin)) {}

    Result<void> open() const;
    Result<void> try_out();

    const P256PublicKey& public_key() const override { return public_key_; }
    Result<Bytes> sign(ByteView message) const override;

private:
    const ProviderKeyPlace place_;
    const SecretText pin_;
    // Null after a failure: a device that was away is opened anew, because providers keep their
    // connection to it for ever.
    mutable std::unique_ptr<OpenKey> key_;
    P256PublicKey public_key_{};
};

Result<void> ProviderKey::open() const {
    auto key = std::make_unique<OpenKey>(pin_);
    auto done = key->load(place_.provider);
    if (done) done = key->open(place_.uri);
    if (done) key_ = std::move(key);
    return done;
}

Result<void> ProviderKey::try_out() {
    if (auto done = open(); !done) return done;
    public_key_ = key_->public_key();
    // 32 zero bytes: no note and no other text that is ever signed begins so.
    const std::array<std::uint8_t, 32> trial{};
    auto made = sign(trial);
    return made ? Result<void>() : Result<void>(std::move(made).error());
}

Result<Bytes> ProviderKey::sign(ByteView message) const {
    if (!key_) {
        if (auto done = open(); !done) return std::move(done).error();
    }
    auto made = key_->public_key() == public_key_
                    ? key_->sign(message)
                    : Result<Bytes>(Error{Errc::unavailable, "another key is in its place now"});
    if (!made) key_.reset();
    return made;
}

}  // namespace

Result<P256PublicKey> parse_p256_key(ByteView der) {
    P256PublicKey key{};
    const bool is_of_form =
        der.size() == key.size() && std::equal(kKeyLead.begin(), kKeyLead.end(), der.begin());
    if (is_of_form) std::copy(der.begin(), der.end(), key.begin());
    if (!is_of_form || !read_public(key)) {
        ERR_clear_error();
        return Error{Errc::invalid_input,
                     "not the DER of a P-256 public key with an uncompressed point"};
    }
    return key;
}

bool verify_p256(const P256PublicKey& key, ByteView message, ByteView signature) {
    const KeyPtr public_key = read_public(key);
    const DigestContextPtr context(EVP_MD_CTX_new());
    ANCHORLOG_ASSERT(context);
    const bool is_valid = public_key &&
                          EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                                               public_key.get()) == 1 &&
                          EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                           message.data(), message.size()) == 1;
    // A refusal is an answer, not an error: leave nothing for TLS code on this thread.
    if (!is_valid) ERR_clear_error();
    return is_valid;
}

Result<std::unique_ptr<HardwareSigner>> open_provider_key(const ProviderKeyPlace& place) {
    if (auto fits = check_place(place); !fits) return std::move(fits).error();
    auto pin = place.pin_path.empty() ? Result<SecretText>(SecretText(std::string()))
                                      : read_pin(place.pin_path);
    if (!pin) return std::move(pin).error();
    auto key = std::make_unique<ProviderKey>(place, std::move(*pin));
    if (auto done = key->try_out(); !done) return std::move(done).error().in(place.uri);
    return std::unique_ptr<HardwareSigner>(std::move(key));
}

}  // namespace anchorlog::crypto
