#include "support/sim_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "support/sim_disk.h"

namespace anchorlog::testing {
namespace {

Error not_found(const std::string& path) {
    return {Errc::not_found, path + ": no such file or directory"};
}

class SimFile final : public File {
public:
    SimFile(std::shared_ptr<SimDisk> disk, std::shared_ptr<SimInode> inode, std::string path,
            bool writable)
        : disk_(std::move(disk)), inode_(std::move(inode)), path_(std::move(path)),
          epoch_(disk_->epoch), writable_(writable) {}

    Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
        const std::lock_guard lock(disk_->mutex);
        if (auto open = alive(); !open) return open;
        if (!writable_) return Error{Errc::io, path_ + ": opened for reading"};
        const auto fate = disk_->begin(SimCall::write, path_);
        if (fate.error) {
            const bool in_part = fate.dying || fate.error->code == Errc::io;
            if (in_part && (!disk_->dead || fate.dying)) {
                inode_->write(offset, as_text(bytes.first(bytes.size() / 2)));
            }
            return *fate.error;
        }
        const std::uint64_t fitting = room_for(offset + bytes.size());
        if (fitting < offset + bytes.size()) {
            if (fitting > offset) inode_->write(offset, as_text(bytes.first(fitting - offset)));
            return full();
        }
        inode_->write(offset, as_text(bytes));
        return {};
    }

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        const std::lock_guard lock(disk_->mutex);
        if (auto open = alive(); !open) return std::move(open).error();
        const auto fate = disk_->begin(SimCall::read, path_);
        if (fate.error) return *fate.error;
        const std::string& bytes = inode_->bytes();
        if (offset >= bytes.size()) return std::size_t{0};
        const std::size_t count = std::min<std::size_t>(out.size(), bytes.size() - offset);
        std::memcpy(out.data(), bytes.data() + offset, count);
        return count;
    }

    Result<void> allocate(std::uint64_t size) override {
        const std::lock_guard lock(disk_->mutex);
        return resize(SimCall::allocate, std::max<std::uint64_t>(size, inode_->bytes().size()));
    }

    Result<void> truncate(std::uint64_t size) override {
        const std::lock_guard lock(disk_->mutex);
        return resize(SimCall::truncate, size);
    }

    Result<void> sync_data() override { return sync(SimCall::sync_data); }
    Result<void> sync_all() override { return sync(SimCall::sync_all); }

    Result<std::uint64_t> size() const override {
        const std::lock_guard lock(disk_->mutex);
        if (auto open = alive(); !open) return std::move(open).error();
        return std::uint64_t{inode_->bytes().size()};
    }

private:
    Result<void> alive() const {
        if (epoch_ == disk_->epoch) return {};
        return Error{Errc::io, path_ + ": opened before the crash"};
    }

    Error full() const {
        ++disk_->counts.full_errors;
        return {Errc::storage_full, path_ + ": no space left"};
    }

    // The size up to `wanted` that the disk has room for.
    std::uint64_t room_for(std::uint64_t wanted) const {
        const std::uint64_t size = inode_->bytes().size();
        if (wanted <= size) return wanted;
        const std::uint64_t used = disk_->used();
        const std::uint64_t room = disk_->capacity - std::min(disk_->capacity, used);
        return std::min(wanted, size + room);
    }

    // Running out of space leaves the file larger by what there was, as fallocate may.
    Result<void> resize(SimCall call, std::uint64_t size) {
        if (auto open = alive(); !open) return open;
        if (!writable_) return Error{Errc::io, path_ + ": opened for reading"};
        const auto fate = disk_->begin(call, path_);
        if (fate.dying) inode_->resize(size);
        if (fate.error) return *fate.error;
        const std::uint64_t fitting = room_for(size);
        inode_->resize(fitting);
        if (fitting < size) return full();
        return {};
    }

    Result<void> sync(SimCall call) {
        const std::lock_guard lock(disk_->mutex);
        if (auto open = alive(); !open) return open;
        const auto fate = disk_->begin(call, path_);
        if (fate.error) {
            if (!disk_->dead) inode_->lose();
            return *fate.error;
        }
        inode_->sync();
        return {};
    }

    std::shared_ptr<SimDisk> disk_;
    std::shared_ptr<SimInode> inode_;
    std::string path_;
    std::uint64_t epoch_;
    bool writable_;
};

