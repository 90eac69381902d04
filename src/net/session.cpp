#include "net/session.h"

#include <algorithm>
#include <utility>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/log.h"
#include "net/tls_context.h"

namespace anchorlog::net {

namespace {

using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Socket = asio::ip::tcp::socket;

constexpr std::size_t kIdleCapacityMax = 4'096;  // of a send buffer between writes

std::string address_of(const Socket& socket) {
    error_code ec;
    const auto peer = socket.remote_endpoint(ec);
    return ec ? "unknown" : peer.address().to_string();
}

void empty(std::string& buffer) {
    buffer.clear();
    if (buffer.capacity() > kIdleCapacityMax) buffer.shrink_to_fit();
}

}  // namespace

Session::Session(Socket socket, SessionId id, IngestShared& shared, IoWorker& worker)
    : shared_(shared), worker_(worker), id_(id), peer_(address_of(socket)),
      socket_(std::move(socket)), timer_(worker.context, Deadline::max()) {}

void Session::start() {
    worker_.sessions.emplace(id_, shared_from_this());
    error_code ec;
    socket_.non_blocking(true, ec);
    if (ec || worker_.reading_stopped) return abort();
    set_due(read_due_, steady_clock::now() + milliseconds(shared_.options.handshake_timeout_ms));
    await_due();
    await_readable();
}

// What a step throws (nothing but memory can run out) ends the session, not the thread.
void Session::run(Step step) noexcept {
    try {
        if (phase_ != Phase::closed) (this->*step)();
    } catch (const std::exception& e) {
        log(LogLevel::error, "session_failed", {{"session", id_.value}, {"reason", e.what()}});
        abort();
    }
}

void Session::await_readable() {
    if (std::exchange(read_awaited_, true)) return;
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& ec) {
        self->read_awaited_ = false;
        if (!ec) self->run(&Session::on_readable);
    });
}

void Session::await_writable() {
    if (std::exchange(write_awaited_, true)) return;
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& ec) {
        self->write_awaited_ = false;
        if (!ec) self->run(&Session::flush);
    });
}

void Session::await_due() {
    timer_.expires_at(next_due());
    timer_.async_wait([self = shared_from_this()](const error_code&) {
        if (self->next_due() <= steady_clock::now()) self->run(&Session::on_due);
        self->run(&Session::await_due);
    });
}

void Session::on_readable() {
    switch (phase_) {
        case Phase::handshake:
            return worker_.queue_handshake(shared_from_this());
        case Phase::open:
            // Bytes that come after stop_reading() are nobody's: nothing was promised.
            if (!worker_.reading_stopped && receive()) read_received();
            return;
        case Phase::lingering:
            return throw_away();
        case Phase::draining:
        case Phase::flushing:
        case Phase::closed:
            return;
    }
}

// Receives what one turn may take and feeds it to TLS. False: nothing came, and what is to be
// done about it is done.
bool Session::receive() {
    error_code ec;
    const std::size_t size = socket_.read_some(asio::buffer(worker_.received), ec);
    if (!ec) {
        tls_->feed(ByteView(worker_.received.data(), size));
        return true;
    }
    if (ec == asio::error::would_block) {
        await_readable();
    } else if (phase_ == Phase::handshake) {
        refuse(ConnectionRefusal::unfinished,
               "the peer closed the connection during the TLS handshake");
        abort();
    } else if (ec == asio::error::eof) {
        peer_ended_ = true;
        drain();
    } else {
        log(LogLevel::debug, "session_lost", {{"session", id_.value}, {"reason", ec.message()}});
        abort();
    }
    return false;
}

void Session::shake_hands() {
    if (phase_ == Phase::handshake) run(&Session::finish_handshake);
}

// What was received is used up before this returns: the next session needs the buffer.
void Session::finish_handshake() {
    if (!tls_) tls_.emplace(shared_.credentials().tls.get());
    if (!receive()) return;
    const auto status = tls_->handshake();
    if (status == TlsStream::Status::want_bytes) {
        flush();
        if (phase_ == Phase::handshake) await_readable();
        return;
    }
    if (status != TlsStream::Status::done) {
        const auto failure = handshake_failure(tls_->connection(), tls_->error());
        refuse(failure.why, failure.text);
        return request_close();
    }
    shared_.counters.handshakes.fetch_add(1);
    if (!accept_sender()) return request_close();
    phase_ = Phase::open;
    expect_frame(true);
    expect_bytes();
    read_received();
}

