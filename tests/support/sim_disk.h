#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "support/sim_file_system.h"

namespace anchorlog::testing {

inline constexpr std::uint64_t kSimSectorBytes = 512;
inline constexpr std::size_t kSimCalls = static_cast<std::size_t>(SimCall::remove) + 1;

using SimRandom = std::mt19937_64;

// One change of a file not yet synced: bytes written, or a new size.
struct SimChange {
    std::uint64_t offset = 0;
    std::string bytes;  // empty: the size becomes `offset`
};

// A file without its name: what is read now, what a crash leaves for sure, and what lies between.
class SimInode {
public:
    [[nodiscard]] const std::string& bytes() const { return now_; }
    void write(std::uint64_t offset, std::string_view bytes);
    void resize(std::uint64_t size);
    void replace(std::string_view bytes);

    void sync();
    // The pages look clean, but never reach the disk.
    void lose() { pending_.clear(); }
    void crash(SimRandom& random, SimFileCounts& counts);

private:
    static void apply(std::string& image, const SimChange& change);
    void keep_prefix(std::size_t count, SimRandom& random, SimFileCounts& counts);
    void keep_random_sectors(SimRandom& random, SimFileCounts& counts);

    std::string now_;
    std::string durable_;
    std::vector<SimChange> pending_;
};

using SimNames = std::map<std::string, std::shared_ptr<SimInode>>;

// One change of a directory not yet synced. An empty `inode` removes `name`; `from` is the old
// name of a rename.
struct SimNameChange {
    std::string name;
    std::string from;
    std::shared_ptr<SimInode> inode;
};

struct SimDirectory {
    SimNames now;
    SimNames durable;
    std::vector<SimNameChange> pending;

    void change(SimNameChange what);
    void sync();
    void crash(SimRandom& random, SimFileCounts& counts);
};

// The state behind SimFileSystem and its open files.
struct SimDisk {
    struct Fault {
        SimCall call;
        std::uint64_t at;  // ordinal of the call
        Errc code;
    };

    mutable std::mutex mutex;  // guards all
    std::map<std::string, SimDirectory> directories;
    std::set<std::string> locks;
    std::uint64_t epoch = 0;  // handles of an earlier one are dead
    std::uint64_t capacity = std::uint64_t{1} << 40;
    std::string volatile_type;
    std::vector<Fault> faults;
    std::array<std::uint64_t, kSimCalls> calls{};
    std::uint64_t changes = 0;
    SimFileCounts counts;
    std::optional<std::uint64_t> dies_at;
    bool dead = false;
    bool observed = false;  // by the test: calls neither fail nor count

    // What happens to a call: nothing, an error instead of it, or the end in the middle of it.
    struct Fate {
        std::optional<Error> error;
        bool dying = false;
    };

    std::function<void(SimCall, const std::string& path, const char* fate)> on_change;

    [[nodiscard]] Fate begin(SimCall call, const std::string& path);
    [[nodiscard]] Fate decide(SimCall call, const std::string& path);
    [[nodiscard]] std::uint64_t used() const;
    [[nodiscard]] SimDirectory* directory_of(const std::string& path);
    [[nodiscard]] std::shared_ptr<SimInode> find(const std::string& path) const;
};

[[nodiscard]] std::string sim_directory_name(const std::string& path);
[[nodiscard]] std::string sim_base_name(const std::string& path);

}  // namespace anchorlog::testing
