#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"

namespace anchorlog::wire {

// One transaction, on record before its first byte leaves (formats §3, anchors/).
struct AnchorAttempt {
    std::string target;
    BatchId batch_id;
    std::uint64_t nonce = 0;
    std::uint64_t gas = 0;
    std::uint64_t max_fee = 0;       // wei per gas
    std::uint64_t priority_fee = 0;  // wei per gas
    Hash hash;
    Bytes raw;
    WallTime at;
};

// A confirmed anchor with what proves it offline against a trusted block hash.
struct AnchorReceipt {
    std::string target;
    BatchId batch_id;
    BatchId from_batch;
    std::uint64_t chain_id = 0;
    std::array<std::uint8_t, 20> contract{};
    Hash hash;  // of the transaction
    std::uint64_t block_number = 0;
    Hash block_hash;
    Bytes block_header;  // RLP; Keccak-256 of it is block_hash
    std::uint64_t transaction_index = 0;
    std::uint64_t log_index = 0;      // of our event inside the receipt
    std::vector<Bytes> receipt_path;  // trie nodes, root first
    WallTime at;
};

// An earlier receipt that no longer stands: its block left the chain.
struct AnchorSuperseded {
    std::string target;
    BatchId batch_id;
    Hash hash;
    std::string reason;
    WallTime at;
};

// A time stamp authority's token (RFC 3161) over a checkpoint.
struct AnchorToken {
    std::string target;
    BatchId batch_id;
    Hash hash;    // SHA-256 of the batch's signed checkpoint: the token's imprint
    Bytes token;  // DER of the TimeStampToken
    WallTime at;
};

// A checkpoint that was appended to a file outside the store, and synced there.
struct AnchorWritten {
    std::string target;
    BatchId batch_id;
    Hash hash;  // SHA-256 of the batch's signed checkpoint
    WallTime at;
};

using AnchorStep =
    std::variant<AnchorAttempt, AnchorReceipt, AnchorSuperseded, AnchorToken, AnchorWritten>;

// One line of anchors/, canonical JSON without LF:
//   {"at","batch_id","gas","hash","kind":"attempt","max_fee","nonce","priority_fee","raw","target"}
//   {"at","batch_id","block_hash","block_header","block_number","chain_id","contract",
//    "from_batch","hash","kind":"receipt","log_index","receipt_path","target",
//    "transaction_index"}
//   {"at","batch_id","hash","kind":"superseded","reason","target"}
//   {"at","batch_id","hash","kind":"token","target","token"}
//   {"at","batch_id","hash","kind":"written","target"}
// The token is base64 of at most kTokenSizeMax bytes. Hashes 64 hex digits; raw, block_header, path
// nodes and contract lower-case hex, no 0x; fees are decimal strings (they may pass 2^53). The
// caller keeps a line within kAnchorStepSizeMax bytes and a reason within 1,024: longer ones are
// not read back.
inline constexpr std::size_t kAnchorStepSizeMax = 1u << 20;
inline constexpr std::size_t kTokenSizeMax = 64u << 10;
[[nodiscard]] std::string format_anchor_step(const AnchorStep& step);
[[nodiscard]] Result<AnchorStep> parse_anchor_step(std::string_view line);

// What a file target appends for a batch, canonical JSON without LF:
//   {"batch_id":N,"checkpoint":"<the signed note>"}
[[nodiscard]] std::string format_checkpoint_line(BatchId batch, std::string_view note);

}  // namespace anchorlog::wire