// One step without suspension: reload() finds the session in the worker's table, or the session
// finds the new registry here.
bool Session::accept_sender() {
    auto identity = peer_identity(tls_->connection());
    if (!identity) {
        refuse(ConnectionRefusal::identity, identity.error().message);
        return false;
    }
    const Credentials credentials = shared_.credentials();
    if (credentials.revoked->hold(SSL_get0_peer_certificate(tls_->connection()))) {
        refuse(ConnectionRefusal::revoked, "client certificate refused: certificate revoked");
        return false;
    }
    SessionSender sender;
    sender.session = id_;
    sender.name = identity->sender;
    sender.cert = identity->fingerprint;
    sender.registry = credentials.registry;
    sender.registration = sender.registry->find(sender.name);
    if (sender.registration == nullptr) {
        refuse(ConnectionRefusal::sender, "the sender " + sender.name + " is not registered");
        return false;
    }
    if (sender.registration->state != SenderState::active) {
        refuse(ConnectionRefusal::sender, "the sender " + sender.name + " is not active");
        return false;
    }
    SenderTable::Seat seat = shared_.senders.enter(sender.name);
    if (!seat.refusal.empty()) {
        shared_.counters.count(ConnectionRefusal::crowded);
        log_line(LogLevel::warn, "connection_busy",
                 {{"peer", peer_}, {"sender", sender.name}, {"reason", seat.refusal}});
        send_reject(wire::RejectCode::busy, seat.refusal);
        return false;
    }
    rates_ = std::move(seat.rates);
    sender_activity_ = std::move(seat.activity);
    reader_.emplace(std::move(sender), worker_.parser);
    log_line(LogLevel::info, "session_opened",
             {{"session", id_.value}, {"peer", peer_}, {"sender", reader_->sender().name}});
    shared_.handshakes.leave(id_);
    shared_.budget.add_session();
    return true;
}

// Decrypts all that was received; the frames in it are one piece of work for the sink.
void Session::read_received() {
    const std::span<std::uint8_t> plain(worker_.plain);
    std::size_t size = 0;
    const auto status = tls_->read(plain, size);
    ANCHORLOG_ASSERT(status != TlsStream::Status::done);
    const bool is_whole = size > 0 && take(plain.first(size));
    if (phase_ != Phase::open) return;
    if (status == TlsStream::Status::failed) {
        pending_.clear();
        return request_close();
    }
    peer_ended_ = status == TlsStream::Status::ended;
    if (peer_ended_ || reader_->failed()) return drain();
    expect_frame(is_whole);
    read_on();
}

// True when it brought whole frames.
bool Session::take(ByteView plain) {
    expect_bytes();
    shared_.counters.bytes_in.fetch_add(plain.size());
    auto inbound = reader_->push(plain);
    if (!inbound) return false;
    shared_.counters.frames_in.fetch_add(inbound->frames.size());
    unanswered_ += inbound->bytes;
    shared_.budget.take(inbound->bytes);
    note_activity();
    if (rates_) slow_down(*inbound);
    worker_.submit(std::move(*inbound));
    return true;
}

void Session::drain() {
    phase_ = Phase::draining;
    expect_no_more();
    set_due(read_due_, steady_clock::now() + kDrainTimeout);
    if (unanswered_ == 0) request_close();
}

void Session::deliver(Outbound reply) {
    unanswered_ -= std::min(unanswered_, reply.released_bytes);
    if (phase_ == Phase::open && reply.released_bytes > 0) expect_bytes();
    if (phase_ != Phase::open && phase_ != Phase::draining) return;
    pending_ += reply.frames;
    count_unsent();
    if (!shared_.output.allows(counted_unsent_, shared_.budget.sessions())) {
        log_line(LogLevel::warn, "session_not_reading", {{"session", id_.value}, {"peer", peer_}});
        return abort();
    }
    if (reply.close || (phase_ == Phase::draining && unanswered_ == 0)) return request_close();
    run(&Session::flush);
    wake_reader();
}

void Session::flush() {
    if (write_awaited_) return;
    send_pending();
    count_unsent();
    wake_reader();
}

// Sends until the socket takes no more; then the next turn goes on with it.
void Session::send_pending() {
    std::string& records = tls_->records();
    while (true) {
        if (sent_ == records.size()) {
            empty(records);
            sent_ = 0;
            set_due(write_due_, Deadline::max());
            if (!next_records()) break;
        }
        error_code ec;
        const std::string_view rest = std::string_view(records).substr(sent_);
        sent_ += socket_.write_some(asio::buffer(rest), ec);
        if (ec == asio::error::would_block) {
            if (write_due_ == Deadline::max()) {
                const milliseconds timeout(shared_.options.write_timeout_ms);
                set_due(write_due_, steady_clock::now() + timeout);
            }
            return await_writable();
        }
        if (ec) return abort();
    }
    tls_->release_buffers();
    if (phase_ == Phase::flushing) linger();
}

