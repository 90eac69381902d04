#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"

namespace anchorlog::app {

// The mark of a store that was put back from a backup and that nobody has cleared yet:
// `restored.json` in it, one canonical JSON object of these members. While it stands, the daemon
// serves reads, but takes no alert and seals nothing: the lost store may have sealed batches that
// this one lacks, and a second header for one batch_id is a fork (design §3).
struct RestoreHold {
    std::uint64_t batches = 0;  // sealed in the backup
    std::uint64_t entries = 0;
    WallTime made_at;      // of the backup
    WallTime restored_at;  // by the machine's clock
};

// The mark's text, for the file and for the `start` audit.
[[nodiscard]] std::string to_json(const RestoreHold& hold);
// One sentence for senders and operators: what it is and who clears it.
[[nodiscard]] std::string describe(const RestoreHold& hold);

// Nothing when the store was not put back, or is cleared. A mark that cannot be read is
// corruption: it must never pass for none.
[[nodiscard]] Result<std::optional<RestoreHold>> read_hold(FileSystem& fs,
                                                           const std::string& store);
[[nodiscard]] Result<void> write_hold(FileSystem& fs, const std::string& store,
                                      const RestoreHold& hold);
// Durable when it returns; not_found when there is no mark.
[[nodiscard]] Result<void> clear_hold(FileSystem& fs, const std::string& store);

}  // namespace anchorlog::app
