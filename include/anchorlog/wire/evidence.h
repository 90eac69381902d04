#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::wire {

inline constexpr std::uint64_t kEvidenceVersion = 1;
inline constexpr std::size_t kEvidenceAnchorsMax = 16;
inline constexpr std::size_t kEvidenceKeysMax = 64;
inline constexpr std::size_t kEvidenceStampsMax = 16;

// A confirmed anchor and the header's path in the history it anchored.
struct EvidenceAnchor {
    std::vector<Hash> path;  // in the tree of receipt.batch_id + 1 headers
    AnchorReceipt receipt;
};

// A time stamp of a later checkpoint, and the header's path in that one's tree.
struct EvidenceStamp {
    std::string checkpoint;  // the note that was stamped
    std::vector<Hash> path;
    AnchorToken token;
};

// A `key` header between genesis and the entry's batch.
struct EvidenceKey {
    std::string checkpoint;  // the note of its own line in batches/
    std::string header;
    std::vector<Hash> path;  // in the tree of the evidence's checkpoint
};

// One entry and all that proves it offline: a tlog-proof of its batch's header, whose `extra`
// holds the rest (formats §5). Nothing of it is trusted for being there.
struct Evidence {
    // The tlog-proof: the header is leaf `batch_id` of the checkpoint's tree.
    BatchId batch_id;
    std::vector<Hash> history_path;
    std::string checkpoint;  // a signed note, with any cosignatures

    // Its extra, canonical JSON:
    //   {"anchors":[{"path":[…],"receipt":{…}}],"batch_path":[…],"entry":"…","header":"…",
    //    "keys":[{"checkpoint":"…","header":"…","path":[…]}],"seal":"<base64>",
    //    "stamps":[{"checkpoint":"…","path":[…],"token":{…}}],"v":1}
    // `stamps` only where there are any. Hashes 64 hex digits; `receipt` and `token` as in
    // anchors/; entry and header are texts, because their bytes are what is hashed.
    std::string entry;  // the line of log/, without LF
    std::vector<Hash> batch_path;
    std::string header;
    Bytes seal;
    std::vector<EvidenceAnchor> anchors;
    std::vector<EvidenceKey> keys;
    std::vector<EvidenceStamp> stamps;
};
[[nodiscard]] std::string format_evidence(const Evidence& evidence);
// Errors: invalid_input for what does not follow the format, unavailable for a later version.
[[nodiscard]] Result<Evidence> parse_evidence(std::string_view file);

}  // namespace anchorlog::wire