// Encrypts what is to be sent next: what is pending, and in the end close_notify.
bool Session::next_records() {
    if (pending_.empty()) return phase_ == Phase::flushing && tls_->say_goodbye();
    if (tls_->write(pending_)) {
        empty(pending_);
        return true;
    }
    abort();
    return false;
}

void Session::request_close() {
    if (phase_ == Phase::flushing || phase_ == Phase::lingering || phase_ == Phase::closed) return;
    phase_ = Phase::flushing;
    let_go();
    expect_no_more();
    // Who never became a session has no more time than its handshake had.
    if (reader_) set_due(read_due_, Deadline::max());
    run(&Session::flush);
}

// All is sent. Reads on until the peer closes too: closing with unread bytes would reset the
// connection and could take our last reject with it.
void Session::linger() {
    if (peer_ended_) return abort();
    phase_ = Phase::lingering;
    set_due(read_due_, steady_clock::now() + kLingerTimeout);
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    await_readable();
}

void Session::throw_away() {
    error_code ec;
    socket_.read_some(asio::buffer(worker_.received), ec);
    if (ec && ec != asio::error::would_block) return abort();
    await_readable();
}

void Session::stop_reading() {
    if (phase_ == Phase::handshake) abort();
}

void Session::make_room() {
    if (reader_ || phase_ == Phase::closed) return;
    if (phase_ == Phase::handshake) {
        refuse(ConnectionRefusal::crowded,
               "closed for a newer one: its handshake was not finished");
    }
    abort();
}

void Session::shut_down() {
    if (phase_ == Phase::handshake) return abort();
    if (phase_ != Phase::open && phase_ != Phase::draining) return;
    send_reject(wire::RejectCode::shutting_down, "the daemon stops");
    request_close();
}

void Session::check_standing(const Credentials& credentials) {
    if (phase_ != Phase::open && phase_ != Phase::draining) return;
    const std::string& name = reader_->sender().name;
    const RegisteredSender* sender = credentials.registry->find(name);
    const bool is_active = sender != nullptr && sender->state == SenderState::active;
    const bool is_revoked =
        credentials.revoked->hold(SSL_get0_peer_certificate(tls_->connection()));
    if (is_active && !is_revoked) return;
    log(LogLevel::warn, "session_sender_withdrawn",
        {{"session", id_.value},
         {"sender", name},
         {"reason", is_active ? "its certificate is revoked" : "it is not active"}});
    request_close();
    // Whoever does not read does not hold up the end.
    if (phase_ == Phase::flushing) set_due(read_due_, steady_clock::now() + kWithdrawnTimeout);
}

void Session::refuse(ConnectionRefusal why, const std::string& reason) {
    shared_.counters.count(why);
    const std::string text = printable(reason);
    log_line(LogLevel::warn, "connection_refused", {{"peer", peer_}, {"reason", text}});
    shared_.sink.connection_refused(peer_, text);
}

void Session::log_line(LogLevel level, std::string_view event,
                       std::initializer_list<LogField> fields) {
    LineLimiter& lines = reader_ ? shared_.session_lines : shared_.stranger_lines;
    const auto left_out = lines.allow(steady_now());
    if (!left_out) return;
    if (*left_out > 0) log(LogLevel::warn, "lines_left_out", {{"count", *left_out}});
    log(level, event, fields);
}

void Session::send_reject(wire::RejectCode code, const std::string& detail) {
    wire::Refusal refusal;
    refusal.code = code;
    refusal.detail = detail;
    const std::uint64_t frame = reader_ ? reader_->frames() : 0;
    wire::append_frame(pending_, wire::format_reject(frame, refusal, SystemClock().now().wall));
}

void Session::abort() {
    if (std::exchange(phase_, Phase::closed) == Phase::closed) return;
    error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
    let_go();
    count_unsent();
    shared_.handshakes.leave(id_);
    if (reader_) {
        shared_.budget.remove_session();
        shared_.senders.leave(reader_->sender().name, steady_now());
        log_line(LogLevel::info, "session_closed", {{"session", id_.value}});
        worker_.submit(reader_->last());
        worker_.hand_over();
    }
    worker_.sessions.erase(id_);
    shared_.connections.remove();
}

}  // namespace anchorlog::net
