#include "net/session.h"

#include <algorithm>
#include <utility>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/log.h"
#include "net/tls_context.h"

namespace anchorlog::net {

namespace {

using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kIdleCapacityMax = 65'536;  // of a send buffer between writes

std::string address_of(const asio::ip::tcp::socket& socket) {
    error_code ec;
    const auto peer = socket.remote_endpoint(ec);
    return ec ? "unknown" : peer.address().to_string();
}

// The peer ended its side: between frames a normal end. It may still read.
bool is_end_of_stream(const error_code& ec) {
    return ec == asio::error::eof || ec == asio::ssl::error::stream_truncated;
}

std::string failure_reason(SSL* connection, const error_code& ec) {
    if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated ||
        ec == asio::error::connection_reset || ec == asio::error::broken_pipe) {
        return "the peer closed the connection during the TLS handshake";
    }
    if (ec.category() != asio::error::get_ssl_category()) {
        return printable("TLS handshake failed: " + ec.message());
    }
    const auto code = static_cast<unsigned long>(static_cast<unsigned int>(ec.value()));
    return handshake_failure(connection, code);
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, SessionId id, bool busy, IngestShared& shared,
                 IoWorker& worker)
    : shared_(shared), worker_(worker), id_(id), busy_(busy), peer_(address_of(socket)),
      credentials_(shared.credentials()), stream_(std::move(socket), *credentials_.tls),
      reader_wake_(worker.context, Deadline::max()), writer_wake_(worker.context, Deadline::max()),
      watch_timer_(worker.context) {}

void Session::spawn(std::shared_ptr<Session> self) {
    asio::io_context& context = self->worker_.context;
    asio::co_spawn(context, run(self), [self](std::exception_ptr failure) {
        if (failure) log(LogLevel::error, "session_failed", {{"session", self->id_.value}});
        self->finish();
    });
}

asio::awaitable<void> Session::run(std::shared_ptr<Session> self) {
    Session& s = *self;
    s.worker_.sessions.emplace(s.id_.value, self);
    if (s.worker_.reading_stopped || s.worker_.closing) co_return;
    s.set_read_due(steady_clock::now() + milliseconds(s.shared_.options.handshake_timeout_ms));
    asio::co_spawn(s.worker_.context, watch(self), [self](std::exception_ptr failure) {
        if (failure) self->abort();
    });

    const bool accepted = co_await s.handshake();
    if (!accepted) {
        co_await s.close_gracefully();
        co_return;
    }
    s.writer_done_ = false;
    asio::co_spawn(s.worker_.context, write_loop(self), [self](std::exception_ptr failure) {
        self->writer_done_ = true;
        if (failure) self->abort();
        self->wake_reader();
    });
    if (s.reader_) {
        co_await s.read_loop();
        co_await s.drain();
    }
    s.request_close();
    while (!s.writer_done_) co_await s.reader_wake_.async_wait(kToken);
    co_await s.close_gracefully();
}

// True when the connection has something to say: as a session, or that it is one too many.
asio::awaitable<bool> Session::handshake() {
    auto shaken = co_await stream_.async_handshake(asio::ssl::stream_base::server, kToken);
    const error_code ec = std::get<0>(shaken);
    if (worker_.reading_stopped || worker_.closing) co_return false;
    if (timed_out_) {
        refuse("no TLS handshake within " + std::to_string(shared_.options.handshake_timeout_ms) +
               " ms");
        co_return false;
    }
    if (ec) {
        refuse(failure_reason(stream_.native_handle(), ec));
        co_return false;
    }
    shared_.counters.handshakes.fetch_add(1);
    co_return accept_sender();
}

// One step without suspension: reload() finds the session in the worker's table, or the session
// finds the new registry here.
bool Session::accept_sender() {
    auto identity = peer_identity(stream_.native_handle());
    if (!identity) {
        refuse(identity.error().message);
        return false;
    }
    SessionSender sender;
    sender.session = id_;
    sender.name = identity->sender;
    sender.cert = identity->fingerprint;
    sender.registry = shared_.credentials().registry;
    sender.registration = sender.registry->find(sender.name);
    if (sender.registration == nullptr) {
        refuse("the sender " + sender.name + " is not registered");
        return false;
    }
    if (sender.registration->state != SenderState::active) {
        refuse("the sender " + sender.name + " is not active");
        return false;
    }
    if (busy_) {
        shared_.counters.handshakes_refused.fetch_add(1);
        log(LogLevel::warn, "connection_busy", {{"peer", peer_}, {"sender", sender.name}});
        send_reject(wire::RejectCode::busy, "too many connections");
        return true;
    }
    log(LogLevel::info, "session_opened",
        {{"session", id_.value}, {"peer", peer_}, {"sender", sender.name}});
    reader_.emplace(std::move(sender), worker_.parser);
    shared_.budget.add_session();
    return true;
}

asio::awaitable<void> Session::read_loop() {
    phase_ = Phase::reading;
    read_buffer_.resize(kReadSize);
    set_read_due(steady_clock::now() + milliseconds(shared_.options.idle_timeout_ms));
    while (!closing_ && !reader_->failed()) {
        if (worker_.reading_stopped) {
            co_await reader_wake_.async_wait(kToken);
            continue;
        }
        if (!shared_.budget.allows(unanswered_)) {
            co_await wait_for_budget();
            continue;
        }
        const auto buffer = asio::buffer(read_buffer_);
        read_pending_ = true;
        auto got = co_await stream_.async_read_some(buffer, kToken);
        read_pending_ = false;
        const error_code ec = std::get<0>(got);
        if (closing_) break;
        if (ec) {
            log(LogLevel::debug, "session_read_ended",
                {{"session", id_.value},
                 {"reason", ec.message()},
                 {"at_border", reader_->at_border()}});
            if (!is_end_of_stream(ec)) abort();
            break;
        }
        // Bytes that came after stop_reading() are dropped: nobody was promised anything.
        if (!worker_.reading_stopped) take(std::get<1>(got));
    }
}

// Says that it waits before it looks again, so that a release in between is not missed.
asio::awaitable<void> Session::wait_for_budget() {
    worker_.waiting.fetch_add(1);
    held_back_ = true;
    if (!shared_.budget.allows(unanswered_)) co_await reader_wake_.async_wait(kToken);
    held_back_ = false;
    worker_.waiting.fetch_sub(1);
    set_read_due(steady_clock::now() + milliseconds(shared_.options.idle_timeout_ms));
}

void Session::take(std::size_t size) {
    set_read_due(steady_clock::now() + milliseconds(shared_.options.idle_timeout_ms));
    shared_.counters.bytes_in.fetch_add(size);
    auto inbound = reader_->push(ByteView(read_buffer_.data(), size));
    if (!inbound) return;
    shared_.counters.frames_in.fetch_add(inbound->frames.size());
    unanswered_ += inbound->bytes;
    shared_.budget.take(inbound->bytes);
    shared_.sink.submit(std::move(*inbound));
}

// The peer sends no more (or may not), but what it sent is still answered.
asio::awaitable<void> Session::drain() {
    phase_ = Phase::draining;
    set_read_due(steady_clock::now() + kDrainTimeout);
    while (!closing_ && unanswered_ > 0) co_await reader_wake_.async_wait(kToken);
}

// Runs when no other operation is on the stream. Says close_notify, then reads on and throws away
// until the peer closes too: closing with unread bytes would reset the connection and could take
// our last reject with it.
asio::awaitable<void> Session::close_gracefully() {
    phase_ = Phase::closing;
    set_write_due(Deadline::max());
    set_read_due(steady_clock::now() + kLingerTimeout);
    if (aborted_) co_return;
    if (SSL_is_init_finished(stream_.native_handle()) == 1) {
        auto shut = co_await stream_.async_shutdown(kToken);
        if (!std::get<0>(shut)) co_return;  // the peer has said close_notify too
    }
    error_code ignored;
    stream_.next_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    read_buffer_.resize(kReadSize);
    const auto buffer = asio::buffer(read_buffer_);
    while (!aborted_) {
        auto got = co_await stream_.next_layer().async_read_some(buffer, kToken);
        if (std::get<0>(got)) break;
    }
}

asio::awaitable<void> Session::write_loop(std::shared_ptr<Session> self) {
    Session& s = *self;
    while (!s.aborted_) {
        if (s.pending_.empty()) {
            if (s.closing_) break;
            co_await s.writer_wake_.async_wait(kToken);
            continue;
        }
        s.in_flight_.swap(s.pending_);
        s.set_write_due(steady_clock::now() + kWriteTimeout);
        const auto buffer = asio::buffer(s.in_flight_);
        auto written = co_await asio::async_write(s.stream_, buffer, kToken);
        s.set_write_due(Deadline::max());
        if (std::get<0>(written)) s.abort();
        s.in_flight_.clear();
        if (s.in_flight_.capacity() > kIdleCapacityMax) s.in_flight_.shrink_to_fit();
    }
    // Only the read is on the stream now. A cancel that comes between two of its steps is lost:
    // then the deadline below closes the socket.
    s.phase_ = Phase::closing;
    s.set_read_due(steady_clock::now() + kLingerTimeout);
    error_code ignored;
    if (s.read_pending_) s.stream_.next_layer().cancel(ignored);
}

asio::awaitable<void> Session::watch(std::shared_ptr<Session> self) {
    Session& s = *self;
    while (!s.finished_) {
        if (s.next_due() <= steady_clock::now()) s.on_due();
        if (s.aborted_) break;
        s.watch_timer_.expires_at(s.next_due());
        co_await s.watch_timer_.async_wait(kToken);
    }
}

Session::Deadline Session::next_due() const { return std::min(read_due_, write_due_); }

bool Session::is_idle() const {
    return phase_ == Phase::reading && unanswered_ == 0 && !held_back_ && !worker_.reading_stopped;
}

void Session::on_due() {
    const auto now = steady_clock::now();
    if (phase_ != Phase::reading || write_due_ <= now) {
        timed_out_ = true;
        log(LogLevel::debug, "session_deadline", {{"session", id_.value}, {"peer", peer_}});
        abort();
        return;
    }
    read_due_ = now + milliseconds(shared_.options.idle_timeout_ms);
    if (!is_idle()) return;
    log(LogLevel::info, "session_idle", {{"session", id_.value}});
    request_close();
}

// A later deadline needs no wake-up: the watch looks again when the earlier one passes.
void Session::set_read_due(Deadline due) {
    read_due_ = due;
    if (due < watch_timer_.expiry()) watch_timer_.cancel();
}

void Session::set_write_due(Deadline due) {
    write_due_ = due;
    if (due < watch_timer_.expiry()) watch_timer_.cancel();
}

void Session::deliver(Outbound reply) {
    unanswered_ -= std::min(unanswered_, reply.released_bytes);
    if (reply.released_bytes > 0 && phase_ == Phase::reading) {
        set_read_due(steady_clock::now() + milliseconds(shared_.options.idle_timeout_ms));
    }
    if (!closing_) {
        pending_ += reply.frames;
        if (pending_.size() + in_flight_.size() > kOutboundBytesMax) {
            log(LogLevel::warn, "session_not_reading", {{"session", id_.value}, {"peer", peer_}});
            abort();
        }
        if (reply.close) request_close();
    }
    writer_wake_.cancel();
    wake_reader();
}

void Session::wake_reader() { reader_wake_.cancel(); }

void Session::stop_reading() {
    if (phase_ == Phase::handshake) abort();
}

void Session::request_close() {
    closing_ = true;
    writer_wake_.cancel();
    reader_wake_.cancel();
}

void Session::shut_down() {
    if (phase_ == Phase::handshake) {
        abort();
        return;
    }
    if (closing_) return;
    if (reader_) send_reject(wire::RejectCode::shutting_down, "the daemon stops");
    request_close();
}

void Session::abort() {
    aborted_ = true;
    error_code ignored;
    stream_.lowest_layer().close(ignored);
    request_close();
    watch_timer_.cancel();
}

void Session::check_sender(const Registry& registry) {
    if (!reader_ || closing_) return;
    const RegisteredSender* sender = registry.find(reader_->sender().name);
    if (sender != nullptr && sender->state == SenderState::active) return;
    log(LogLevel::warn, "session_sender_withdrawn",
        {{"session", id_.value}, {"sender", reader_->sender().name}});
    request_close();
}

void Session::refuse(const std::string& reason) {
    shared_.counters.handshakes_refused.fetch_add(1);
    const std::string text = printable(reason);
    log(LogLevel::warn, "connection_refused", {{"peer", peer_}, {"reason", text}});
    shared_.sink.connection_refused(peer_, text);
}

void Session::send_reject(wire::RejectCode code, const std::string& detail) {
    wire::Refusal refusal;
    refusal.code = code;
    refusal.detail = detail;
    const std::uint64_t frame = reader_ ? reader_->frames() : 0;
    wire::append_frame(pending_, wire::format_reject(frame, refusal, SystemClock().now().wall));
}

// Whatever ended the connection, the sink hears of it once, and last.
void Session::finish() {
    finished_ = true;
    abort();
    if (reader_) {
        shared_.budget.remove_session();
        log(LogLevel::info, "session_closed", {{"session", id_.value}});
        shared_.sink.submit(reader_->last());
    }
    worker_.sessions.erase(id_.value);
    shared_.connections.remove();
}

}  // namespace anchorlog::net
