#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/sealed_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "support/temp_dir.h"

namespace anchorlog::crypto {
namespace {

using ::testing::HasSubstr;

struct Vector {
    std::string seed;
    std::string key;
    std::string message;
    std::string signature;
};

// RFC 8032 §7.1, tests 1 to 3.
const std::vector<Vector>& rfc8032() {
    static const std::vector<Vector> vectors{
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
         "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"}};
    return vectors;
}

void write_file(const std::string& path, const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

TEST(Ed25519, Rfc8032Vectors) {
    for (const Vector& v : rfc8032()) {
        const auto signer = signer_from_seed(hash_from_hex(v.seed)->bytes);
        EXPECT_EQ(to_hex(signer->public_key()), v.key);
        const Bytes message = *from_hex(v.message);
        const auto signature = signer->sign(message);
        ASSERT_TRUE(signature);
        EXPECT_EQ(to_hex(*signature), v.signature);
        EXPECT_TRUE(verify(signer->public_key(), message, *signature));
    }
}

TEST(Ed25519, VerifyRefusesEveryFlippedBit) {
    const Vector& v = rfc8032()[2];
    const PublicKey key = hash_from_hex(v.key)->bytes;
    const Bytes message = *from_hex(v.message);
    const Bytes signature = *from_hex(v.signature);
    for (std::size_t i = 0; i < signature.size() * 8; ++i) {
        Bytes bad = signature;
        bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1U << (i % 8)));
        EXPECT_FALSE(verify(key, message, bad)) << i;
    }
    PublicKey other = key;
    other[0] ^= 1;
    EXPECT_FALSE(verify(other, message, signature));
    EXPECT_FALSE(verify(key, as_bytes("other"), signature));
    EXPECT_FALSE(verify(key, message, ByteView(signature).first(63)));
    EXPECT_FALSE(verify(key, message, {}));
    Bytes longer = signature;
    longer.push_back(0);
    EXPECT_FALSE(verify(key, message, longer));
    EXPECT_FALSE(verify(PublicKey{}, message, Signature{}));
    EXPECT_EQ(ERR_peek_error(), 0UL) << "left in the error queue for TLS to find";
}

TEST(Ed25519, VerifyRefusesAnSAboveTheOrder) {
    // s + L satisfies the equation too; accepting it would give one message two signatures.
    const Vector& v = rfc8032()[0];
    Bytes bad = *from_hex(v.signature);
    const Bytes order =
        *from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += unsigned{bad[32 + i]} + order[i];
        bad[32 + i] = static_cast<std::uint8_t>(carry & 0xFFU);
        carry >>= 8U;
    }
    EXPECT_FALSE(verify(hash_from_hex(v.key)->bytes, {}, bad));
}

TEST(Ed25519, GeneratedKeyLoadsAndSigns) {
    const testing::TempDir dir;
    const auto pem = generate_ed25519_pem();
    ASSERT_TRUE(pem);
    EXPECT_THAT(*pem, HasSubstr("-----BEGIN PRIVATE "
                                "KEY-----"));
    EXPECT_NE(*pem, *generate_ed25519_pem());
    write_file(dir.file("log.key"), *pem, 0600);
    const auto signer = load_signer(dir.file("log.key"));
    ASSERT_TRUE(signer) << signer.error().message;
    const auto signature = (*signer)->sign(as_bytes("m"));
    ASSERT_TRUE(signature);
    EXPECT_TRUE(verify((*signer)->public_key(), as_bytes("m"), *signature));
}

TEST(Ed25519, KeyFilesOthersMayReadAreRefused) {
    const testing::TempDir dir;
    const std::string path = dir.file("log.key");
    for (const mode_t mode : {0644U, 0640U, 0604U, 0620U, 0602U, 0610U, 0601U}) {
        write_file(path, *generate_ed25519_pem(), mode);
        const auto signer = load_signer(path);
        ASSERT_FALSE(signer) << mode;
        EXPECT_EQ(signer.error().code, Errc::invalid_input);
        EXPECT_THAT(signer.error().message, HasSubstr("chmod 600 " + path));
    }
    ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
    EXPECT_TRUE(load_signer(path));
}

