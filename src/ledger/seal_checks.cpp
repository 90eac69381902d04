#include "ledger/seal_checks.h"

#include <utility>

#include "ledger/damage.h"

namespace anchorlog::ledger {
namespace {

// Enough to outweigh starting a thread, and little to hold in memory.
constexpr std::size_t kSealsPerThread = 64;

}  // namespace

void SealChecks::add(const crypto::PublicKey& key, BatchId batch, Bytes payload, Bytes seal) {
    waiting_.push_back({key, batch, std::move(payload), std::move(seal)});
    if (waiting_.size() >= kSealsPerThread) start();
}

Result<void> SealChecks::settle() {
    start();
    finish();
    if (!bad_) return {};
    return damage("batches/ line " + std::to_string(bad_->value) +
                  ": the seal is not the log key's signature over this batch");
}

void SealChecks::start() {
    finish();
    if (bad_ || waiting_.empty()) return;
    // Here, by finish(), if there can be no other thread.
    constexpr auto kWhere = std::launch::async | std::launch::deferred;
    under_way_ = std::async(kWhere, [sealed = std::move(waiting_)] { return first_bad(sealed); });
    waiting_.clear();
}

void SealChecks::finish() {
    if (!under_way_.valid()) return;
    const auto bad = under_way_.get();
    if (!bad_) bad_ = bad;
}

std::optional<BatchId> SealChecks::first_bad(const std::vector<Sealed>& sealed) {
    for (const Sealed& one : sealed) {
        if (!crypto::verify(one.key, one.payload, one.seal)) return one.batch;
    }
    return std::nullopt;
}

}  // namespace anchorlog::ledger
