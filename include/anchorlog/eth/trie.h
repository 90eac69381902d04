#pragma once

#include <cstddef>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog::eth {

// No receipt trie is as deep: its keys have at most 9 bytes, so 18 nibbles and a leaf.
inline constexpr std::size_t kTriePathNodesMax = 64;

// Nodes from the root to a value, as eth_getProof lists them: nodes shorter than 32 bytes are
// embedded in their parent and not listed.
struct TrieProof {
    Hash root;
    std::vector<Bytes> path;
};

// Merkle-Patricia trie over `values` at the keys rlp(0), rlp(1), …: how a block commits to its
// receipts and transactions. No value may be empty. An empty list gives keccak256(0x80).
[[nodiscard]] Hash list_trie_root(const std::vector<Bytes>& values);
// The proof for values[index]; invalid_input when there is no such value.
[[nodiscard]] Result<TrieProof> list_trie_proof(const std::vector<Bytes>& values,
                                                std::size_t index);

// The value at `key` under `root`. Strict: every node hashes to its reference, is in its only
// form, and is used; anything else, also a proof of absence, is invalid_input.
[[nodiscard]] Result<Bytes> verify_trie_proof(const Hash& root, ByteView key,
                                              const std::vector<Bytes>& path);
// The same for a value of a list: key rlp(index).
[[nodiscard]] Result<Bytes> verify_list_proof(const Hash& root, std::uint64_t index,
                                              const std::vector<Bytes>& path);

}  // namespace anchorlog::eth
