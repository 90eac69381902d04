#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog::wire {

// The first line of every C2SP tlog-proof file.
inline constexpr std::string_view kTlogProofFirstLine = "c2sp.org/tlog-proof@v1";
inline constexpr std::size_t kTlogProofSizeMax = 16u << 20;
// An inclusion path of a tree of at most 2^63 leaves.
inline constexpr std::size_t kPathHashesMax = 63;

// One record's place in a log: c2sp.org/tlog-proof@v1. Which record it is about, the reader has
// to know or to build from `extra`, which nothing signs.
struct TlogProof {
    std::string extra;  // decoded; empty: the file has no such line
    std::uint64_t index = 0;
    std::vector<Hash> path;  // leaf to root
    std::string checkpoint;  // a signed note, verbatim
};
[[nodiscard]] std::string format_tlog_proof(const TlogProof& proof);
// Strict: whatever reads also writes back the same. The note is not looked into.
[[nodiscard]] Result<TlogProof> parse_tlog_proof(std::string_view text);

}  // namespace anchorlog::wire