class SimLock final : public FileLock {
public:
    SimLock(std::shared_ptr<SimDisk> disk, std::string path)
        : disk_(std::move(disk)), path_(std::move(path)), epoch_(disk_->epoch) {}
    ~SimLock() override {
        const std::lock_guard lock(disk_->mutex);
        if (epoch_ == disk_->epoch) disk_->locks.erase(path_);
    }
    SimLock(const SimLock&) = delete;
    SimLock& operator=(const SimLock&) = delete;

private:
    std::shared_ptr<SimDisk> disk_;
    std::string path_;
    std::uint64_t epoch_;
};

// Ends what runs; with mutex held.
void end_process(SimDisk& disk) {
    ++disk.epoch;
    disk.locks.clear();
    disk.faults.clear();
    disk.dies_at.reset();
    disk.dead = false;
}

}  // namespace

const char* to_string(SimCall call) noexcept {
    constexpr const char* kNames[] = {"open",     "create",    "read",     "write", "allocate",
                                      "truncate", "sync_data", "sync_all", "list",  "create_dir",
                                      "sync_dir", "rename",    "remove"};
    return kNames[static_cast<std::size_t>(call)];
}

SimFileSystem::SimFileSystem() : disk_(std::make_shared<SimDisk>()) {
    disk_->directories["."];
    disk_->directories["/"];
}

SimFileSystem::~SimFileSystem() = default;

void SimFileSystem::fail(SimCall call, std::uint64_t nth, Errc code) {
    const std::lock_guard lock(disk_->mutex);
    disk_->faults.push_back({call, disk_->calls[static_cast<std::size_t>(call)] + nth, code});
}

void SimFileSystem::die_at(std::uint64_t nth) {
    const std::lock_guard lock(disk_->mutex);
    disk_->dies_at = disk_->changes + nth;
}

bool SimFileSystem::dead() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->dead;
}

std::uint64_t SimFileSystem::changes() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->changes;
}

std::uint64_t SimFileSystem::calls(SimCall call) const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->calls[static_cast<std::size_t>(call)];
}

SimFileCounts SimFileSystem::counts() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->counts;
}

void SimFileSystem::crash(std::uint64_t seed) {
    const std::lock_guard lock(disk_->mutex);
    SimRandom random(seed);
    for (auto& [path, directory] : disk_->directories) {
        directory.crash(random, disk_->counts);
        for (auto& [name, inode] : directory.now) inode->crash(random, disk_->counts);
    }
    end_process(*disk_);
}

void SimFileSystem::on_change(
    std::function<void(SimCall call, const std::string& path, const char* fate)> hear) {
    const std::lock_guard lock(disk_->mutex);
    disk_->on_change = std::move(hear);
}

void SimFileSystem::observe(bool on) {
    const std::lock_guard lock(disk_->mutex);
    disk_->observed = on;
}

void SimFileSystem::heal() {
    const std::lock_guard lock(disk_->mutex);
    disk_->faults.clear();
    disk_->dies_at.reset();
}

void SimFileSystem::kill() {
    const std::lock_guard lock(disk_->mutex);
    end_process(*disk_);
}

void SimFileSystem::set_capacity(std::uint64_t bytes) {
    const std::lock_guard lock(disk_->mutex);
    disk_->capacity = bytes;
}

std::uint64_t SimFileSystem::used() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->used();
}

void SimFileSystem::set_volatile_type(std::string type) {
    const std::lock_guard lock(disk_->mutex);
    disk_->volatile_type = std::move(type);
}

std::string SimFileSystem::content(const std::string& path) const {
    const std::lock_guard lock(disk_->mutex);
    const auto inode = disk_->find(path);
    ANCHORLOG_ASSERT(inode != nullptr);
    return inode->bytes();
}

std::vector<std::string> SimFileSystem::names(const std::string& dir) const {
    const std::lock_guard lock(disk_->mutex);
    std::vector<std::string> out;
    const auto directory = disk_->directories.find(dir);
    if (directory == disk_->directories.end()) return out;
    for (const auto& [name, inode] : directory->second.now) out.push_back(name);
    return out;
}

void SimFileSystem::set_content(const std::string& path, std::string_view bytes) {
    const std::lock_guard lock(disk_->mutex);
    auto inode = disk_->find(path);
    if (!inode) {
        inode = std::make_shared<SimInode>();
        SimDirectory* const directory = disk_->directory_of(path);
        ANCHORLOG_ASSERT(directory != nullptr);
        directory->change({sim_base_name(path), {}, inode});
        directory->sync();
    }
    inode->replace(bytes);
}

void SimFileSystem::drop(const std::string& path) {
    const std::lock_guard lock(disk_->mutex);
    SimDirectory* const directory = disk_->directory_of(path);
    ANCHORLOG_ASSERT(directory != nullptr);
    directory->change({sim_base_name(path), {}, nullptr});
    directory->sync();
}

