#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/types.h"
#include "anchorlog/store/journal.h"

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
};

struct EthereumTarget {
    std::string id;  // names the target in anchors/, status and metrics
    std::uint64_t chain_id = 0;
    eth::Address contract{};
    Hash code_hash;                   // keccak256 of the runtime code the operator trusts
    std::string profile = "ganache";  // finality: ganache, anvil, l1, op-stack, custom
    std::uint64_t confirmations = 1;  // for `custom`
    std::uint32_t interval_s = 0;     // between two anchors
    std::uint64_t max_fee_cap_wei = 200'000'000'000;
    std::uint64_t spend_max_wei_per_day = 0;  // 0: no limit
};

// Below so many anchors' worth of balance a target raises an alarm.
inline constexpr std::uint64_t kAnchorsInPurseLow = 100;

// What operators see of a target. A copy; see design §5 for the states.
struct AnchorStatus {
    std::string target;
    std::string state;                          // lower-case state name
    std::string reason;                         // for stalled and conflict
    std::optional<BatchId> sent_batch;          // newest attempt
    std::optional<BatchId> covered_to;          // highest batch anchored and confirmed
    std::string transaction;                    // 0x hash of the newest attempt
    std::optional<std::uint64_t> block_number;  // of the newest receipt
    std::optional<std::uint64_t> head_number;
    std::optional<std::uint64_t> anchors_in_purse;  // the balance pays for, at the present fee
    std::uint64_t attempts = 0;
    std::uint64_t confirmed = 0;
    std::uint64_t reorgs = 0;
    std::uint64_t errors = 0;
};

// Called on the anchor thread: the chain holds a record of this log that we lack or that differs
// from ours. The daemon stops sealing and admitting.
using ForkAlarm = std::function<void(const std::string& what)>;

// Called on the anchor thread: anchors/ could not be written or synced. What reached the disk is
// unknown, so the process must end (74) and the next start settles the journal; does not return.
using StorageAlarm = std::function<void(const Error&)>;

// One target's anchor thread. Its queue is the store: it asks for the newest sealed batch when
// one is due, so an outage of any length is healed by one transaction. Sole writer of `journal`.
class AnchorWorker {
public:
    // `journal` is the opened, settled anchors/ journal; its lines are read to resume.
    [[nodiscard]] static Result<std::unique_ptr<AnchorWorker>> create(
        EthereumTarget target, std::unique_ptr<crypto::AccountKey> key,
        std::unique_ptr<ChainClient> chain, store::Journal& journal, const SealedBatches& batches,
        const Clock& clock, ForkAlarm on_fork, StorageAlarm on_storage_failure);
    virtual ~AnchorWorker() = default;

    virtual void start() = 0;
    // After start(): until the chain was heard or could not be, or `limit` has passed. A fork that
    // the chain shows has been told to ForkAlarm by then. Any thread.
    virtual void await_answer(std::chrono::milliseconds limit) = 0;
    virtual void wake() = 0;  // any thread: a batch was sealed
    virtual void stop() = 0;  // aborts a running call; joins within a second or two
    [[nodiscard]] virtual AnchorStatus status() const = 0;  // any thread
};

}  // namespace anchorlog::anchor
