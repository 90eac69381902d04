#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/header.h"
#include "verify/anchor_audit.h"

namespace anchorlog::verify {

// SEALED is worth this much and no more; said with every verdict that rests on it alone.
inline constexpr const char* kSealedAlone =
    "a signature alone proves nothing against whoever holds the log key";

inline constexpr const char* kTokenAlone =
    "a time stamp says by when this history was there; whoever holds the log key can have another "
    "one stamped, but only later than what it replaces";

inline constexpr const char* kPrivateChain =
    "the chain is private: it proves nothing to those who do not trust its operator";

// Fills verdict, level, label, basis and what was not checked from what the audits found.
void conclude(Report& report, const Trust& trust, AnchorAudit& anchors, const StampAudit& stamps,
              bool online);
[[nodiscard]] std::vector<std::string> not_checked_by(const Trust& trust, bool online);
[[nodiscard]] std::vector<std::string> not_checked_of_entry(bool online);
// The trust file's origin that batches/ claims, else its first one.
[[nodiscard]] std::string origin_for(FileSystem& fs, const std::vector<Segment>& batches,
                                     const Trust& trust);
// The record of a batch as it would be anchored.
[[nodiscard]] eth::AnchorRecord record_of_batch(const Hash& log_id, const wire::Header& header,
                                                const Hash& history_root,
                                                const crypto::PublicKey& signer, const Bytes& seal);

// What it adds that these keys signed too.
[[nodiscard]] std::string hardware_basis(const std::vector<wire::HardwareKey>& keys);

}  // namespace anchorlog::verify
