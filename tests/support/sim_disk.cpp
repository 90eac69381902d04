#include "support/sim_disk.h"

#include <algorithm>
#include <utility>

namespace anchorlog::testing {
namespace {

bool changes_something(SimCall call) {
    return call != SimCall::open && call != SimCall::read && call != SimCall::list;
}

std::size_t pick(SimRandom& random, std::size_t below) {
    return static_cast<std::size_t>(random() % below);
}

}  // namespace

std::string sim_directory_name(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::string sim_base_name(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

void SimInode::apply(std::string& image, const SimChange& change) {
    if (change.bytes.empty()) {
        image.resize(change.offset, '\0');
        return;
    }
    const std::size_t end = change.offset + change.bytes.size();
    if (image.size() < end) image.resize(end, '\0');
    image.replace(change.offset, change.bytes.size(), change.bytes);
}

void SimInode::write(std::uint64_t offset, std::string_view bytes) {
    if (bytes.empty()) return;
    pending_.push_back({offset, std::string(bytes)});
    apply(now_, pending_.back());
}

void SimInode::resize(std::uint64_t size) {
    pending_.push_back({size, {}});
    apply(now_, pending_.back());
}

void SimInode::replace(std::string_view bytes) {
    now_ = bytes;
    durable_ = bytes;
    pending_.clear();
}

void SimInode::sync() {
    for (const SimChange& change : pending_) apply(durable_, change);
    pending_.clear();
}

void SimInode::keep_prefix(std::size_t count, SimRandom& random, SimFileCounts& counts) {
    for (std::size_t i = 0; i < count; ++i) apply(durable_, pending_[i]);
    if (count == pending_.size() || pending_[count].bytes.empty()) return;
    SimChange torn = pending_[count];
    const std::uint64_t cut = torn.offset + pick(random, torn.bytes.size() + 1);
    const std::uint64_t sector_end = cut / kSimSectorBytes * kSimSectorBytes;
    if (sector_end <= torn.offset) return;
    ++counts.torn;
    torn.bytes.resize(sector_end - torn.offset);
    apply(durable_, torn);
}

// Each sector as it was after a number of changes of its own, and the size after another.
void SimInode::keep_random_sectors(SimRandom& random, SimFileCounts& counts) {
    const std::size_t versions = pending_.size() + 1;
    const std::size_t size_version = pick(random, versions);
    std::uint64_t size = durable_.size();
    std::uint64_t size_max = size;
    std::uint64_t running = size;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        const SimChange& change = pending_[i];
        running = change.bytes.empty()
                      ? change.offset
                      : std::max<std::uint64_t>(running, change.offset + change.bytes.size());
        if (i < size_version) size = running;
        size_max = std::max(size_max, running);
    }
    std::map<std::uint64_t, std::size_t> version_of;
    const auto kept = [&](std::uint64_t sector, std::size_t change) {
        const auto [entry, fresh] = version_of.try_emplace(sector, 0);
        if (fresh) entry->second = pick(random, versions);
        return change < entry->second;
    };
    std::string image = durable_;
    image.resize(size_max, '\0');
    bool lost = false;
    bool reordered = false;
    bool lying = false;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        const SimChange& change = pending_[i];
        const bool sizing = change.bytes.empty();
        const std::uint64_t end = sizing ? size_max : change.offset + change.bytes.size();
        std::uint64_t at = change.offset;
        while (at < end) {
            const std::uint64_t sector = at / kSimSectorBytes;
            const std::uint64_t stop = std::min(end, (sector + 1) * kSimSectorBytes);
            const bool keep = kept(sector, i);
            reordered = reordered || (keep && lost);
            lost = lost || !keep;
            lying = lying || (!keep && !sizing && at >= durable_.size() && stop <= size);
            if (keep) {
                if (sizing)
                    image.replace(at, stop - at, stop - at, '\0');
                else
                    image.replace(at, stop - at, change.bytes, at - change.offset, stop - at);
            }
            at = stop;
        }
    }
    if (reordered) ++counts.reordered;
    if (lying) ++counts.lying_lengths;
    image.resize(size);
    durable_ = std::move(image);
}

void SimInode::crash(SimRandom& random, SimFileCounts& counts) {
    switch (pending_.empty() ? 1 : pick(random, 5)) {
        case 0:
            ++counts.dropped;
            break;
        case 1:
            sync();
            break;
        case 2:
            keep_prefix(pick(random, pending_.size() + 1), random, counts);
            break;
        default:
            keep_random_sectors(random, counts);
            break;
    }
    pending_.clear();
    now_ = durable_;
}

namespace {

void change_names(SimNames& names, const SimNameChange& change) {
    if (!change.from.empty()) names.erase(change.from);
    if (change.inode)
        names[change.name] = change.inode;
    else
        names.erase(change.name);
}

}  // namespace

void SimDirectory::change(SimNameChange what) {
    change_names(now, what);
    pending.push_back(std::move(what));
}

void SimDirectory::sync() {
    durable = now;
    pending.clear();
}

void SimDirectory::crash(SimRandom& random, SimFileCounts& counts) {
    const std::size_t count = pick(random, pending.size() + 1);
    counts.names_lost += pending.size() - count;
    for (std::size_t i = 0; i < count; ++i) change_names(durable, pending[i]);
    pending.clear();
    now = durable;
}

SimDisk::Fate SimDisk::begin(SimCall call, const std::string& path) {
    if (observed) return {};
    Fate fate = decide(call, path);
    if (on_change && (fate.error || changes_something(call))) {
        on_change(call, path, fate.dying ? "dies" : fate.error ? "fails" : "");
    }
    return fate;
}

SimDisk::Fate SimDisk::decide(SimCall call, const std::string& path) {
    const auto index = static_cast<std::size_t>(call);
    const std::uint64_t ordinal = ++calls[index];
    if (changes_something(call)) ++changes;
    if (dead) return {Error{Errc::io, path + ": the simulated machine is off"}, false};
    if (dies_at && changes_something(call) && changes == *dies_at) {
        dead = true;
        ++counts.deaths;
        return {Error{Errc::io, path + ": the simulated machine stops here"}, true};
    }
    const auto fault = std::find_if(faults.begin(), faults.end(), [&](const Fault& f) {
        return f.call == call && f.at == ordinal;
    });
    if (fault == faults.end()) return {};
    const bool sync = call == SimCall::sync_data || call == SimCall::sync_all;
    const bool full = fault->code == Errc::storage_full;
    ++(full ? counts.full_errors : sync ? counts.sync_errors : counts.other_errors);
    return {Error{fault->code, path + ": simulated fault"}, false};
}

std::uint64_t SimDisk::used() const {
    std::uint64_t sum = 0;
    for (const auto& [path, directory] : directories) {
        for (const auto& [name, inode] : directory.now) sum += inode->bytes().size();
    }
    return sum;
}

SimDirectory* SimDisk::directory_of(const std::string& path) {
    const auto found = directories.find(sim_directory_name(path));
    return found == directories.end() ? nullptr : &found->second;
}

std::shared_ptr<SimInode> SimDisk::find(const std::string& path) const {
    const auto directory = directories.find(sim_directory_name(path));
    if (directory == directories.end()) return nullptr;
    const auto found = directory->second.now.find(sim_base_name(path));
    return found == directory->second.now.end() ? nullptr : found->second;
}

}  // namespace anchorlog::testing
