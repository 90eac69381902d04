#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/eth/types.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::verify {

inline constexpr std::uint64_t kTrustSizeMax = 1u << 20;

struct TrustedLog {
    wire::VerifierKey key;  // its name is the origin
    std::string url;
};
struct TrustedWitness {
    std::string name;
    std::optional<wire::VerifierKey> key;  // nothing: ML-DSA-44, which is not checked here
    std::string url;
};
struct WitnessGroup {
    std::string name;
    std::uint64_t needed = 0;
    std::vector<std::string> members;
};
// A contract whose events count, with the Keccak-256 of its runtime code.
struct TrustedAnchor {
    std::uint64_t chain_id = 0;
    eth::Address contract{};
    Hash code_hash;
    bool is_public = false;
};
// A time stamp authority's certificate, or that of a CA above it, at which a token's chain may end.
struct TrustedAuthority {
    std::string name;
    Bytes certificate;  // DER
    bool is_public = false;
};
struct TrustedBlock {
    std::uint64_t chain_id = 0;
    std::uint64_t number = 0;
    Hash hash;

    auto operator<=>(const TrustedBlock&) const = default;
};

// What the verifier brings itself; nothing in the log or on the chain replaces it (formats §5).
struct Trust {
    std::vector<TrustedLog> logs;
    // P-256 vkeys of `log` lines: every checkpoint of that log must bear a line of each.
    std::vector<wire::HardwareKey> hardware;
    std::vector<TrustedWitness> witnesses;
    std::vector<WitnessGroup> groups;
    std::string quorum;  // a witness' or group's name, or "none"; empty: no such line
    std::vector<TrustedAnchor> anchors;
    std::set<TrustedBlock> blocks;
    std::vector<TrustedAuthority> authorities;

    [[nodiscard]] std::vector<wire::VerifierKey> keys_of(std::string_view origin) const;
    [[nodiscard]] std::vector<wire::HardwareKey> hardware_of(std::string_view origin) const;
    // Whether these witnesses (names of `witness` lines) are the quorum, or make it up.
    [[nodiscard]] bool is_quorum(const std::set<std::string>& cosigned) const;
    [[nodiscard]] const TrustedAnchor* anchor(std::uint64_t chain_id,
                                              const eth::Address& contract) const;
    [[nodiscard]] bool has_block(std::uint64_t chain_id, std::uint64_t number,
                                 const Hash& hash) const;
};

// C2SP tlog-policy lines (`log`, `witness`, `group`, `quorum`) and ours; a `log` line with a P-256
// vkey needs one with an Ed25519 vkey of the same name:
//   anchor eip155:<chain id>:<address> <runtime code hash> public|private
//   block <chain id> <number> <hash>
//   tsa <name> <base64 of a certificate's DER> public|private
// `#` starts a comment. Hashes are 64 hex digits, 0x before them is allowed. Errors are
// invalid_input and name the line's number, from 1.
[[nodiscard]] Result<Trust> parse_trust(std::string_view text);
[[nodiscard]] Result<Trust> load_trust(FileSystem& fs, const std::string& path);

}  // namespace anchorlog::verify