Result<std::unique_ptr<File>> SimFileSystem::open(const std::string& path, OpenMode mode) {
    const std::lock_guard lock(disk_->mutex);
    const bool create = mode == OpenMode::create_new;
    const auto fate = disk_->begin(create ? SimCall::create : SimCall::open, path);
    SimDirectory* const directory = disk_->directory_of(path);
    if (fate.error && !fate.dying) return *fate.error;
    if (directory == nullptr) return not_found(path);
    auto inode = disk_->find(path);
    if (create && inode) return Error{Errc::io, path + ": exists already"};
    if (!create && !inode) return not_found(path);
    if (create) {
        inode = std::make_shared<SimInode>();
        directory->change({sim_base_name(path), {}, inode});
    }
    if (fate.error) return *fate.error;
    return std::unique_ptr<File>(
        std::make_unique<SimFile>(disk_, inode, path, mode != OpenMode::read));
}

Result<std::vector<std::string>> SimFileSystem::list(const std::string& dir) const {
    const std::lock_guard lock(disk_->mutex);
    const auto fate = disk_->begin(SimCall::list, dir);
    if (fate.error) return *fate.error;
    const auto directory = disk_->directories.find(dir);
    if (directory == disk_->directories.end()) return not_found(dir);
    std::vector<std::string> names;
    for (const auto& [name, inode] : directory->second.now) names.push_back(name);
    for (const auto& [path, other] : disk_->directories) {
        if (path != dir && path != "." && sim_directory_name(path) == dir) {
            names.push_back(sim_base_name(path));
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<bool> SimFileSystem::exists(const std::string& path) const {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->dead) return Error{Errc::io, path + ": the simulated machine is off"};
    return disk_->directories.contains(path) || disk_->find(path) != nullptr;
}

Result<void> SimFileSystem::create_dir(const std::string& dir) {
    const std::lock_guard lock(disk_->mutex);
    const auto fate = disk_->begin(SimCall::create_dir, dir);
    if (fate.error && !fate.dying) return *fate.error;
    if (disk_->directory_of(dir) == nullptr) return not_found(dir);
    disk_->directories[dir];
    if (fate.error) return *fate.error;
    return {};
}

Result<void> SimFileSystem::sync_dir(const std::string& dir) {
    const std::lock_guard lock(disk_->mutex);
    const auto fate = disk_->begin(SimCall::sync_dir, dir);
    if (fate.error) return *fate.error;
    const auto directory = disk_->directories.find(dir);
    if (directory == disk_->directories.end()) return not_found(dir);
    directory->second.sync();
    return {};
}

Result<void> SimFileSystem::rename(const std::string& from, const std::string& to) {
    const std::lock_guard lock(disk_->mutex);
    const auto fate = disk_->begin(SimCall::rename, from);
    if (fate.error && !fate.dying) return *fate.error;
    const auto inode = disk_->find(from);
    if (!inode) return not_found(from);
    if (sim_directory_name(from) != sim_directory_name(to)) {
        return Error{Errc::io, from + ": renamed to another directory"};
    }
    disk_->directory_of(to)->change({sim_base_name(to), sim_base_name(from), inode});
    if (fate.error) return *fate.error;
    return {};
}

Result<void> SimFileSystem::remove(const std::string& path) {
    const std::lock_guard lock(disk_->mutex);
    const auto fate = disk_->begin(SimCall::remove, path);
    if (fate.error && !fate.dying) return *fate.error;
    if (!disk_->find(path)) return not_found(path);
    disk_->directory_of(path)->change({sim_base_name(path), {}, nullptr});
    if (fate.error) return *fate.error;
    return {};
}

Result<std::unique_ptr<FileLock>> SimFileSystem::lock(const std::string& path) {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->dead) return Error{Errc::io, path + ": the simulated machine is off"};
    SimDirectory* const directory = disk_->directory_of(path);
    if (directory == nullptr) return not_found(path);
    if (!disk_->locks.insert(path).second) {
        return Error{Errc::refused, path + ": held by another process"};
    }
    if (!disk_->find(path)) {
        directory->change({sim_base_name(path), {}, std::make_shared<SimInode>()});
    }
    return std::unique_ptr<FileLock>(std::make_unique<SimLock>(disk_, path));
}

Result<SpaceInfo> SimFileSystem::space(const std::string& dir) const {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->dead) return Error{Errc::io, dir + ": the simulated machine is off"};
    return SpaceInfo{disk_->capacity - std::min(disk_->capacity, disk_->used()), disk_->capacity};
}

Result<std::string> SimFileSystem::volatile_type(const std::string&) const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->volatile_type;
}

}  // namespace anchorlog::testing
