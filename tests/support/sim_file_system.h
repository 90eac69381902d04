#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/file_system.h"

namespace anchorlog::testing {

// What a fault can be put on.
enum class SimCall {
    open,
    create,
    read,
    write,
    allocate,
    truncate,
    sync_data,
    sync_all,
    list,
    create_dir,
    sync_dir,
    rename,
    remove,
};

[[nodiscard]] const char* to_string(SimCall call) noexcept;

struct SimDisk;

// What has happened so far, for those who want to know that it did.
struct SimFileCounts {
    std::uint64_t sync_errors = 0;    // sync_data and sync_all that failed
    std::uint64_t other_errors = 0;   // other calls that failed with io
    std::uint64_t full_errors = 0;    // calls that failed with storage_full
    std::uint64_t deaths = 0;         // die_at that came true
    std::uint64_t dropped = 0;        // files whose unsynced changes a crash dropped, all of them
    std::uint64_t torn = 0;           // … kept a prefix of, with the last one cut at a sector
    std::uint64_t reordered = 0;      // … kept a later change of, but not an earlier one
    std::uint64_t lying_lengths = 0;  // … whose size then covered bytes that were not kept
    std::uint64_t names_lost = 0;     // directory changes a crash dropped
};

// Files in memory with the worst behaviour POSIX allows at a crash. Of what was not synced,
// crash() keeps nothing, everything, a prefix of the calls with the last one torn, or a random
// age of each 512-byte sector (so later writes may survive earlier ones), as the seed says; file
// sizes follow the same rule. sync_data makes bytes and size durable. Directory entries are
// durable after sync_dir of their directory; without it a crash keeps a prefix of its changes.
// create_dir is durable at once. rename works inside one directory.
//
// After a failed sync what was written before it reads back, and a later sync succeeds, but a
// crash loses it. Any thread.
class SimFileSystem final : public FileSystem {
public:
    SimFileSystem();
    ~SimFileSystem() override;

    // The `nth` (from 1) call of that kind from now on fails with `code`. A write of which some
    // part still fits, or that dies of Errc::io, leaves that part or its first half.
    void fail(SimCall call, std::uint64_t nth, Errc code);
    // The machine stops in the middle of the `nth` (from 1) changing call from now on: that call
    // may or may not have happened, and everything fails until crash().
    void die_at(std::uint64_t nth);
    [[nodiscard]] bool dead() const;
    // Calls so far that change or sync something: the range for die_at.
    [[nodiscard]] std::uint64_t changes() const;
    [[nodiscard]] std::uint64_t calls(SimCall call) const;
    [[nodiscard]] SimFileCounts counts() const;

    // Power fails: see above. Open files and locks of before are dead; faults are cleared.
    void crash(std::uint64_t seed);
    // Hears of every call that changes something or fails; `fate` is "", "fails" or "dies".
    void on_change(
        std::function<void(SimCall call, const std::string& path, const char* fate)> hear);
    // While true, calls neither fail nor count: for a test that looks at the files itself.
    void observe(bool on);
    // Takes back what fail() and die_at() have set up and has not come yet.
    void heal();
    // The process is killed: files and locks of before are dead, nothing written is lost.
    void kill();

    // Bytes that all files together may hold; writes beyond it are storage_full.
    void set_capacity(std::uint64_t bytes);
    [[nodiscard]] std::uint64_t used() const;
    // What volatile_type answers.
    void set_volatile_type(std::string type);

    // For damage: reads and replaces a file's bytes on the disk itself, durable at once.
    [[nodiscard]] std::string content(const std::string& path) const;
    [[nodiscard]] std::vector<std::string> names(const std::string& dir) const;  // of its files
    void set_content(const std::string& path, std::string_view bytes);
    // Names on the disk itself, durable at once: for lost and doubled files.
    void drop(const std::string& path);

    [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path,
                                                     OpenMode mode) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& dir) const override;
    [[nodiscard]] Result<bool> exists(const std::string& path) const override;
    [[nodiscard]] Result<void> create_dir(const std::string& dir) override;
    [[nodiscard]] Result<void> sync_dir(const std::string& dir) override;
    [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
    [[nodiscard]] Result<void> remove(const std::string& path) override;
    [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
    [[nodiscard]] Result<SpaceInfo> space(const std::string& dir) const override;
    [[nodiscard]] Result<std::string> volatile_type(const std::string& dir) const override;

private:
    std::shared_ptr<SimDisk> disk_;
};

}  // namespace anchorlog::testing
