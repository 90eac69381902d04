#include "anchorlog/crypto/keccak.h"

#include <gtest/gtest.h>

namespace anchorlog::crypto {
namespace {

TEST(Keccak256, EthereumVectors) {
    EXPECT_EQ(to_hex(keccak256({})),
              "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    EXPECT_EQ(to_hex(keccak256(as_bytes("abc"))),
              "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    // The topic of ERC-20's event, known to every chain.
    EXPECT_EQ(to_hex(keccak256(as_bytes("Transfer(address,address,uint256)"))),
              "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
}

TEST(Keccak256, BlockBoundaries) {
    // 136 bytes are one block; the padding differs on each side of it.
    EXPECT_EQ(to_hex(keccak256(as_bytes(std::string(135, 'a')))),
              "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446");
    EXPECT_EQ(to_hex(keccak256(as_bytes(std::string(136, 'a')))),
              "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e");
    EXPECT_EQ(to_hex(keccak256(as_bytes(std::string(137, 'a')))),
              "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39");
}

}  // namespace
}  // namespace anchorlog::crypto
