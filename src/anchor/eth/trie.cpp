#include "anchorlog/eth/trie.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "anchor/eth/rlp.h"
#include "anchorlog/crypto/keccak.h"

namespace anchorlog::eth {

namespace {

using Nibbles = std::vector<std::uint8_t>;

constexpr std::size_t kBranchItems = 17;  // sixteen children and a value
constexpr std::size_t kShortItems = 2;    // a leaf or an extension: path and value or child
constexpr std::uint8_t kOddFlag = 1;
constexpr std::uint8_t kLeafFlag = 2;

Nibbles to_nibbles(ByteView bytes) {
    Nibbles out;
    out.reserve(2 * bytes.size());
    for (const std::uint8_t byte : bytes) {
        out.push_back(byte >> 4);
        out.push_back(byte & 0x0f);
    }
    return out;
}

Bytes list_key(std::uint64_t index) {
    Bytes key;
    append_rlp_uint(key, index);
    return key;
}

// Hex-prefix encoding (yellow paper, appendix C).
Bytes encode_path(std::span<const std::uint8_t> nibbles, bool is_leaf) {
    const bool is_odd = nibbles.size() % 2 == 1;
    const auto flags =
        static_cast<std::uint8_t>((is_leaf ? kLeafFlag : 0) | (is_odd ? kOddFlag : 0));
    Bytes out;
    std::size_t i = 0;
    out.push_back(static_cast<std::uint8_t>(flags << 4 | (is_odd ? nibbles[i++] : 0)));
    for (; i < nibbles.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(nibbles[i] << 4 | nibbles[i + 1]));
    }
    return out;
}

struct Slot {
    Nibbles key;
    const Bytes* value = nullptr;
};

// Builds the trie of sorted slots in one pass, keeping the nodes on the way to one of them.
class Builder {
public:
    explicit Builder(const Slot* target) : target_(target) {}

    Bytes build(std::span<const Slot> slots, std::size_t depth) {
        const std::size_t at = path_.size();
        const bool on_path =
            target_ != nullptr && target_ >= slots.data() && target_ < slots.data() + slots.size();
        if (on_path) path_.emplace_back();
        Bytes node = slots.size() == 1 ? leaf(slots[0], depth) : inner(slots, depth);
        // The root is listed whatever its size; any other small node travels in its parent.
        if (on_path) {
            if (node.size() >= Hash::kSize || depth == 0) {
                path_[at] = node;
            } else {
                path_[at].clear();
            }
        }
        return node;
    }

    std::vector<Bytes> take_path() {
        std::erase_if(path_, [](const Bytes& node) { return node.empty(); });
        return std::move(path_);
    }

private:
    static Bytes leaf(const Slot& slot, std::size_t depth) {
        Bytes items;
        append_rlp(items, encode_path(std::span(slot.key).subspan(depth), true));
        append_rlp(items, *slot.value);
        return rlp_list(items);
    }

    Bytes inner(std::span<const Slot> slots, std::size_t depth) {
        const Nibbles& first = slots.front().key;
        const Nibbles& last = slots.back().key;
        std::size_t shared = depth;
        while (shared < first.size() && shared < last.size() && first[shared] == last[shared]) {
            ++shared;
        }
        if (shared == depth) return branch(slots, depth);
        Bytes items;
        append_rlp(items, encode_path(std::span(first).subspan(depth, shared - depth), false));
        append_reference(items, build(slots, shared));
        return rlp_list(items);
    }

    Bytes branch(std::span<const Slot> slots, std::size_t depth) {
        Bytes items;
        const Bytes* value = nullptr;
        if (slots.front().key.size() == depth) {
            value = slots.front().value;
            slots = slots.subspan(1);
        }
        for (std::uint8_t nibble = 0; nibble < 16; ++nibble) {
            std::size_t count = 0;
            while (count < slots.size() && slots[count].key[depth] == nibble) ++count;
            if (count == 0) {
                append_rlp(items, {});
            } else {
                append_reference(items, build(slots.first(count), depth + 1));
            }
            slots = slots.subspan(count);
        }
        append_rlp(items, value == nullptr ? ByteView() : ByteView(*value));
        return rlp_list(items);
    }

    static void append_reference(Bytes& items, const Bytes& node) {
        if (node.size() < Hash::kSize) {
            append(items, node);
        } else {
            append_rlp(items, crypto::keccak256(node).bytes);
        }
    }

