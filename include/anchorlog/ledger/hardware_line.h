#pragma once

#include <string>

#include "anchorlog/base/result.h"
#include "anchorlog/ledger/sequencer.h"
#include "anchorlog/store/journal.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::ledger {

// What a log's hardware key signs of a batch: its checkpoint's text.
[[nodiscard]] std::string checkpoint_text(const SealedBatch& batch);
// Puts that signature on the checkpoint, before the batch's line is written.
void add_hardware_line(SealedBatch& batch, const wire::HardwareKey& key, ByteView signature);

// Both, at once: for batches that nobody waits for.
[[nodiscard]] Result<void> sign_in_hardware(SealedBatch& batch,
                                            const crypto::HardwareSigner& hardware);

// The vkey of the hardware key that the genesis in batches/ names; empty: the log has none. Every
// checkpoint of the log MUST bear its line, those of control batches too.
[[nodiscard]] Result<std::string> hardware_vkey(const store::Journal& batches);

}  // namespace anchorlog::ledger
