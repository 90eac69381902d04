#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/net/registry.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/message.h"

namespace anchorlog::net {

using SessionId = Count64<struct SessionIdTag>;  // never reused while the process lives

// One frame as the I/O thread left it: frame, JSON, schema, identity and signature are checked
// (formats §2, admission order); number and window are the commit thread's.
struct InboundFrame {
    std::uint64_t frame = 0;  // ordinal in the session, from 0
    std::variant<wire::Alert, wire::Hello, wire::Refusal> content;
};

// What one read of one session brought: the unit that crosses threads.
struct Inbound {
    SessionId session;
    std::string sender;  // bare name from the certificate
    wire::CertFingerprint cert{};
    std::string arena;  // the alerts' texts
    std::vector<InboundFrame> frames;
    std::uint64_t bytes = 0;  // weight in the queue (tiny frames count 256): given back
                              // through Outbound::released_bytes, session gone or not
    bool last = false;        // the connection is gone: nothing follows; has no frames
};

// What goes back to one session, in order.
struct Outbound {
    SessionId session;
    std::string frames;                // whole frames, length included
    std::uint64_t released_bytes = 0;  // of Inbound::bytes now answered for
    bool close = false;                // close after `frames` are sent
};

// The commit side, as sessions see it. Called on I/O threads; never blocks. May call deliver(),
// nothing else of the listener. A session whose peer has ended its side, or whose last frame is a
// Refusal for a lost frame border, closes by itself once all its bytes are released.
class IngestSink {
public:
    virtual ~IngestSink() = default;
    // What the sessions of one I/O thread read in one turn of its loop: one wake-up for all.
    virtual void submit(std::vector<Inbound> inbounds) = 0;
    // A connection that never became a session: for the audit. `subject` is the peer's address
    // (without port), `reason` one printable ASCII sentence.
    virtual void connection_refused(const std::string& subject, const std::string& reason) = 0;
    // A sender is read more slowly from now on, for the audit; at most once a minute and sender.
    // `subject` is the sender's name, and behind a space the device if the limit is a device's.
    virtual void rate_limited(const std::string& subject, std::uint32_t per_s) = 0;
};

struct TlsFiles {
    std::string certificate_path;  // PEM chain
    std::string key_path;          // PEM, refused when others may read it
    std::string client_ca_path;    // PEM
    std::string crl_path{};        // PEM, a list of each client CA; empty: none is revoked by it
};

// Why a connection never became a session.
enum class ConnectionRefusal {
    no_certificate,
    untrusted,  // not by the client CA, or not for a client
    expired,    // or not valid yet
    revoked,
    crl,       // the revocation list does not hold any more
    identity,  // no single sender URI
    sender,    // not registered, or not active
    protocol,  // no TLS, not 1.3, or it failed
    unfinished,
    crowded,  // a limit on connections or sessions
};
inline constexpr std::size_t kConnectionRefusals = 10;
[[nodiscard]] std::string_view to_string(ConnectionRefusal why) noexcept;

// Alerts a second, and how many may come at once above that. 0 a second: as many as come.
// Whoever sends more is read more slowly, never refused.
struct RateLimits {
    std::uint32_t sender_per_s = 0;
    std::uint32_t sender_burst = 1'000;
    std::uint32_t device_per_s = 0;  // of one sender
    std::uint32_t device_burst = 1'000;
    std::uint32_t receipts_per_s = 0;  // of one sender's sessions that ask for them
};

// Descriptors that are no connections' but files', RocksDB's, curl's and the local server's.
inline constexpr std::uint32_t kDescriptorsKept = 256;

struct IngestOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 7400;              // 0: any free one
    std::uint32_t connections_max = 1'024;  // sessions
    std::uint32_t sessions_per_sender_max = 128;
    std::uint32_t handshakes_max = 512;  // connections that are no session (yet)
    std::uint32_t handshakes_per_address_max = 128;
    std::uint32_t handshake_timeout_ms = 5'000;
    std::uint32_t first_frame_timeout_ms = 30'000;  // from the handshake to the first whole frame
    std::uint32_t frame_timeout_ms = 30'000;        // from a frame's first byte to its last
    std::uint32_t idle_timeout_ms = 300'000;
    std::uint32_t write_timeout_ms = 30'000;     // for a peer to take what it is sent
    std::uint64_t session_bytes_max = 8u << 20;  // un-answered bytes of one session
    std::uint64_t queue_bytes_max = 16u << 20;   // un-answered bytes of all sessions
    // The same while several senders are active; each session may bring one read of 64 KiB.
    std::uint64_t shared_bytes_max = 256u << 10;
    std::uint64_t session_output_bytes_max = 16u << 20;  // answers one peer has not taken
    std::uint64_t output_bytes_max = 32u << 20;         // answers all peers have not taken
    RateLimits rates;
    std::uint32_t io_threads = 1;
};

struct IngestStats {
    std::uint64_t sessions = 0;         // now
    std::uint64_t handshakes_open = 0;  // connections that are no session, now
    std::uint64_t handshakes = 0;
    std::array<std::uint64_t, kConnectionRefusals> refused{};  // by ConnectionRefusal
    std::uint64_t bytes_in = 0;
    std::uint64_t frames_in = 0;
    std::uint64_t queue_bytes = 0;
    std::uint64_t output_bytes = 0;
    std::uint64_t rate_pauses = 0;  // times a session was not read on for its sender's rate
};

// The mutual-TLS-1.3 listener and its sessions on their own I/O threads.
class IngestListener {
public:
    // Binds; errors say what, where and how to mend it. Accepts nothing before start(). `sink`
    // outlives the listener.
    [[nodiscard]] static Result<std::unique_ptr<IngestListener>> create(
        const IngestOptions& options, const TlsFiles& tls, std::shared_ptr<const Registry> registry,
        IngestSink& sink);
    virtual ~IngestListener() = default;

    virtual void start() = 0;
    [[nodiscard]] virtual std::uint16_t port() const = 0;
    // Any thread: one post per I/O thread, however many sessions are answered.
    virtual void deliver(std::vector<Outbound> replies) = 0;
    // New files and registry for sessions from now on, all or nothing; a live session keeps what
    // it was accepted under, except that one whose sender is gone or not active, or whose
    // certificate is revoked, is closed: nothing more is read from it, and within seconds it ends.
    [[nodiscard]] virtual Result<void> reload(const TlsFiles& tls,
                                              std::shared_ptr<const Registry> registry) = 0;
    // Stops accepting and reading. Replies still go out. Once it returns, nothing but `last` is
    // submitted. Not on an I/O thread.
    virtual void stop_reading() = 0;
    // Sends what is pending, a `shutting_down` reject to every session, closes all (within
    // `timeout_ms`) and joins the threads. Every session's `last` is submitted before it returns.
    // Not on an I/O thread.
    virtual void close(std::uint32_t timeout_ms) = 0;
    [[nodiscard]] virtual IngestStats stats() const = 0;
};

}  // namespace anchorlog::net
