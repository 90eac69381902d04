#pragma once

#include <cstdint>
#include <functional>

#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::anchor {

struct Deployment {
    eth::Address contract{};
    Hash code_hash;
    std::uint64_t chain_id = 0;
    Hash genesis_hash;
};

struct DeployOptions {
    std::int64_t mined_timeout_ms = 300'000;  // for each transaction
    std::int64_t poll_ms = 500;
    // Sleeps; a test puts its own time here.
    std::function<void(std::int64_t ms)> sleep;
};

// Deploys LogAnchor from the key's account, checks the code that came to stand there, and creates
// the log with that account as its submitter. Nothing is resent: a lost answer is reported with
// the transaction to look for, because a second deployment would be a second contract. Keys whose
// secret everybody knows (Hardhat, anvil, Ganache -d) are refused on all but the development
// chains 1337 and 31337.
[[nodiscard]] Result<Deployment> deploy_log_anchor(ChainClient& chain,
                                                   const crypto::AccountKey& key,
                                                   const Hash& log_id,
                                                   const DeployOptions& options = {});

// Makes `next` the log's submitter in the contract's two steps: the owner proposes, the new one
// accepts, so both accounts pay. Interrupted between the two, the old submitter anchors on and
// the call can be made again.
[[nodiscard]] Result<void> rotate_submitter(ChainClient& chain, const eth::Address& contract,
                                            const Hash& log_id, const crypto::AccountKey& owner,
                                            const crypto::AccountKey& next,
                                            const DeployOptions& options = {});

// True for accounts that development tools make for everybody.
[[nodiscard]] bool is_well_known_account(const eth::Address& address);

}  // namespace anchorlog::anchor
