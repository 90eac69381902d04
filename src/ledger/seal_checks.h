#pragma once

#include <future>
#include <optional>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/crypto/ed25519.h"

namespace anchorlog::ledger {

// Checks the seals of recovered batches on another thread: at 50 entries a batch, signatures are
// half the work of a rebuild. What was built on a seal MUST wait for settle() before it leaves
// memory.
class SealChecks {
public:
    void add(const crypto::PublicKey& key, BatchId batch, Bytes payload, Bytes seal);
    // Every seal added is its key's signature; else damage, naming the first that is not.
    [[nodiscard]] Result<void> settle();

private:
    struct Sealed {
        crypto::PublicKey key{};
        BatchId batch;
        Bytes payload;
        Bytes seal;
    };

    [[nodiscard]] static std::optional<BatchId> first_bad(const std::vector<Sealed>& sealed);
    void start();
    void finish();

    std::vector<Sealed> waiting_;
    std::future<std::optional<BatchId>> under_way_;
    std::optional<BatchId> bad_;
};

}  // namespace anchorlog::ledger
