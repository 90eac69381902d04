#include "anchorlog/crypto/sha256.h"

#include <gtest/gtest.h>

#include <thread>

namespace anchorlog::crypto {
namespace {

TEST(Sha256, Fips180Vectors) {
    EXPECT_EQ(to_hex(sha256(ByteView())),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(sha256({})),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(sha256(as_bytes(std::string(1'000'000, 'a')))),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PartsAreConcatenated) {
    const Hash whole = sha256(as_bytes("abcdef"));
    EXPECT_EQ(sha256({as_bytes("ab"), as_bytes(""), as_bytes("cdef")}), whole);
    EXPECT_NE(sha256({as_bytes("ab"), as_bytes("cde")}), whole);
}

TEST(Sha256, ThreadsDoNotDisturbEachOther) {
    const Hash expected = sha256(as_bytes("abc"));
    std::vector<std::thread> threads;
    std::array<bool, 4> is_right{};
    for (bool& flag : is_right) {
        threads.emplace_back([&flag, expected] {
            flag = true;
            for (int i = 0; i < 1000; ++i) flag = flag && sha256(as_bytes("abc")) == expected;
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const bool flag : is_right) EXPECT_TRUE(flag);
}

}  // namespace
}  // namespace anchorlog::crypto