    const Slot* target_;
    std::vector<Bytes> path_;
};

TrieProof build_list(const std::vector<Bytes>& values, std::optional<std::size_t> index) {
    std::vector<Slot> slots;
    for (std::size_t i = 0; i < values.size(); ++i) {
        ANCHORLOG_ASSERT(!values[i].empty());
        slots.push_back({to_nibbles(list_key(i)), &values[i]});
    }
    std::sort(slots.begin(), slots.end(),
              [](const Slot& a, const Slot& b) { return a.key < b.key; });
    if (slots.empty()) {
        Bytes empty;
        append_rlp(empty, {});
        return {crypto::keccak256(empty), {}};
    }
    const Slot* target = nullptr;
    if (index) {
        target = &*std::find_if(slots.begin(), slots.end(),
                                [&](const Slot& slot) { return slot.value == &values[*index]; });
    }
    Builder builder(target);
    const Bytes root = builder.build(slots, 0);
    return {crypto::keccak256(root), builder.take_path()};
}

Error bad(const std::string& why) { return {Errc::invalid_input, "trie proof: " + why}; }

struct ShortPath {
    bool is_leaf = false;
    Nibbles nibbles;
};

Result<ShortPath> decode_path(const RlpItem& item) {
    if (item.is_list || item.payload.empty()) return bad("a node without a path");
    Nibbles nibbles = to_nibbles(item.payload);
    const std::uint8_t flags = nibbles[0];
    if (flags > (kLeafFlag | kOddFlag)) return bad("unknown path flags");
    const bool is_odd = (flags & kOddFlag) != 0;
    if (!is_odd && nibbles[1] != 0) return bad("path padding is not zero");
    nibbles.erase(nibbles.begin(), nibbles.begin() + (is_odd ? 1 : 2));
    return ShortPath{(flags & kLeafFlag) != 0, std::move(nibbles)};
}

// Walks from the root along a key. Owns no bytes: items point into the proof.
class Walk {
public:
    Walk(ByteView key, const std::vector<Bytes>& path) : key_(to_nibbles(key)), path_(path) {}

    Result<Bytes> run(const Hash& root) {
        auto node = listed(root, true);
        // Each turn consumes a nibble or ends; an extension consumes at least one as well.
        for (std::size_t turn = 0; node && turn <= key_.size(); ++turn) {
            if (node->items.size() == kBranchItems) {
                if (at_ == key_.size()) return value(node->items.back());
                node = child(node->items[key_[at_++]]);
                must_branch_ = false;
                continue;
            }
            const auto path = decode_path(node->items[0]);
            if (!path) return path.error();
            if (must_branch_) return bad("an extension before another short node");
            if (key_.size() - at_ < path->nibbles.size() ||
                !std::equal(path->nibbles.begin(), path->nibbles.end(), key_.begin() + offset())) {
                return bad("the key is not in the trie");
            }
            at_ += path->nibbles.size();
            if (path->is_leaf) {
                if (at_ != key_.size()) return bad("the key is not in the trie");
                return value(node->items[1]);
            }
            if (path->nibbles.empty()) return bad("an extension by nothing");
            node = child(node->items[1]);
            must_branch_ = true;
        }
        return node ? bad("the path does not end") : node.error();
    }

private:
    std::ptrdiff_t offset() const { return static_cast<std::ptrdiff_t>(at_); }

    static Result<RlpItem> checked(RlpItem node) {
        if (!node.is_list ||
            (node.items.size() != kBranchItems && node.items.size() != kShortItems)) {
            return bad("a node is neither a branch nor a leaf nor an extension");
        }
        return node;
    }

    Result<RlpItem> listed(const Hash& reference, bool is_root) {
        if (used_ == path_.size()) return bad("a node is missing");
        const Bytes& bytes = path_[used_++];
        if (crypto::keccak256(bytes) != reference) {
            return bad("a node does not hash to its reference");
        }
        if (!is_root && bytes.size() < Hash::kSize) return bad("a small node is not in its parent");
        auto item = decode_rlp(bytes);
        if (!item) return std::move(item).error().in("trie proof");
        return checked(std::move(*item));
    }

    Result<RlpItem> child(const RlpItem& reference) {
        // By value: `reference` lives in the node that the caller is about to replace.
        if (reference.is_list) {
            if (reference.encoded.size() >= Hash::kSize) return bad("a large node in its parent");
            return checked(reference);
        }
        if (reference.payload.empty()) return bad("the key is not in the trie");
        const auto hash = rlp_hash(reference);
        if (!hash) return bad("a reference is not a hash");
        return listed(*hash, false);
    }

    Result<Bytes> value(const RlpItem& item) const {
        if (used_ != path_.size()) return bad("nodes behind the value");
        if (item.is_list || item.payload.empty()) return bad("the key is not in the trie");
        return Bytes(item.payload.begin(), item.payload.end());
    }

    Nibbles key_;
    const std::vector<Bytes>& path_;
    std::size_t at_ = 0;
    std::size_t used_ = 0;
    bool must_branch_ = false;
};

}  // namespace

Hash list_trie_root(const std::vector<Bytes>& values) { return build_list(values, {}).root; }

Result<TrieProof> list_trie_proof(const std::vector<Bytes>& values, std::size_t index) {
    if (index >= values.size()) return bad("no value " + std::to_string(index) + " in the list");
    return build_list(values, index);
}

Result<Bytes> verify_trie_proof(const Hash& root, ByteView key, const std::vector<Bytes>& path) {
    if (path.size() > kTriePathNodesMax) return bad("too many nodes");
    return Walk(key, path).run(root);
}

Result<Bytes> verify_list_proof(const Hash& root, std::uint64_t index,
                                const std::vector<Bytes>& path) {
    return verify_trie_proof(root, list_key(index), path);
}

}  // namespace anchorlog::eth
