#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <nlohmann/json.hpp>

#include "anchorlog/base/bytes.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/log_anchor.h"

// tests/vectors/eth.json; its shape is described beside it.
namespace anchorlog::eth::vectors {

inline const nlohmann::json& all() {
    static const nlohmann::json json = [] {
        std::ifstream file(std::string(ANCHORLOG_VECTORS) + "/eth.json");
        return nlohmann::json::parse(file);
    }();
    return json;
}

inline Bytes bytes(const nlohmann::json& hex) {
    auto out = from_hex(hex.get<std::string>().substr(2));
    EXPECT_TRUE(out.has_value()) << hex;
    return std::move(*out);
}

inline Hash hash(const nlohmann::json& hex) { return *hash_from_bytes(bytes(hex)); }

inline std::uint64_t number(const nlohmann::json& quantity) {
    return std::stoull(quantity.get<std::string>(), nullptr, 16);
}

// Keys are named, not stored: the secret is the Keccak-256 of the name.
inline std::unique_ptr<crypto::AccountKey> key(const nlohmann::json& name) {
    const auto text = name.get<std::string>();
    return std::move(*crypto::account_key_from_secret(crypto::keccak256(as_bytes(text))));
}

inline AnchorRecord record(const nlohmann::json& r) {
    return {hash(r["log_id"]),         BatchId(number(r["batch_id"])),
            hash(r["merkle_root"]),    hash(r["history_root"]),
            number(r["sealed_at_ms"]), hash(r["signer_key"]),
            hash(r["sig_r"]),          hash(r["sig_s"])};
}

}  // namespace anchorlog::eth::vectors
