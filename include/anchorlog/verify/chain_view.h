#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::verify {

// What verification asks of a chain. Errors mean "no answer": they make a verdict undecided,
// never a pass. One thread.
class ChainView {
public:
    virtual ~ChainView() = default;
    // How the verdict names who answered ("as honest as …"); without credentials.
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual Result<std::uint64_t> chain_id() = 0;
    // Keccak-256 of the runtime code; of no bytes where there is no contract.
    [[nodiscard]] virtual Result<Hash> code_hash(const eth::Address& contract) = 0;
    // Every Anchored event of this log, in the chain's order, with its block.
    [[nodiscard]] virtual Result<std::vector<eth::Log>> anchored_events(
        const eth::Address& contract, const Hash& log_id) = 0;
    // Nothing when the chain has no such block.
    [[nodiscard]] virtual Result<std::optional<Hash>> block_hash(std::uint64_t number) = 0;
};

}  // namespace anchorlog::verify
