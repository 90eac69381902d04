#pragma once

#include <memory>
#include <optional>
#include <string>

#include "anchorlog/net/ingest.h"
#include "anchorlog/net/registry.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/frame.h"

namespace anchorlog::net {

// The least a frame counts for, so that a flood of tiny refused frames cannot make the queue use
// many times the memory its limit promises.
inline constexpr std::uint64_t kFrameCostMin = 256;

// Whom a session speaks for. `registration` lives inside `registry`.
struct SessionSender {
    SessionId session;
    std::string name;
    wire::CertFingerprint cert{};
    std::shared_ptr<const Registry> registry;
    const RegisteredSender* registration = nullptr;
};

// Turns what one session's reads bring into what crosses threads: frames, JSON and schema,
// identity, signature (formats §2, admission order). No I/O. Used by one thread.
class ChunkReader {
public:
    // `parser` is shared by the sessions of one thread and outlives this.
    ChunkReader(SessionSender sender, wire::AlertParser& parser);

    // Takes the bytes of one read. Gives nothing while no frame has become whole: bytes of an
    // unfinished frame are counted when it is.
    [[nodiscard]] std::optional<Inbound> push(ByteView bytes);
    // The frame border is lost: the last frame handed out says why and nothing may follow.
    [[nodiscard]] bool failed() const { return decoder_.error().has_value(); }
    [[nodiscard]] bool at_border() const { return decoder_.at_border(); }
    // The ordinal of the next frame.
    [[nodiscard]] std::uint64_t frames() const { return decoder_.frames(); }
    // What says that nothing follows.
    [[nodiscard]] Inbound last() const;
    [[nodiscard]] const SessionSender& sender() const { return sender_; }

private:
    [[nodiscard]] InboundFrame read_frame(std::string_view json, std::string& arena);
    [[nodiscard]] std::optional<wire::Refusal> check(const wire::Alert& alert,
                                                     std::string_view arena) const;

    SessionSender sender_;
    wire::AlertParser& parser_;
    wire::FrameDecoder decoder_;
};

}  // namespace anchorlog::net
