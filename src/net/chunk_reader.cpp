#include "net/chunk_reader.h"

#include <algorithm>
#include <utility>

#include "anchorlog/crypto/ed25519.h"

namespace anchorlog::net {

namespace {

constexpr std::uint64_t kFrameHeaderSize = 4;
// Smaller frames than this make a chunk's list of frames grow.
constexpr std::size_t kFrameSizeUsual = 400;

wire::Refusal refuse(wire::RejectCode code, std::string detail) {
    return {code, std::move(detail), std::nullopt};
}

wire::Refusal border_lost(wire::FrameError error) {
    if (error == wire::FrameError::malformed) {
        return refuse(wire::RejectCode::malformed, "a frame of length 0");
    }
    return refuse(wire::RejectCode::too_large, "a frame over 65536 bytes");
}

bool signature_holds(const crypto::PublicKey& key, std::string_view canonical,
                     std::string_view sig) {
    const auto signature = from_base64(sig);
    const auto payload = wire::alert_signing_payload(canonical);
    return signature && payload && crypto::verify(key, *payload, *signature);
}

}  // namespace

ChunkReader::ChunkReader(SessionSender sender, wire::AlertParser& parser)
    : sender_(std::move(sender)), parser_(parser) {
    ANCHORLOG_ASSERT(sender_.registration != nullptr);
}

std::optional<Inbound> ChunkReader::push(ByteView bytes) {
    decoder_.push(bytes);
    Inbound inbound = last();
    inbound.last = false;
    for (auto json = decoder_.next(); json; json = decoder_.next()) {
        if (inbound.frames.empty()) {
            inbound.frames.reserve(bytes.size() / kFrameSizeUsual + 1);
            inbound.arena.reserve(bytes.size() + json->size());
        }
        inbound.bytes += std::max(kFrameCostMin, kFrameHeaderSize + json->size());
        inbound.frames.push_back(read_frame(*json, inbound.arena));
    }
    if (const auto error = decoder_.error()) {
        inbound.bytes += kFrameCostMin;
        inbound.frames.push_back(InboundFrame{decoder_.frames(), border_lost(*error)});
    }
    if (inbound.frames.empty()) return std::nullopt;
    return inbound;
}

Inbound ChunkReader::last() const {
    Inbound inbound;
    inbound.session = sender_.session;
    inbound.sender = sender_.name;
    inbound.cert = sender_.cert;
    inbound.last = true;
    return inbound;
}

InboundFrame ChunkReader::read_frame(std::string_view json, std::string& arena) {
    const std::size_t arena_before = arena.size();
    InboundFrame frame{decoder_.frames() - 1, parser_.parse(json, arena)};
    if (const auto* alert = std::get_if<wire::Alert>(&frame.content)) {
        if (auto refusal = check(*alert, arena)) frame.content = std::move(*refusal);
    } else if (auto* hello = std::get_if<wire::Hello>(&frame.content)) {
        // A welcome tells how far a device is; that is for those who may speak for it.
        std::erase_if(hello->devices, [this](const std::string& device) {
            return Registry::device(*sender_.registration, device) == nullptr;
        });
    }
    if (!std::holds_alternative<wire::Alert>(frame.content)) arena.resize(arena_before);
    return frame;
}

std::optional<wire::Refusal> ChunkReader::check(const wire::Alert& alert,
                                                std::string_view arena) const {
    const std::string_view device_id = alert.device_id.of(arena);
    const std::string_view sig = alert.sig.of(arena);
    const RegisteredDevice* device = Registry::device(*sender_.registration, device_id);
    wire::Refusal refusal;
    if (device == nullptr) {
        refusal = refuse(wire::RejectCode::identity, "this sender may not speak for this device");
    } else if (!device->key && !sig.empty()) {
        refusal = refuse(wire::RejectCode::schema, "sig: no key is registered for this device");
    } else if (device->key && sig.empty()) {
        refusal = refuse(wire::RejectCode::signature, "sig is missing: this device has a key");
    } else if (device->key && !signature_holds(*device->key, alert.canonical.of(arena), sig)) {
        refusal = refuse(wire::RejectCode::signature, "sig does not verify with the device's key");
    } else {
        return std::nullopt;
    }
    refusal.number = wire::AlertNumber{std::string(device_id), alert.epoch, alert.seq_no};
    return refusal;
}

}  // namespace anchorlog::net
