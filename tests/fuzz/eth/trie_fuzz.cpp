#include <algorithm>
#include <vector>

#include "anchor/eth/rlp.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/receipt.h"
#include "anchorlog/eth/trie.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

// Where an input means "the hash of the next node": no mutation finds a hash by itself.
constexpr std::uint8_t kHashMark = 0xAA;
constexpr std::size_t kNodesMax = 12;
constexpr std::size_t kValuesMax = 160;

// One byte count, then nodes of a two-byte size each; every mark becomes the next node's hash.
std::vector<Bytes> read_path(InputReader& reader) {
    std::vector<Bytes> path(reader.byte() % (kNodesMax + 1));
    for (Bytes& node : path) {
        const std::size_t size = std::size_t{reader.byte()} << 8 | reader.byte();
        const ByteView bytes = reader.bytes(size);
        node.assign(bytes.begin(), bytes.end());
    }
    const Bytes mark(Hash::kSize, kHashMark);
    for (std::size_t i = path.size(); i-- > 1;) {
        const Hash hash = crypto::keccak256(path[i]);
        Bytes& parent = path[i - 1];
        const auto at = std::search(parent.begin(), parent.end(), mark.begin(), mark.end());
        if (at != parent.end()) std::copy(hash.bytes.begin(), hash.bytes.end(), at);
    }
    return path;
}

}  // namespace

// A path that may be of a proof, and behind it a key.
void trie_proof(ByteView input) {
    InputReader reader(input);
    std::vector<Bytes> path = read_path(reader);
    const Hash root = path.empty() ? Hash() : crypto::keccak256(path.front());
    const auto value = eth::verify_trie_proof(root, reader.rest(), path);
    if (!value) return;
    require(!value->empty(), "no value is empty");
    static_cast<void>(eth::parse_receipt(*value));
    path.push_back(path.back());
    require(!eth::verify_trie_proof(root, reader.rest(), path), "every node of a proof is used");
    path.resize(path.size() - 2);
    require(!eth::verify_trie_proof(root, reader.rest(), path), "no node may be missing");
}

// Values of the given sizes, the proof of one of them, and what one changed byte makes of it.
void list_trie(ByteView input) {
    InputReader reader(input);
    const std::size_t target = reader.byte();
    const std::size_t other = reader.byte();
    const std::size_t node = reader.byte();
    const std::size_t place = std::size_t{reader.byte()} << 8 | reader.byte();
    const std::uint8_t flip = reader.byte();
    std::vector<Bytes> values;
    while (!reader.is_empty() && values.size() < kValuesMax) {
        Bytes value(std::size_t{reader.byte()} + 1, static_cast<std::uint8_t>(values.size()));
        values.push_back(std::move(value));
    }
    const auto proof = eth::list_trie_proof(values, target);
    require(proof.has_value() == (target < values.size()), "every value has a proof, no other has");
    if (!proof) return;
    require(proof->root == eth::list_trie_root(values), "a proof is under the list's root");
    const auto value = eth::verify_list_proof(proof->root, target, proof->path);
    require(value && *value == values[target], "a proof proves its value");
    const auto elsewhere = eth::verify_list_proof(proof->root, other, proof->path);
    require(!elsewhere || (other < values.size() && *elsewhere == values[other]),
            "a proof proves nothing false of another place");

    std::vector<Bytes> broken = proof->path;
    Bytes& bytes = broken[node % broken.size()];
    bytes[place % bytes.size()] = static_cast<std::uint8_t>(bytes[place % bytes.size()] ^ flip);
    require(flip == 0 || !eth::verify_list_proof(proof->root, target, broken),
            "a changed node is refused");
}

}  // namespace anchorlog::fuzz
