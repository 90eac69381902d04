#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "anchorlog/net/ingest.h"
#include "anchorlog/wire/alert.h"
#include "net/activity_meter.h"
#include "net/byte_budget.h"
#include "net/handshake_gate.h"
#include "net/line_limiter.h"
#include "net/output_budget.h"
#include "net/sender_table.h"
#include "net/tls_context.h"

namespace anchorlog::net {

namespace asio = boost::asio;

class Session;

// What one turn of a session reads at most: many TLS records with one system call, and so little
// that the other sessions of the thread wait less than a millisecond.
inline constexpr std::size_t kReceiveSize = 65'536;
// That decrypted, behind a record of which all but the end had come before.
inline constexpr std::size_t kPlainSize = kReceiveSize + 2 * SSL3_RT_MAX_PLAIN_LENGTH;

[[nodiscard]] inline SteadyTime steady_now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

// What a session is to be accepted under. Swapped as a whole by reload().
struct Credentials {
    std::shared_ptr<SSL_CTX> tls;
    std::shared_ptr<const RevocationLists> revoked;
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
    std::array<std::atomic<std::uint64_t>, kConnectionRefusals> refused{};
    std::atomic<std::uint64_t> bytes_in{0};
    std::atomic<std::uint64_t> frames_in{0};
    std::atomic<std::uint64_t> rate_pauses{0};

    void count(ConnectionRefusal why) { refused[static_cast<std::size_t>(why)].fetch_add(1); }
};

// What all sessions share. Any thread.
class IngestShared {
public:
    IngestShared(const IngestOptions& ingest_options, IngestSink& ingest_sink)
        : options(ingest_options), sink(ingest_sink),
          budget(options.session_bytes_max, options.queue_bytes_max, options.shared_bytes_max),
          output(options.session_output_bytes_max, options.output_bytes_max),
          handshakes(options.handshakes_max, options.handshakes_per_address_max), senders(options) {
    }

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
    OutputBudget output;
    HandshakeGate handshakes;
    SenderTable senders;
    ActivityMeter activity;
    LineLimiter stranger_lines;
    LineLimiter session_lines;
    IngestCounters counters;
    ConnectionCount connections;

private:
    mutable std::mutex mutex_;
    Credentials credentials_;
};

// One I/O thread and what only it touches, the atomics excepted.
class IoWorker {
public:
    explicit IoWorker(IngestSink& sink) : sink_(sink) {}

    void start();
    void stop();  // joins

    // Has the session take one step of its handshake, soon: a loop turn has room for one step
    // only, so that a flood of handshakes leaves the thread to those who are through.
    void queue_handshake(std::shared_ptr<Session> session);
    // Hands this to the sink with what the other sessions read in this turn of the loop.
    void submit(Inbound inbound);
    // The same, at once.
    void hand_over();
    // From hold_back() to let_go() a session is told to look again whenever bytes are released.
    void hold_back(SessionId session);
    void let_go(SessionId session);
    void wake_held_back();
    // Whoever calls sessions that may close meanwhile calls these.
    [[nodiscard]] std::vector<std::shared_ptr<Session>> all_sessions() const;

    asio::io_context context{1};
    wire::AlertParser parser;
    std::vector<std::uint8_t> received = std::vector<std::uint8_t>(kReceiveSize);
    std::vector<std::uint8_t> plain = std::vector<std::uint8_t>(kPlainSize);
    std::unordered_map<SessionId, std::shared_ptr<Session>> sessions;
    bool reading_stopped = false;
    std::atomic<bool> waiting{false};               // somebody is held back; any thread
    std::atomic<std::size_t> handshakes_queued{0};  // any thread

private:
    void run_handshake();

    IngestSink& sink_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::thread thread_;
    std::deque<std::shared_ptr<Session>> handshakes_;
    std::vector<Inbound> inbounds_;  // of this turn
    std::unordered_set<SessionId> held_back_;
};

}  // namespace anchorlog::net
