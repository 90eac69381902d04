#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"

namespace anchorlog::wire {

inline constexpr std::size_t kHeaderSizeMax = 65'535;
inline constexpr std::size_t kSourcesMax = 16;
inline constexpr std::uint64_t kHeaderVersion = 1;

// What one (device, epoch) contributed to a batch.
struct Source {
    std::string device_id;
    Epoch epoch;
    SeqNo first_seq;
    SeqNo last_seq;
    std::uint64_t count = 0;
    std::uint64_t gaps = 0;
};

// JCS of the array of sources: what sources_digest hashes. Sorted by device_id bytes, then epoch.
[[nodiscard]] std::string format_sources(const std::vector<Source>& sources);

struct BatchPolicyRecord {  // the policy a genesis header states
    std::uint64_t entries = 50;
    std::uint64_t interval_s = 60;
    std::uint64_t window_s = 30;
};
struct GenesisRecord {
    std::vector<std::string> keys;  // vkeys
    Hash nonce;
    BatchPolicyRecord policy;
    std::string continues;  // an old checkpoint, or empty
};

// The log's key is another from the next header on (formats §3). Keys are vkeys.
struct KeyChange {
    std::string old_key;
    std::string new_key;
    std::string why;  // planned | compromise
};

inline constexpr std::size_t kPruneRangesMax = 1'000;
inline constexpr std::size_t kPruneWhySizeMax = 256;

// Entries whose lines may be gone, both included (formats §5).
struct PruneRange {
    EntryIndex first;
    EntryIndex last;
};
struct PruneRecord {
    Hash devices_sha256;             // of the `.devices.ndjson` of the ranges' segments
    std::vector<PruneRange> ranges;  // ascending, none touches what is not sealed
    std::string why;                 // 1 to kPruneWhySizeMax printable ASCII
};

struct Beacon {  // a block that was known when the batch was sealed: not sealed before it
    std::uint64_t chain_id = 0;
    Hash hash;
    std::uint64_t number = 0;
};

// The canonical description of a sealed batch: one leaf of the history tree (formats §3).
struct Header {
    BatchId batch_id;
    std::uint64_t count = 0;
    std::uint64_t count_audit = 0;
    EntryIndex first_index;
    std::string kind = "batch";  // batch | genesis | key | prune | unknown ones
    std::string log;             // the origin
    Hash merkle_root;
    WallTime opened_at;
    Hash prev_root;
    std::string reason;  // count | age | stop | recover | control
    WallTime sealed_at;
    std::string signer;           // the vkey's key id: 8 hex digits
    std::vector<Source> sources;  // ≤ 16; more: empty, and the two below
    std::optional<std::uint64_t> sources_count;
    std::optional<Hash> sources_digest;
    std::uint64_t v = kHeaderVersion;
    std::optional<Beacon> beacon;
    std::optional<GenesisRecord> genesis;  // exactly for kind genesis
    std::optional<KeyChange> key_change;   // exactly for kind key
    std::optional<PruneRecord> prune;      // exactly for kind prune
};

// JCS of the header; refuses one over kHeaderSizeMax, kinds of which only the common members are
// kept here, and whatever parse_header would refuse: what cannot be read back is never signed.
[[nodiscard]] Result<std::string> format_header(const Header& header);
// Parses canonical text only and checks what one header can show by itself (counts, order of
// sources, control kinds). Kinds other than batch, genesis, key and prune keep their common members
// and nothing else. Of an unknown `v` only what reads like a member of version 1 is filled in and
// nothing is checked: look at `v` first.
[[nodiscard]] Result<Header> parse_header(std::string_view canonical);

// One line of batches/, without LF.
struct BatchLine {
    std::string checkpoint;  // a signed note
    std::string header;      // canonical text, exactly what is hashed
    Bytes seal;              // 64 bytes
};
[[nodiscard]] std::string format_batch_line(const BatchLine& line);
[[nodiscard]] Result<BatchLine> parse_batch_line(std::string_view line);

}  // namespace anchorlog::wire
