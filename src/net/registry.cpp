#include "anchorlog/net/registry.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>
#include <nlohmann/json.hpp>

#include "anchorlog/base/bytes.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"

namespace anchorlog::net {

namespace {

using nlohmann::json;

constexpr std::size_t kRegistrySizeMax = 16u << 20;
constexpr std::size_t kSendersMax = 65'536;
constexpr std::size_t kDevicesMax = 65'536;  // of one sender
constexpr std::string_view kEveryDevice = "*";

Error bad(const std::string& path, std::string_view what) {
    return {Errc::invalid_input,
            "registry: " + (path.empty() ? std::string() : path + ": ") + std::string(what)};
}

// Names in `object` that nobody would read: a misspelt "state" must not pass for no state.
Result<void> only_known(const json& object, const std::string& path,
                        std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : object.items()) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return bad(path.empty() ? name : path + "." + name, "unknown member");
        }
    }
    return {};
}

// nlohmann/json keeps the last of two members with one name; a registry in which a revoked
// sender is listed again as active further down must not be read at all.
Result<json> parse_unique(std::string_view text) {
    std::vector<std::set<std::string>> open;
    std::string duplicate;
    const auto watch = [&](int, json::parse_event_t event, json& value) {
        if (event == json::parse_event_t::object_start) open.emplace_back();
        if (event == json::parse_event_t::object_end && !open.empty()) open.pop_back();
        if (event == json::parse_event_t::key && duplicate.empty() &&
            !open.back().insert(value.get<std::string>()).second) {
            duplicate = value.get<std::string>();
        }
        return true;
    };
    json document;
    try {
        document = json::parse(text, watch);
    } catch (const json::exception& e) {
        return bad("", std::string("not JSON: ") + e.what());
    }
    if (!duplicate.empty()) return bad("", "the name \"" + duplicate + "\" is there twice");
    // The library overlooks what is no JSON to others, such as all that stands behind a NUL byte.
    if (auto strict = wire::canonicalize(text); !strict) return bad("", strict.error().message);
    return document;
}

Result<SenderState> parse_state(const json& sender, const std::string& path) {
    const auto state = sender.find("state");
    if (state != sender.end() && state->is_string()) {
        const auto& text = state->get_ref<const std::string&>();
        if (text == "active") return SenderState::active;
        if (text == "suspended") return SenderState::suspended;
        if (text == "revoked") return SenderState::revoked;
    }
    return bad(path + ".state", "must be \"active\", \"suspended\" or \"revoked\"");
}

Result<RegisteredDevice> parse_device(const json& device, const std::string& path) {
    if (!device.is_object()) return bad(path, "must be an object");
    if (auto known = only_known(device, path, {"key"}); !known) return std::move(known).error();
    RegisteredDevice out;
    const auto key = device.find("key");
    if (key == device.end()) return out;
    if (key->is_string()) {
        if (auto bytes = hash_from_hex(key->get_ref<const std::string&>())) {
            out.key = bytes->bytes;
            return out;
        }
    }
    return bad(path + ".key", "must be an Ed25519 public key, 64 lower-case hex digits");
}

Result<RegisteredSender> parse_sender(const json& sender, const std::string& path) {
    if (!sender.is_object()) return bad(path, "must be an object");
    if (auto known = only_known(sender, path, {"state", "devices"}); !known) {
        return std::move(known).error();
    }
    RegisteredSender out;
    auto state = parse_state(sender, path);
    if (!state) return std::move(state).error();
    out.state = *state;
    const auto devices = sender.find("devices");
    if (devices == sender.end() || !devices->is_object()) {
        return bad(path + ".devices", "must be an object of device ids (or \"*\")");
    }
    if (devices->size() > kDevicesMax) return bad(path + ".devices", "more than 65536 devices");
    for (const auto& [id, value] : devices->items()) {
        const std::string device_path = path + ".devices." + id;
        if (id != kEveryDevice && !wire::is_name(id)) {
            return bad(device_path, "a device id is [A-Za-z0-9._:-]{1,64} or \"*\"");
        }
        auto device = parse_device(value, device_path);
        if (!device) return std::move(device).error();
        out.devices.emplace(id, std::move(*device));
    }
    return out;
}

}  // namespace

Result<Registry> Registry::parse(std::string_view text) {
    if (text.size() > kRegistrySizeMax) return bad("", "larger than 16 MiB");
    auto document = parse_unique(text);
    if (!document) return std::move(document).error();
    if (!document->is_object()) return bad("", "must be an object with the member \"senders\"");
    if (auto known = only_known(*document, "", {"senders"}); !known) {
        return std::move(known).error();
    }
    const auto senders = document->find("senders");
    if (senders == document->end() || !senders->is_object()) {
        return bad("senders", "must be an object of sender names");
    }
    if (senders->size() > kSendersMax) return bad("senders", "more than 65536 senders");
    Registry registry;
    for (const auto& [name, value] : senders->items()) {
        const std::string path = "senders." + name;
        if (!wire::is_name(name)) return bad(path, "a sender name is [A-Za-z0-9._:-]{1,64}");
        auto sender = parse_sender(value, path);
        if (!sender) return std::move(sender).error();
        registry.senders_.emplace(name, std::move(*sender));
    }
    return registry;
}

const RegisteredSender* Registry::find(std::string_view sender) const {
    const auto at = senders_.find(sender);
    return at == senders_.end() ? nullptr : &at->second;
}

const RegisteredDevice* Registry::device(const RegisteredSender& sender, std::string_view device) {
    auto at = sender.devices.find(device);
    if (at == sender.devices.end()) at = sender.devices.find(kEveryDevice);
    return at == sender.devices.end() ? nullptr : &at->second;
}

}  // namespace anchorlog::net
