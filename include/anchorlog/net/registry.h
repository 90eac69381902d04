#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "anchorlog/base/result.h"
#include "anchorlog/crypto/ed25519.h"

namespace anchorlog::net {

enum class SenderState { active, suspended, revoked };

struct RegisteredDevice {
    std::optional<crypto::PublicKey> key;  // set: every alert of this device must carry `sig`
};

struct RegisteredSender {
    SenderState state = SenderState::active;
    std::map<std::string, RegisteredDevice, std::less<>> devices;  // "*" allows every device
};

// Who may send, and about which devices. Immutable once made.
class Registry {
public:
    // `{"senders":{"<name>":{"state":"active|suspended|revoked","devices":{"<id>":{"key"?}}}}}`;
    // an unknown member is an error naming its path.
    [[nodiscard]] static Result<Registry> parse(std::string_view json);

    [[nodiscard]] const RegisteredSender* find(std::string_view sender) const;
    // The entry that covers `device` for this sender, "*" included; null: not allowed.
    [[nodiscard]] static const RegisteredDevice* device(const RegisteredSender& sender,
                                                        std::string_view device);

private:
    std::map<std::string, RegisteredSender, std::less<>> senders_;
};

}  // namespace anchorlog::net
