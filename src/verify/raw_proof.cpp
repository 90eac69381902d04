#include "anchorlog/verify/raw_proof.h"

#include <nlohmann/json.hpp>

#include "anchorlog/merkle/tree.h"

namespace anchorlog::verify {
namespace {

using Json = nlohmann::json;

Error unreadable(std::string why) { return {Errc::invalid_input, std::move(why)}; }
Error refused(std::string why) { return {Errc::refused, std::move(why)}; }

// Reads members; keeps the first thing that is wrong with one.
class Members {
public:
    explicit Members(std::string_view text)
        : json_(Json::parse(text, nullptr, /*allow_exceptions=*/false)) {
        if (!json_.is_object()) refuse("the input is not a JSON object");
    }

    std::uint64_t number(const char* name) {
        const auto at = find(name);
        if (at == json_.end() || !at->is_number_unsigned()) {
            refuse(std::string(name) + " is not an unsigned integer");
            return 0;
        }
        return at->get<std::uint64_t>();
    }

    Bytes bytes(const char* name) {
        const auto at = find(name);
        return at == json_.end() ? Bytes() : decode(*at, name);
    }

    std::vector<Bytes> list(const char* name) {
        const auto at = find(name);
        std::vector<Bytes> out;
        if (at == json_.end() || at->is_null()) return out;
        if (!at->is_array()) refuse(std::string(name) + " is not an array");
        for (const Json& item : *at) out.push_back(decode(item, name));
        return out;
    }

    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

private:
    Json::const_iterator find(const char* name) {
        if (!json_.is_object()) return json_.end();
        const auto at = json_.find(name);
        if (at == json_.end()) refuse(std::string(name) + " is missing");
        return at;
    }

    Bytes decode(const Json& item, const char* name) {
        auto decoded = item.is_string() ? from_base64(item.get_ref<const std::string&>())
                                        : Result<Bytes>(unreadable("not a string"));
        if (!decoded) refuse(std::string(name) + ": not base64");
        return decoded ? std::move(*decoded) : Bytes();
    }

    void refuse(std::string why) {
        if (!error_) error_ = unreadable(std::move(why));
    }

    const Json json_;
    std::optional<Error> error_;
};

Result<merkle::Path> path_of(const std::vector<Bytes>& hashes) {
    merkle::Path path;
    for (const Bytes& bytes : hashes) {
        auto hash = hash_from_bytes(bytes);
        if (!hash) return refused("a hash of the proof is not 32 bytes");
        path.push_back(*hash);
    }
    return path;
}

Result<Hash> hash_of(const Bytes& bytes, const char* name) {
    auto hash = hash_from_bytes(bytes);
    if (!hash) return refused(std::string(name) + " is not 32 bytes");
    return *hash;
}

}  // namespace

Result<void> check_raw_inclusion(std::string_view json) {
    Members members(json);
    const std::uint64_t index = members.number("leafIdx");
    const std::uint64_t size = members.number("treeSize");
    const Bytes root_bytes = members.bytes("root");
    const Bytes leaf_bytes = members.bytes("leafHash");
    const std::vector<Bytes> proof = members.list("proof");
    if (members.error()) return *members.error();
    const auto root = hash_of(root_bytes, "root");
    if (!root) return root.error();
    const auto leaf = hash_of(leaf_bytes, "leafHash");
    if (!leaf) return leaf.error();
    const auto path = path_of(proof);
    if (!path) return path.error();
    if (index >= size) return refused("leafIdx is not below treeSize");
    if (!merkle::verify_inclusion(index, TreeSize(size), *leaf, *path, *root)) {
        return refused("the proof does not lead from leafHash to root");
    }
    return {};
}

Result<void> check_raw_consistency(std::string_view json) {
    Members members(json);
    const std::uint64_t size1 = members.number("size1");
    const std::uint64_t size2 = members.number("size2");
    const Bytes root1_bytes = members.bytes("root1");
    const Bytes root2_bytes = members.bytes("root2");
    const std::vector<Bytes> proof = members.list("proof");
    if (members.error()) return *members.error();
    // Equal sizes compare roots and hash nothing, so the published vectors have placeholders there.
    if (size1 == size2 && size1 != 0) {
        if (!proof.empty()) return refused("equal sizes need no proof");
        if (root1_bytes != root2_bytes) return refused("two roots for one size");
        return {};
    }
    const auto root1 = hash_of(root1_bytes, "root1");
    if (!root1) return root1.error();
    const auto root2 = hash_of(root2_bytes, "root2");
    if (!root2) return root2.error();
    const auto path = path_of(proof);
    if (!path) return path.error();
    if (size1 > size2) return refused("size1 is above size2");
    if (!merkle::verify_consistency(TreeSize(size1), TreeSize(size2), *root1, *root2, *path)) {
        return refused("the proof does not lead from root1 to root2");
    }
    return {};
}

}  // namespace anchorlog::verify
