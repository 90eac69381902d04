#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "anchorlog/base/log.h"
#include "anchorlog/net/ingest.h"
#include "net/chunk_reader.h"
#include "net/io_worker.h"
#include "net/tls_stream.h"

namespace anchorlog::net {

// A session is not read on while its peer has left more answers than this untaken.
inline constexpr std::size_t kUnsentReadMax = 65'536;
// How long a session whose peer sends no more waits for its last answers.
inline constexpr std::chrono::seconds kDrainTimeout{10};
// How long a sender that is not to be heard any more has to take its last answers.
inline constexpr std::chrono::seconds kWithdrawnTimeout{2};
// How long a closing connection waits for its peer to read what was sent and close too.
inline constexpr std::chrono::seconds kLingerTimeout{1};

// One connection, from accept to close, pinned to one I/O thread. The socket says when it can be
// read or written, and each time one turn is taken: at most kReceiveSize bytes are received,
// decrypted where they are, and handed over as one piece of work. Between turns an idle
// connection has no buffers. Deadlines run for what is awaited from the peer and for what it does
// not take, while it is read from.
class Session : public std::enable_shared_from_this<Session> {
public:
    // Has its place in `shared.handshakes`.
    Session(asio::ip::tcp::socket socket, SessionId id, IngestShared& shared, IoWorker& worker);

    // All of this runs on the session's thread.
    void start();
    // One step of the handshake: see IoWorker::queue_handshake.
    void shake_hands();
    void deliver(Outbound reply);
    // Looks again whether the budget lets it read.
    void wake_reader();
    // From now on IoWorker::reading_stopped holds; who is not a session yet never becomes one.
    void stop_reading();
    // It lost its place to a newer connection. Who has become a session meanwhile keeps it.
    void make_room();
    // Sends what is pending, then closes.
    void request_close();
    // As request_close, after a `shutting_down` reject.
    void shut_down();
    // Closes at once. The sink hears of the end once, and last.
    void abort();
    // Closes when the sender is not active any more, or its certificate is revoked.
    void check_standing(const Credentials& credentials);

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
    [[nodiscard]] bool take(ByteView plain);
    void slow_down(const Inbound& inbound);
    void note_activity();
    void read_on();
    [[nodiscard]] bool may_read();
    void let_go();
    void drain();
    void flush();
    void send_pending();
    [[nodiscard]] bool next_records();
    [[nodiscard]] std::size_t unsent();
    void count_unsent();
    void linger();
    void throw_away();

    void refuse(ConnectionRefusal why, const std::string& reason);
    void send_reject(wire::RejectCode code, const std::string& detail);
    void log_line(LogLevel level, std::string_view event,
                  std::initializer_list<LogField> fields = {});
    void expect_bytes();
    void expect_frame(bool is_new);
    void expect_no_more();
    void set_due(Deadline& which, Deadline due);
    [[nodiscard]] Deadline next_due() const;
    void on_due();
    void on_silence(Deadline now);

    IngestShared& shared_;
    IoWorker& worker_;
    const SessionId id_;
    const std::string peer_;  // address without port
    asio::ip::tcp::socket socket_;
    asio::steady_timer timer_;

    std::optional<TlsStream> tls_;        // set: the peer has sent something
    std::optional<ChunkReader> reader_;   // set: the sink knows this session
    std::string pending_;                 // whole frames not yet given to TLS
    std::size_t sent_ = 0;                // of tls_->records()
    std::shared_ptr<SenderRates> rates_;  // null: as fast as it comes
    ActivityMeter::Mark activity_;
    std::shared_ptr<ActivityMeter::Mark> sender_activity_;
    std::uint64_t unanswered_ = 0;
    std::uint64_t counted_unsent_ = 0;  // in shared_.output

    Phase phase_ = Phase::handshake;
    Deadline read_due_ = Deadline::max();
    Deadline write_due_ = Deadline::max();
    Deadline frame_due_ = Deadline::max();   // of the first frame, or of one that has begun
    Deadline resume_due_ = Deadline::max();  // set: its rate is used up until then
    bool read_awaited_ = false;
    bool write_awaited_ = false;
    bool held_back_ = false;      // not read on, for a limit's sake
    bool in_line_ = false;        // told when bytes of the budget are released
    bool with_receipts_ = false;  // its last hello asked for them
    bool peer_ended_ = false;     // it has closed its side
};

}  // namespace anchorlog::net
