#include "anchorlog/crypto/secp256k1.h"

#include <openssl/crypto.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <algorithm>

#include "anchorlog/crypto/keccak.h"
#include "anchorlog/crypto/random.h"
#include "crypto/key_file.h"

namespace anchorlog::crypto {

namespace {

constexpr std::size_t kSecretHexSize = 2 * Hash::kSize;
constexpr std::size_t kPublicKeySize = 65;  // 0x04 ‖ x ‖ y

// Made once and only read afterwards, so that every thread may sign with it. The random seed
// blinds its tables against timing; it does not change any signature.
const secp256k1_context* curve() {
    static const secp256k1_context* const context = [] {
        secp256k1_context* made =
            secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
        ANCHORLOG_ASSERT(made != nullptr);
        Hash seed;
        random_bytes(seed.bytes);
        ANCHORLOG_ASSERT(secp256k1_context_randomize(made, seed.bytes.data()) == 1);
        return made;
    }();
    return context;
}

void wipe(Hash& secret) { OPENSSL_cleanse(secret.bytes.data(), secret.bytes.size()); }

class CurveKey final : public AccountKey {
public:
    explicit CurveKey(const Hash& secret) : secret_(secret) {
        secp256k1_pubkey point;
        ANCHORLOG_ASSERT(secp256k1_ec_pubkey_create(curve(), &point, secret_.bytes.data()) == 1);
        std::array<std::uint8_t, kPublicKeySize> encoded{};
        std::size_t size = encoded.size();
        secp256k1_ec_pubkey_serialize(curve(), encoded.data(), &size, &point,
                                      SECP256K1_EC_UNCOMPRESSED);
        ANCHORLOG_ASSERT(size == encoded.size());
        const Hash hash = keccak256(ByteView(encoded).subspan(1));
        std::copy(hash.bytes.end() - 20, hash.bytes.end(), address_.begin());
    }
    CurveKey(const CurveKey&) = delete;
    CurveKey& operator=(const CurveKey&) = delete;
    ~CurveKey() override { wipe(secret_); }

    std::array<std::uint8_t, 20> address() const override { return address_; }

    Result<RecoverableSignature> sign(const Hash& digest) const override {
        secp256k1_ecdsa_recoverable_signature made;
        // The default nonce function is RFC 6979; libsecp256k1 always gives the low s.
        if (secp256k1_ecdsa_sign_recoverable(curve(), &made, digest.bytes.data(),
                                             secret_.bytes.data(), nullptr, nullptr) != 1) {
            return Error{Errc::internal, "secp256k1: signing failed"};
        }
        std::array<std::uint8_t, 2 * Hash::kSize> compact{};
        int recovery_id = 0;
        secp256k1_ecdsa_recoverable_signature_serialize_compact(curve(), compact.data(),
                                                                &recovery_id, &made);
        // 2 and 3 mean r overflowed the order (odds 2^-127); Ethereum cannot express it.
        if (recovery_id < 0 || recovery_id > 1) {
            return Error{Errc::internal, "secp256k1: signature is not recoverable on Ethereum"};
        }
        RecoverableSignature out;
        std::copy_n(compact.begin(), Hash::kSize, out.r.bytes.begin());
        std::copy_n(compact.begin() + Hash::kSize, Hash::kSize, out.s.bytes.begin());
        out.y_parity = static_cast<std::uint8_t>(recovery_id);
        return out;
    }

private:
    Hash secret_;
    std::array<std::uint8_t, 20> address_{};
};

}  // namespace

Result<std::unique_ptr<AccountKey>> load_account_key(const std::string& path) {
    const auto text = read_key_file(path);
    if (!text) return text.error();
    std::string_view hex = text->view();
    if (hex.size() == kSecretHexSize + 1 && hex.back() == '\n') hex.remove_suffix(1);
    if (hex.size() != kSecretHexSize) {
        return Error{Errc::invalid_input,
                     path +
                         ": 64 lower-case hex digits and a line end expected, without 0x; make "
                         "one with `anchorlogctl key generate --type secp256k1`"};
    }
    auto bytes = from_hex(hex);
    if (!bytes) return std::move(bytes).error().in(path);
    Hash secret;
    std::copy(bytes->begin(), bytes->end(), secret.bytes.begin());
    OPENSSL_cleanse(bytes->data(), bytes->size());
    auto key = account_key_from_secret(secret);
    wipe(secret);
    if (!key) return std::move(key).error().in(path);
    return key;
}

Result<std::unique_ptr<AccountKey>> account_key_from_secret(const Hash& secret) {
    if (secp256k1_ec_seckey_verify(curve(), secret.bytes.data()) != 1) {
        return Error{Errc::invalid_input,
                     "secp256k1: the secret is zero or not below the curve's order"};
    }
    return std::unique_ptr<AccountKey>(std::make_unique<CurveKey>(secret));
}

Result<std::string> generate_account_key_hex() {
    Hash secret;
    do {
        random_bytes(secret.bytes);
    } while (secp256k1_ec_seckey_verify(curve(), secret.bytes.data()) != 1);
    std::string hex = to_hex(secret);
    wipe(secret);
    hex.push_back('\n');
    return hex;
}

}  // namespace anchorlog::crypto
