#include "anchorlog/crypto/secp256k1.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "anchorlog/crypto/sha256.h"
#include "support/temp_dir.h"

namespace anchorlog::crypto {
namespace {

using ::testing::HasSubstr;

Hash secret_of(std::uint8_t last) {
    Hash secret;
    secret.bytes.back() = last;
    return secret;
}

void write_file(const std::string& path, const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

TEST(AccountKey, AddressesOfKnownSecrets) {
    EXPECT_EQ(to_hex((*account_key_from_secret(secret_of(1)))->address()),
              "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    EXPECT_EQ(to_hex((*account_key_from_secret(secret_of(2)))->address()),
              "2b5ad5c4795c026514f8317c7a215e218dccd6cf");
}

TEST(AccountKey, SigningIsRfc6979WithLowS) {
    // The vector of the secret 1 that wallet implementations share.
    const auto key = account_key_from_secret(secret_of(1));
    ASSERT_TRUE(key);
    const auto signature = (*key)->sign(sha256(as_bytes("Satoshi Nakamoto")));
    ASSERT_TRUE(signature);
    EXPECT_EQ(to_hex(signature->r),
              "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8");
    EXPECT_EQ(to_hex(signature->s),
              "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5");
    EXPECT_LE(signature->y_parity, 1);

    const Hash half_order =
        *hash_from_hex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");
    for (std::uint8_t i = 0; i < 50; ++i) {
        const Hash digest = sha256(ByteView(&i, 1));
        const auto first = (*key)->sign(digest);
        const auto second = (*key)->sign(digest);
        ASSERT_TRUE(first && second);
        EXPECT_LE(first->s, half_order);
        EXPECT_EQ(first->r, second->r);
        EXPECT_EQ(first->s, second->s);
        EXPECT_EQ(first->y_parity, second->y_parity);
    }
}

TEST(AccountKey, SecretsOutsideTheOrderAreRefused) {
    EXPECT_FALSE(account_key_from_secret(Hash{}));
    const std::string order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    EXPECT_FALSE(account_key_from_secret(*hash_from_hex(order)));
    EXPECT_TRUE(account_key_from_secret(*hash_from_hex(order.substr(0, 63) + "0")));
}

TEST(AccountKey, GeneratedKeyLoads) {
    const testing::TempDir dir;
    const auto text = generate_account_key_hex();
    ASSERT_TRUE(text);
    ASSERT_EQ(text->size(), 65U);
    EXPECT_EQ(text->back(), '\n');
    EXPECT_NE(*text, *generate_account_key_hex());
    write_file(dir.file("k"), *text, 0600);
    const auto key = load_account_key(dir.file("k"));
    ASSERT_TRUE(key) << key.error().message;
    const auto same = account_key_from_secret(*hash_from_hex(text->substr(0, 64)));
    EXPECT_EQ((*key)->address(), (*same)->address());
}

TEST(AccountKey, BadFilesAreRefusedWithoutEchoingThem) {
    const testing::TempDir dir;
    const std::string path = dir.file("k");
    EXPECT_EQ(load_account_key(path).error().code, Errc::not_found);
    const std::string good(64, 'a');
    for (const std::string& bad :
         {std::string(), std::string("\n"), good + "\n\n", good + "\r\n", "0x" + good + "\n",
          std::string(64, 'A') + "\n", std::string(63, 'a') + "\n", " " + good,
          std::string(64, '0') + "\n"}) {
        write_file(path, bad, 0600);
        const auto key = load_account_key(path);
        ASSERT_FALSE(key) << bad;
        EXPECT_EQ(key.error().code, Errc::invalid_input);
        EXPECT_THAT(key.error().message, HasSubstr(path));
        EXPECT_EQ(key.error().message.find("aaaaaaaa"), std::string::npos);
    }
    write_file(path, good + "\n", 0644);
    const auto readable = load_account_key(path);
    ASSERT_FALSE(readable);
    EXPECT_THAT(readable.error().message, HasSubstr("chmod 600"));
    write_file(path, good + "\n", 0600);
    EXPECT_TRUE(load_account_key(path));
}

}  // namespace
}  // namespace anchorlog::crypto
