#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "anchorlog/merkle/tree.h"

namespace anchorlog::merkle::testing {

inline constexpr std::size_t kSizeMax = 130;  // past the perfect tree of 128 leaves

// MTH of RFC 9162 §2.1.1, word for word: slow, and independent of the code under test.
inline Hash reference_root(std::span<const Hash> leaves) {
    if (leaves.empty()) return empty_root();
    if (leaves.size() == 1) return leaves[0];
    std::size_t k = 1;
    while (k * 2 < leaves.size()) k *= 2;
    return hash_node(reference_root(leaves.first(k)), reference_root(leaves.subspan(k)));
}

inline std::vector<Hash> counted_leaves(std::size_t size) {
    std::vector<Hash> leaves;
    for (std::size_t i = 0; i < size; ++i) leaves.push_back(hash_leaf(as_bytes(std::to_string(i))));
    return leaves;
}

// The eight leaves of the reference tests of Certificate Transparency (RFC 6962).
inline std::vector<Hash> ct_leaves() {
    std::vector<Hash> leaves;
    for (const char* hex : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                            "606162636465666768696a6b6c6d6e6f"}) {
        leaves.push_back(hash_leaf(*from_hex(hex)));
    }
    return leaves;
}

inline Path hashes(const std::vector<std::string>& hex) {
    Path path;
    for (const std::string& digits : hex) path.push_back(*hash_from_hex(digits));
    return path;
}

// Leaves with the nodes a CompactRange reported for them, and every prefix's root.
class Log {
public:
    explicit Log(std::vector<Hash> leaves) : leaves_(std::move(leaves)) {
        CompactRange range;
        for (const Hash& leaf : leaves_) {
            range.append(leaf, [this](NodeId id, const Hash& hash) { nodes_[id] = hash; });
        }
        for (std::size_t size = 0; size <= leaves_.size(); ++size) {
            roots_.push_back(reference_root(std::span(leaves_).first(size)));
        }
    }

    [[nodiscard]] const std::vector<Hash>& leaves() const { return leaves_; }
    [[nodiscard]] const Hash& root(std::size_t size) const { return roots_[size]; }
    [[nodiscard]] NodeSource source() const {
        return [this](NodeId id) -> Result<Hash> {
            const auto found = nodes_.find(id);
            if (found == nodes_.end()) return Error{Errc::not_found, "no such node"};
            return found->second;
        };
    }

private:
    std::vector<Hash> leaves_;
    std::map<NodeId, Hash> nodes_;
    std::vector<Hash> roots_;
};

}  // namespace anchorlog::merkle::testing
