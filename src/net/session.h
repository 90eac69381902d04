#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include "anchorlog/net/ingest.h"
#include "net/byte_budget.h"
#include "net/chunk_reader.h"

namespace anchorlog::net {

namespace asio = boost::asio;

// One TLS record: Asio never hands out more in one read, whatever the buffer.
inline constexpr std::size_t kReadSize = 16'384;
// What a peer that does not read its acks may leave unsent before its session is closed.
inline constexpr std::size_t kOutboundBytesMax = 4u << 20;
inline constexpr std::chrono::seconds kWriteTimeout{30};
// How long a session whose peer sends no more waits for its last answers.
inline constexpr std::chrono::seconds kDrainTimeout{10};
// How long a closing connection waits for its peer to read what was sent and close too.
inline constexpr std::chrono::seconds kLingerTimeout{1};

class Session;

// What a session was, or is to be, accepted under. Swapped as a whole by reload().
struct Credentials {
    std::shared_ptr<asio::ssl::context> tls;
    std::shared_ptr<const Registry> registry;
};

// Connections accepted and not yet closed, sessions or not. Any thread.
class ConnectionCount {
public:
    [[nodiscard]] std::uint64_t value() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    void add() {
        const std::lock_guard lock(mutex_);
        ++value_;
    }
    void remove() {
        const std::lock_guard lock(mutex_);
        if (--value_ == 0) none_.notify_all();
    }
    // False when some are left after `timeout`.
    [[nodiscard]] bool wait_for_none(std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex_);
        return none_.wait_for(lock, timeout, [this] { return value_ == 0; });
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable none_;
    std::uint64_t value_ = 0;
};

struct IngestCounters {
    std::atomic<std::uint64_t> handshakes{0};
    std::atomic<std::uint64_t> handshakes_refused{0};
    std::atomic<std::uint64_t> bytes_in{0};
    std::atomic<std::uint64_t> frames_in{0};
};

// What all sessions share. Any thread.
class IngestShared {
public:
    IngestShared(const IngestOptions& ingest_options, IngestSink& ingest_sink)
        : options(ingest_options), sink(ingest_sink),
          budget(ingest_options.session_bytes_max, ingest_options.queue_bytes_max) {}

    [[nodiscard]] Credentials credentials() const {
        const std::lock_guard lock(mutex_);
        return credentials_;
    }
    void set_credentials(Credentials credentials) {
        const std::lock_guard lock(mutex_);
        credentials_ = std::move(credentials);
    }

    const IngestOptions options;
    IngestSink& sink;
    ByteBudget budget;
    IngestCounters counters;
    ConnectionCount connections;

private:
    mutable std::mutex mutex_;
    Credentials credentials_;
};

// One I/O thread and what only it touches, `waiting` excepted.
struct IoWorker {
    asio::io_context context{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
    std::thread thread;
    wire::AlertParser parser;
    std::unordered_map<std::uint64_t, std::shared_ptr<Session>> sessions;  // by SessionId
    bool reading_stopped = false;
    bool closing = false;
    std::atomic<std::uint32_t> waiting{0};  // sessions held back by the byte budget; any thread
};

// One connection, from accept to close, pinned to one I/O thread. Three coroutines share it: run
// (handshake, reads, end), write_loop and watch (deadlines). Deadlines close the socket under the
// stream instead of cancelling: a cancel can fall between two steps of a composed operation.
class Session : public std::enable_shared_from_this<Session> {
public:
    // `busy`: the connection is over the limit and is only told so.
    Session(asio::ip::tcp::socket socket, SessionId id, bool busy, IngestShared& shared,
            IoWorker& worker);

    // Starts the connection on its thread. Any thread, once.
    static void spawn(std::shared_ptr<Session> self);

    // The rest runs on the session's thread.
    void deliver(Outbound reply);
    // Looks again whether the budget lets it read.
    void wake_reader();
    // From now on IoWorker::reading_stopped holds; who is not a session yet never becomes one.
    void stop_reading();
    // Sends what is pending, then closes.
    void request_close();
    // As request_close, after a `shutting_down` reject.
    void shut_down();
    // Closes at once.
    void abort();
    // Closes when `registry` has no active sender of this name.
    void check_sender(const Registry& registry);

private:
    using Deadline = std::chrono::steady_clock::time_point;

    static asio::awaitable<void> run(std::shared_ptr<Session> self);
    static asio::awaitable<void> write_loop(std::shared_ptr<Session> self);
    static asio::awaitable<void> watch(std::shared_ptr<Session> self);

    [[nodiscard]] asio::awaitable<bool> handshake();
    [[nodiscard]] bool accept_sender();
    asio::awaitable<void> read_loop();
    asio::awaitable<void> wait_for_budget();
    asio::awaitable<void> drain();
    asio::awaitable<void> close_gracefully();

    void take(std::size_t size);
    void refuse(const std::string& reason);
    void send_reject(wire::RejectCode code, const std::string& detail);
    void set_read_due(Deadline due);
    void set_write_due(Deadline due);
    [[nodiscard]] bool is_idle() const;
    [[nodiscard]] Deadline next_due() const;
    void on_due();
    void finish();

    IngestShared& shared_;
    IoWorker& worker_;
    const SessionId id_;
    const bool busy_;
    const std::string peer_;  // address without port
    const Credentials credentials_;
    asio::ssl::stream<asio::ip::tcp::socket> stream_;
    asio::steady_timer reader_wake_;  // never expires: cancelled to wake
    asio::steady_timer writer_wake_;  // never expires: cancelled to wake
    asio::steady_timer watch_timer_;

    std::optional<ChunkReader> reader_;  // set: the sink knows this session
    std::vector<std::uint8_t> read_buffer_;
    std::string pending_;    // whole frames not yet given to TLS
    std::string in_flight_;  // owned by the write under way
    std::uint64_t unanswered_ = 0;

    enum class Phase { handshake, reading, draining, closing } phase_ = Phase::handshake;
    Deadline read_due_ = Deadline::max();
    Deadline write_due_ = Deadline::max();
    bool held_back_ = false;  // by the byte budget
    bool read_pending_ = false;
    bool closing_ = false;  // nothing more is taken in; what is pending still goes out
    bool aborted_ = false;
    bool timed_out_ = false;
    bool writer_done_ = true;  // false while write_loop runs
    bool finished_ = false;
};

}  // namespace anchorlog::net
