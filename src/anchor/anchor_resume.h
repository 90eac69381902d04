#pragma once

#include "anchor/anchor_fsm.h"
#include "anchor/spending.h"
#include "anchorlog/anchor/anchor_target.h"
#include "anchorlog/store/journal.h"

namespace anchorlog::anchor {

// Reads anchors/ for one target and checks every line of it: bytes against hashes, transactions
// and events against the sealed batches. corruption names the line and what does not hold.
// `spending` gets every attempt.
[[nodiscard]] Result<Resume> read_anchors(const store::Journal& journal,
                                          const EthereumTarget& target,
                                          const SealedBatches& batches, Spending& spending);

}  // namespace anchorlog::anchor
