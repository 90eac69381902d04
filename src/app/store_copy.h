#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"

namespace anchorlog::app {

inline constexpr std::uint64_t kBackupFormat = 1;

// The names of a copy's files below it, and their sizes.
using CopiedFiles = std::map<std::string, std::uint64_t>;

// What a store holds, by its journals.
struct StoreContent {
    std::string origin;
    std::string keys;  // of genesis: trust lines `log <vkey>`
    std::uint64_t entries = 0;
    std::uint64_t sealed_entries = 0;
    std::uint64_t batches = 0;
    std::uint64_t anchor_lines = 0;
    WallTime sealed_at;      // of the newest batch
    std::string checkpoint;  // of the newest batch
};

// `backup.json` of a backup, written last: a directory without it is no whole backup.
struct BackupNote {
    std::uint64_t format = kBackupFormat;
    WallTime made_at;
    StoreContent content;  // without keys and sealed_at
    CopiedFiles files;
};

// Copies anchors/, then batches/, then log/, and torn/, into the new directory `to`, durably. A
// daemon may write to `from` meanwhile: each journal is copied as far as it was when its turn came,
// so that no copied anchor is of a batch, and no batch of an entry, that is not copied too. Nothing
// is copied that `from` itself could lose in a crash: what was read is synced there first.
[[nodiscard]] Result<CopiedFiles> copy_store(FileSystem& fs, const std::string& from,
                                             const std::string& to);

// Opens the journals and reads the newest batch. A header of a version this program does not know
// is `refused`, whatever else is wrong with the store is corruption.
[[nodiscard]] Result<StoreContent> read_content(FileSystem& fs, const std::string& dir);

[[nodiscard]] Result<void> write_note(FileSystem& fs, const std::string& dir,
                                      const BackupNote& note);
// Refuses a newer format; not_found where there is none.
[[nodiscard]] Result<BackupNote> read_note(FileSystem& fs, const std::string& dir);
// Whether every file of the note is there with its size; names those that are not.
[[nodiscard]] Result<void> check_files(FileSystem& fs, const std::string& dir,
                                       const BackupNote& note);

}  // namespace anchorlog::app
