#include "anchorlog/crypto/provider_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include "support/hardware_key.h"
#include "support/temp_dir.h"

namespace anchorlog::crypto {
namespace {

using ::testing::HasSubstr;
using testing::private_key_pem;
using testing::write_private_file;

// The public key of Sigstore's Rekor log: somebody else's DER.
constexpr std::string_view kOthersKey =
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004d86d98fb6b5a6dd4d5e41706881231d1af5f00"
    "5c2b9016e62d21ad92ce0bdea5fac98634cee7c19e10bc52bfe2cb9e468563fff40fdb6362e10b7d0cf7e458b7";

class ProviderKeyTest : public ::testing::Test {
protected:
    std::string put(const std::string& name, const std::string& text, unsigned mode = 0600) {
        write_private_file(dir_.file(name), text, mode);
        return "file:" + dir_.file(name);
    }
    static std::string refusal(const ProviderKeyPlace& place) {
        const auto key = open_provider_key(place);
        EXPECT_FALSE(key);
        EXPECT_EQ(ERR_peek_error(), 0UL) << "left in the error queue for TLS to find";
        return key ? "" : key.error().message;
    }

    testing::TempDir dir_;
};

TEST_F(ProviderKeyTest, SignsWithTheKeyOfAFile) {
    const auto key = open_provider_key({put("k.pem", private_key_pem("EC", "P-256")), "", ""});
    ASSERT_TRUE(key) << key.error().message;
    const auto& public_key = (*key)->public_key();
    for (const std::string_view message : {"", "one", "two"}) {
        const auto signature = (*key)->sign(as_bytes(message));
        ASSERT_TRUE(signature) << signature.error().message;
        EXPECT_TRUE(verify_p256(public_key, as_bytes(message), *signature));
        EXPECT_FALSE(verify_p256(public_key, as_bytes("other"), *signature));
    }
    EXPECT_TRUE(parse_p256_key(public_key));
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST_F(ProviderKeyTest, VerifyRefusesEveryFlippedByteOfASignature) {
    const auto key = testing::new_hardware_key();
    const Bytes signature = *key->sign(as_bytes("m"));
    for (std::size_t i = 0; i < signature.size(); ++i) {
        Bytes bad = signature;
        bad[i] ^= 1;
        EXPECT_FALSE(verify_p256(key->public_key(), as_bytes("m"), bad)) << i;
    }
    Bytes longer = signature;
    longer.push_back(0);
    EXPECT_FALSE(verify_p256(key->public_key(), as_bytes("m"), longer));
    EXPECT_FALSE(verify_p256(key->public_key(), as_bytes("m"), {}));
    EXPECT_FALSE(verify_p256(testing::new_hardware_key()->public_key(), as_bytes("m"), signature));
    EXPECT_FALSE(verify_p256(P256PublicKey{}, as_bytes("m"), signature));
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST_F(ProviderKeyTest, TakesOneFormOfAPublicKey) {
    Bytes other = *from_hex(kOthersKey);
    ASSERT_EQ(other.size(), P256PublicKey().size());
    EXPECT_TRUE(parse_p256_key(other));
    other.back() ^= 1;
    EXPECT_FALSE(parse_p256_key(other)) << "not on the curve";
    other.back() ^= 1;
    other[26] = 0x02;
    EXPECT_FALSE(parse_p256_key(other)) << "a compressed point's mark";
    other[26] = 0x04;
    other.push_back(0);
    EXPECT_FALSE(parse_p256_key(other));
    EXPECT_FALSE(parse_p256_key({}));
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST_F(ProviderKeyTest, APinOpensASealedKey) {
    const std::string uri = put("k.pem", private_key_pem("EC", "P-256", "sesame-1"));
    put("pin", "sesame-1\nnot this line\n");
    put("wrong", "sesame-2\n");
    put("short", "123\n");
    put("open", "sesame-1\n", 0644);
    EXPECT_TRUE(open_provider_key({uri, "", dir_.file("pin")}));
    EXPECT_THAT(refusal({uri, "", ""}), HasSubstr("the PIN does not open it"));
    EXPECT_THAT(refusal({uri, "", dir_.file("wrong")}), HasSubstr("the PIN does not open it"));
    EXPECT_THAT(refusal({uri, "", dir_.file("short")}), HasSubstr("a PIN of 4 to 1024 bytes"));
    EXPECT_THAT(refusal({uri, "", dir_.file("open")}), HasSubstr("chmod 600"));
    EXPECT_THAT(refusal({uri, "", dir_.file("absent")}), HasSubstr("cannot open"));
}

TEST_F(ProviderKeyTest, RefusesEveryOtherKindOfKey) {
    const std::string wrong = "not a P-256 (ECDSA) key";
    EXPECT_THAT(refusal({put("e", private_key_pem("ED25519")), "", ""}), HasSubstr(wrong));
    EXPECT_THAT(refusal({put("r", private_key_pem("RSA")), "", ""}), HasSubstr(wrong));
    EXPECT_THAT(refusal({put("3", private_key_pem("EC", "P-384")), "", ""}), HasSubstr(wrong));
    EXPECT_THAT(refusal({put("s", private_key_pem("EC", "secp256k1")), "", ""}), HasSubstr(wrong));
}

TEST_F(ProviderKeyTest, RefusesAPlaceWithoutOneKey) {
    const std::string one = private_key_pem("EC", "P-256");
    EXPECT_THAT(refusal({put("two", one + private_key_pem("EC", "P-256")), "", ""}),
                HasSubstr("more than one private key"));
    EXPECT_THAT(refusal({put("public", testing::public_key_pem(one)), "", ""}),
                HasSubstr("no private key there"));
    EXPECT_THAT(refusal({put("junk", "junk\n"), "", ""}), HasSubstr("no private key there"));
    EXPECT_THAT(refusal({put("k", one, 0644), "", ""}), HasSubstr("chmod 600"));
    EXPECT_THAT(refusal({"file:" + dir_.file("absent"), "", ""}), HasSubstr("cannot open"));
    EXPECT_THAT(refusal({"file:" + dir_.path(), "", ""}), HasSubstr("not a regular file"));
    put("fine", one);
    EXPECT_TRUE(open_provider_key({"file://" + dir_.file("fine"), "", ""}));
}

// As when a token is pulled out, and put back.
TEST_F(ProviderKeyTest, AKeyIsItsOwnWhateverComesIntoItsPlace) {
    const std::string own = private_key_pem("EC", "P-256");
    const auto key = open_provider_key({put("k.pem", own), "", ""});
    ASSERT_TRUE(key);
    const P256PublicKey before = (*key)->public_key();
    put("k.pem", private_key_pem("EC", "P-256"));
    const auto signature = (*key)->sign(as_bytes("m"));
    ASSERT_TRUE(signature) << "it is open";
    EXPECT_TRUE(verify_p256(before, as_bytes("m"), *signature));
}

TEST_F(ProviderKeyTest, RefusesAUriOrProviderThatCannotServe) {
    const std::string uri = put("k.pem", private_key_pem("EC", "P-256"));
    EXPECT_THAT(refusal({uri, "no_such_provider", ""}),
                HasSubstr("cannot load the provider no_such_provider"));
    EXPECT_THAT(refusal({"handle:0x81000001", "", ""}), HasSubstr("cannot be opened"));
    EXPECT_THAT(refusal({dir_.file("k.pem"), "", ""}), HasSubstr("must begin with a scheme"));
    EXPECT_THAT(refusal({"", "", ""}), HasSubstr("must begin with a scheme"));
    EXPECT_THAT(refusal({"file:k.pem", "", ""}), HasSubstr("an absolute path"));
}

TEST_F(ProviderKeyTest, ASecretInTheUriIsRefusedAndNotRepeated) {
    const std::string said = refusal({"pkcs11:token=t;object=k?pin-value=8642", "pkcs11", ""});
    EXPECT_THAT(said, HasSubstr("hardware_key.pin"));
    EXPECT_THAT(said, ::testing::Not(HasSubstr("8642")));
    EXPECT_THAT(refusal({"pkcs11:token=t?pin-source=file:/p", "pkcs11", ""}),
                HasSubstr("pin-source"));
}

}  // namespace
}  // namespace anchorlog::crypto
