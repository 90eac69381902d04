#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "anchorlog/net/ingest.h"
#include "net/chunk_reader.h"
#include "net/io_worker.h"
#include "net/tls_stream.h"

namespace anchorlog::net {

// What a peer that does not read its acks may leave unsent before its session is closed.
inline constexpr std::size_t kOutboundBytesMax = 4u << 20;
inline constexpr std::chrono::seconds kWriteTimeout{30};
// How long a session whose peer sends no more waits for its last answers.
inline constexpr std::chrono::seconds kDrainTimeout{10};
// How long a closing connection waits for its peer to read what was sent and close too.
inline constexpr std::chrono::seconds kLingerTimeout{1};

// One connection, from accept to close, pinned to one I/O thread. The socket says when it can be
// read or written, and each time one turn is taken: at most kReceiveSize bytes are received,
// decrypted where they are, and handed over as one piece of work. Between turns an idle
// connection has no buffers. One deadline runs for what is awaited from the peer and one for what
// it does not take.
class Session : public std::enable_shared_from_this<Session> {
public:
    // `busy`: the connection is over the limit and is only told so.
    Session(asio::ip::tcp::socket socket, SessionId id, bool busy, IngestShared& shared,
            IoWorker& worker);

    // All of this runs on the session's thread.
    void start();
    // One step of the handshake: see IoWorker::queue_handshake.
    void shake_hands();
    void deliver(Outbound reply);
    // Looks again whether the budget lets it read.
    void wake_reader();
    // From now on IoWorker::reading_stopped holds; who is not a session yet never becomes one.
    void stop_reading();
    // Sends what is pending, then closes.
    void request_close();
    // As request_close, after a `shutting_down` reject.
    void shut_down();
    // Closes at once. The sink hears of the end once, and last.
    void abort();
    // Closes when `registry` has no active sender of this name.
    void check_sender(const Registry& registry);

private:
    using Deadline = std::chrono::steady_clock::time_point;
    using Step = void (Session::*)();
    enum class Phase {
        handshake,
        open,       // reads and answers
        draining,   // the peer sends no more (or may not), but what it sent is still answered
        flushing,   // nothing more is taken in; what is pending still goes out
        lingering,  // all is sent: what still comes is thrown away until the peer closes too
        closed,
    };

    void run(Step step) noexcept;
    void await_readable();
    void await_writable();
    void await_due();

    void on_readable();
    [[nodiscard]] bool receive();
    void finish_handshake();
    [[nodiscard]] bool accept_sender();
    void read_received();
    void take(ByteView plain);
    void read_on();
    void let_go();
    void drain();
    void flush();
    [[nodiscard]] bool next_records();
    void linger();
    void throw_away();

    void refuse(const std::string& reason);
    void send_reject(wire::RejectCode code, const std::string& detail);
    void expect_bytes();
    void set_read_due(Deadline due);
    void set_write_due(Deadline due);
    [[nodiscard]] bool is_idle() const;
    void on_due();

    IngestShared& shared_;
    IoWorker& worker_;
    const SessionId id_;
    const bool busy_;
    const std::string peer_;  // address without port
    asio::ip::tcp::socket socket_;
    asio::steady_timer timer_;

    std::optional<TlsStream> tls_;       // set: the peer has sent something
    std::optional<ChunkReader> reader_;  // set: the sink knows this session
    std::string pending_;                // whole frames not yet given to TLS
    std::size_t sent_ = 0;               // of tls_->records()
    std::uint64_t unanswered_ = 0;

    Phase phase_ = Phase::handshake;
    Deadline read_due_ = Deadline::max();
    Deadline write_due_ = Deadline::max();
    bool read_awaited_ = false;
    bool write_awaited_ = false;
    bool held_back_ = false;   // by the byte budget
    bool peer_ended_ = false;  // it has closed its side
};

}  // namespace anchorlog::net
