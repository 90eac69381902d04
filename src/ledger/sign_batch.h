#pragma once

#include <string>
#include <vector>

#include "anchorlog/ledger/sequencer.h"

namespace anchorlog::ledger {

// Signs checkpoint and seal over `batch.header` and forms its line. The first of `signers` seals,
// all of them sign the checkpoint. The history range is advanced.
[[nodiscard]] Result<void> sign_batch(SealedBatch& batch, merkle::CompactRange& history,
                                      const std::string& origin,
                                      const std::vector<const crypto::Signer*>& signers);

}  // namespace anchorlog::ledger
