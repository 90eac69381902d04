#include <nlohmann/json.hpp>

#include "anchorlog/net/registry.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

// senders.json. What the file seems to say to any reader of JSON, the registry must say.
void registry(ByteView input) {
    const std::string_view text = as_text(input);
    const auto registry = net::Registry::parse(text);
    if (!registry) {
        require(!registry.error().message.empty(), "a refusal says why");
        return;
    }
    require(wire::canonicalize(text).has_value(), "a registry is JSON by our rules");
    const auto document = nlohmann::json::parse(text);
    for (const auto& [name, value] : document["senders"].items()) {
        require(wire::is_name(name), "senders have names");
        const auto* sender = registry->find(name);
        require(sender != nullptr, "a listed sender is found");
        require((sender->state == net::SenderState::active) == (value["state"] == "active"),
                "only an active sender is active");
        require(sender->devices.size() == value["devices"].size(), "devices are those listed");
        for (const auto& [id, device] : value["devices"].items()) {
            const auto* found = net::Registry::device(*sender, id);
            require(found != nullptr && found->key.has_value() == device.contains("key"),
                    "a device has the key that is listed");
        }
        require(sender->devices.contains("*") ||
                    net::Registry::device(*sender, "no such device") == nullptr,
                "no other device is allowed");
    }
    require(registry->find("no such sender") == nullptr, "nobody else is a sender");
}

}  // namespace anchorlog::fuzz
