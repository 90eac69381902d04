#include "app/restore_hold.h"

#include <nlohmann/json.hpp>

namespace anchorlog::app {
namespace {

constexpr std::uint64_t kHoldSizeMax = 4'096;

std::string path_of(const std::string& store) { return store + "/restored.json"; }

}  // namespace

std::string to_json(const RestoreHold& hold) {
    return nlohmann::json{{"batches", hold.batches},
                          {"entries", hold.entries},
                          {"made_at", format_server_time(hold.made_at)},
                          {"restored_at", format_server_time(hold.restored_at)}}
        .dump();
}

std::string describe(const RestoreHold& hold) {
    return "restored from a backup of " + format_server_time(hold.made_at) +
           ": nothing is taken or sealed until the chain shows that it lacks no batch, or the "
           "operator says so (anchorlogctl log accept-restore)";
}

Result<std::optional<RestoreHold>> read_hold(FileSystem& fs, const std::string& store) {
    auto text = read_file(fs, path_of(store), kHoldSizeMax);
    if (!text && text.error().code == Errc::not_found) return std::optional<RestoreHold>();
    if (!text) return std::move(text).error();
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    const auto number = [&](const char* name) {
        return json.is_object() && json.contains(name) && json[name].is_number_unsigned();
    };
    const auto time = [&](const char* name) -> Result<WallTime> {
        if (!json.is_object() || !json.contains(name) || !json[name].is_string()) {
            return Error{Errc::corruption, std::string(name) + " is missing"};
        }
        return parse_server_time(json[name].get<std::string>());
    };
    const auto made_at = time("made_at");
    const auto restored_at = time("restored_at");
    if (!number("batches") || !number("entries") || !made_at || !restored_at) {
        return Error{Errc::corruption,
                     path_of(store) + " has a wrong form: restore the backup into a new directory"};
    }
    RestoreHold out;
    out.batches = json["batches"].get<std::uint64_t>();
    out.entries = json["entries"].get<std::uint64_t>();
    out.made_at = *made_at;
    out.restored_at = *restored_at;
    return std::optional(out);
}

Result<void> write_hold(FileSystem& fs, const std::string& store, const RestoreHold& hold) {
    const std::string text = to_json(hold) + "\n";
    return replace_file(fs, path_of(store), as_bytes(text));
}

Result<void> clear_hold(FileSystem& fs, const std::string& store) {
    if (auto removed = fs.remove(path_of(store)); !removed) return removed;
    return fs.sync_dir(store);
}

}  // namespace anchorlog::app
