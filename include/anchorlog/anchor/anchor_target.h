#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/anchor/anchor_journal.h"
#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/crypto/timestamp.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::anchor {

// What is anchored of a sealed batch: the eight arguments of LogAnchor.anchor (formats §4).
struct SealedRecord {
    Hash log_id;
    BatchId batch_id;
    Hash merkle_root;
    Hash history_root;
    WallTime sealed_at;
    Hash signer_key;  // raw Ed25519
    Hash sig_r;       // first half of the seal
    Hash sig_s;       // second half
};

// The sealed batches, durable before they can be seen here. Any thread.
class SealedBatches {
public:
    virtual ~SealedBatches() = default;
    // Nothing when no batch is sealed. A store that cannot be read is an error: it must never pass
    // for one that lacks what the chain holds.
    [[nodiscard]] virtual Result<std::optional<SealedRecord>> newest() const = 0;
    [[nodiscard]] virtual Result<SealedRecord> get(BatchId batch) const = 0;
    // The batch's signed checkpoint, byte for byte as batches/ holds it.
    [[nodiscard]] virtual Result<std::string> checkpoint(BatchId batch) const = 0;
};

// Below so many anchors' worth of balance a target raises an alarm.
inline constexpr std::uint64_t kAnchorsInPurseLow = 100;

// What operators see of a target. A copy; see design §5 for the states.
struct AnchorStatus {
    std::string target;
    std::string type;                           // ethereum, rfc3161, file
    std::string state;                          // lower-case state name
    std::string reason;                         // for stalled and conflict
    std::optional<BatchId> sent_batch;          // newest attempt
    std::optional<BatchId> covered_to;          // highest batch anchored and confirmed
    std::string transaction;                    // 0x hash of the newest attempt
    std::optional<std::uint64_t> block_number;  // of the newest receipt
    std::optional<std::uint64_t> head_number;
    // A chain was heard: its newest record of this log, if any, is one we sealed, and none that we
    // saw confirmed is missing there.
    bool nothing_newer = false;
    std::optional<std::uint64_t> anchors_in_purse;  // the balance pays for, at the present fee
    std::uint64_t attempts = 0;
    std::uint64_t confirmed = 0;
    std::uint64_t reorgs = 0;
    std::uint64_t errors = 0;
    std::uint64_t conflicts = 0;  // batches of ours for which the chain holds another record
    std::string conflict;         // what was found for the last of them
};

// One place outside the log where its history is committed to. What it put on record in anchors/
// is all it knows after a restart. One owner thread, but for abort(); it blocks on nothing but its
// own place, so that a target that hangs holds up no other one and no alert.
class AnchorTarget {
public:
    virtual ~AnchorTarget() = default;
    // Does one thing (a decision, a call, a line on record) and returns when to come again: a time
    // not after now means at once. Calling earlier is harmless, and right after a batch was sealed.
    virtual SteadyTime run_one() = 0;
    [[nodiscard]] virtual AnchorStatus status() const = 0;
    // The place was heard or could not be: a fork it can show has been told to ForkAlarm.
    [[nodiscard]] virtual bool has_asked() const = 0;
    // anchors/ could not be written: the process must end (74).
    [[nodiscard]] virtual bool has_failed() const = 0;
    // Any thread: ends a running call soon, and every later one at once.
    virtual void abort() = 0;
};

// Called on the anchor thread: the chain holds a record of this log that we lack or that differs
// from ours. The daemon stops sealing and admitting.
using ForkAlarm = std::function<void(const std::string& what)>;

// What every kind of target needs; all of it outlives the target.
struct TargetBase {
    AnchorJournal& journal;
    const SealedBatches& batches;
    const Clock& clock;
};

struct EthereumTarget {
    std::string id;  // names the target in anchors/, status and metrics
    std::uint64_t chain_id = 0;
    eth::Address contract{};
    Hash code_hash;  // keccak256 of the runtime code the operator trusts
    // Block 0 of the chain. Without it that of the first answer counts until the process ends.
    std::optional<Hash> genesis_hash;
    std::string profile = "ganache";  // finality: ganache, anvil, l1, op-stack, custom
    std::uint64_t confirmations = 1;  // for `custom`
    std::uint32_t interval_s = 0;     // between two anchors
    std::uint64_t max_fee_cap_wei = 200'000'000'000;
    std::uint64_t spend_max_wei_per_day = 0;  // 0: no limit
};
// A LogAnchor contract. The lines on record are read and checked here: corruption names the line.
[[nodiscard]] Result<std::unique_ptr<AnchorTarget>> make_ethereum_target(
    EthereumTarget target, std::unique_ptr<crypto::AccountKey> key,
    std::unique_ptr<ChainClient> chain, const TargetBase& base, ForkAlarm on_fork);

struct TimestampTarget {
    std::string id;
    std::string url;                          // http or https; TLS is verified
    crypto::TrustedCertificates authorities;  // at which the chain of its certificate may end
    std::uint32_t interval_s = 0;
};
// A time stamp authority (RFC 3161): a token over the SHA-256 of the signed checkpoint. Nothing is
// taken but an answer of status granted, over this imprint and nonce, signed by a certificate for
// time stamping that leads to `authorities` at the token's time and now.
[[nodiscard]] Result<std::unique_ptr<AnchorTarget>> make_timestamp_target(TimestampTarget target,
                                                                          const TargetBase& base);

struct FileTarget {
    std::string id;
    std::string path;
    std::uint32_t interval_s = 0;
};
// Appends {"batch_id":N,"checkpoint":"<note>"} as a canonical line to a file outside the store and
// syncs it. It proves what the owner of that file can be believed; a crash may leave a line there
// twice, or a partial one that the next line is kept apart from.
[[nodiscard]] Result<std::unique_ptr<AnchorTarget>> make_file_target(FileTarget target,
                                                                     FileSystem& fs,
                                                                     const TargetBase& base);

}  // namespace anchorlog::anchor