TEST(Ed25519, OnlyACredentialMayShowARightOfTheGroup) {
    const testing::TempDir dir;
    ASSERT_EQ(::mkdir(dir.file("credentials").c_str(), 0700), 0);
    const std::string credential = dir.file("credentials/log.key");
    write_file(credential, *generate_ed25519_pem(), 0440);
    write_file(dir.file("log.key"), *generate_ed25519_pem(), 0440);
    ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY", dir.file("credentials").c_str(), 1), 0);
    EXPECT_TRUE(load_signer(credential));
    EXPECT_FALSE(load_signer(dir.file("log.key")));
    EXPECT_FALSE(load_signer(dir.file("credentials/../log.key")));
    for (const mode_t mode : {0444U, 0460U, 0450U, 0404U}) {
        ASSERT_EQ(::chmod(credential.c_str(), mode), 0);
        EXPECT_FALSE(load_signer(credential)) << mode;
    }
    ASSERT_EQ(::chmod(credential.c_str(), 0440), 0);
    ASSERT_EQ(::unsetenv("CREDENTIALS_DIRECTORY"), 0);
    EXPECT_FALSE(load_signer(credential));
}

TEST(Ed25519, ASealedKeyIsTheSameKeyToWhoHasThePassphrase) {
    const testing::TempDir dir;
    write_file(dir.file("pass"), "correct horse battery\nanother line\n", 0600);
    const auto pem = generate_ed25519_pem(dir.file("pass"));
    ASSERT_TRUE(pem) << pem.error().message;
    EXPECT_THAT(*pem, HasSubstr("BEGIN ENCRYPTED "));
    write_file(dir.file("log.key"), *pem, 0600);
    const auto signer = load_signer(dir.file("log.key"), dir.file("pass"));
    ASSERT_TRUE(signer) << signer.error().message;
    // Without an end of the line it is the same passphrase.
    write_file(dir.file("pass"), "correct horse battery", 0600);
    const auto again = load_signer(dir.file("log.key"), dir.file("pass"));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ((*again)->public_key(), (*signer)->public_key());
}

TEST(Ed25519, SealingAndPassphraseMustFit) {
    const testing::TempDir dir;
    write_file(dir.file("pass"), "correct horse battery", 0600);
    write_file(dir.file("sealed.key"), *generate_ed25519_pem(dir.file("pass")), 0600);
    write_file(dir.file("plain.key"), *generate_ed25519_pem(), 0600);
    const auto error_of = [&dir](const std::string& key, const std::string& passphrase) {
        const auto signer = load_signer(dir.file(key), passphrase);
        return signer ? "loaded" : signer.error().message;
    };
    EXPECT_THAT(error_of("sealed.key", ""), HasSubstr("signing_key_passphrase"));
    EXPECT_THAT(error_of("plain.key", dir.file("pass")), HasSubstr("not sealed"));
    write_file(dir.file("wrong"), "incorrect horse battery", 0600);
    EXPECT_THAT(error_of("sealed.key", dir.file("wrong")), HasSubstr("does not open it"));
    write_file(dir.file("open"), "correct horse battery", 0644);
    EXPECT_THAT(error_of("sealed.key", dir.file("open")), HasSubstr("chmod 600"));
    write_file(dir.file("short"), "eleven byte\nand more", 0600);
    EXPECT_THAT(error_of("sealed.key", dir.file("short")), HasSubstr("12 to 1024"));
    EXPECT_THAT(error_of("sealed.key", dir.file("none")), HasSubstr("No such file"));
    EXPECT_FALSE(generate_ed25519_pem(dir.file("short")));
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST(Ed25519, BadKeyFilesAreRefused) {
    const testing::TempDir dir;
    const std::string path = dir.file("log.key");
    EXPECT_EQ(load_signer(path).error().code, Errc::not_found);
    EXPECT_EQ(load_signer(dir.path()).error().code, Errc::invalid_input);
    const std::string pem = *generate_ed25519_pem();
    for (const std::string& bad :
         {std::string(), std::string("no key"), pem.substr(0, pem.size() / 2),
          std::string(20'000, 'a'), std::string("\0\0", 2)}) {
        write_file(path, bad, 0600);
        const auto signer = load_signer(path);
        ASSERT_FALSE(signer);
        EXPECT_EQ(signer.error().code, Errc::invalid_input);
        EXPECT_THAT(signer.error().message, HasSubstr(path));
    }
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

}  // namespace
}  // namespace anchorlog::crypto
