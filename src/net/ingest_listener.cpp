#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <future>
#include <utility>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "anchorlog/base/log.h"
#include "anchorlog/net/ingest.h"
#include "net/session.h"
#include "net/tls_context.h"

namespace anchorlog::net {

namespace {

using boost::system::error_code;
using std::chrono::milliseconds;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kIoThreadsMax = 64;
constexpr milliseconds kAcceptRetry{100};  // after the system had no descriptor to give
constexpr milliseconds kRoomRetry{5};      // while there is no room for one more connection
// Steps of handshakes that are ready and wait for their turn: more connections would only make
// those wait longer that are here. In the kernel's queue they cost nothing.
constexpr std::size_t kHandshakesQueuedMax = 64;
// What aborting takes at most.
constexpr milliseconds kAbortTimeout{2'000};

// How many connections the process has descriptors for.
std::uint64_t connections_possible() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    return std::max<std::uint64_t>(limit.rlim_cur, kDescriptorsKept + 1) - kDescriptorsKept;
}

// Whose connections count together: an IPv6 network of 64 bits is one subscriber's.
std::string source_of(const asio::ip::tcp::socket& socket) {
    error_code ec;
    const auto address = socket.remote_endpoint(ec).address();
    if (ec || !address.is_v6()) return ec ? "unknown" : address.to_string();
    const auto v6 = address.to_v6();
    if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
    return asio::ip::network_v6(v6, 64).network().to_string();
}

// Opens the listening socket; nobody is accepted yet, but connects already queue.
Result<void> listen_on(asio::ip::tcp::acceptor& acceptor, const std::string& address,
                       std::uint16_t port) {
    error_code ec;
    const auto ip = asio::ip::make_address(address, ec);
    if (ec) return Error{Errc::invalid_input, "listen.address: not an IP address: " + address};
    const asio::ip::tcp::endpoint endpoint(ip, port);
    const auto failed = [&](const char* what) {
        return Error{Errc::unavailable, "listen " + address + " port " + std::to_string(port) +
                                            ": cannot " + what + ": " + ec.message() +
                                            "; choose another listen.address or listen.port"};
    };
    if (acceptor.open(endpoint.protocol(), ec)) return failed("open a socket");
    acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true), ec);
    if (acceptor.bind(endpoint, ec)) return failed("bind");
    if (acceptor.listen(asio::socket_base::max_listen_connections, ec)) return failed("listen");
    return {};
}

class TlsIngestListener final : public IngestListener {
public:
    TlsIngestListener(const IngestOptions& options, IngestSink& sink);
    ~TlsIngestListener() override { close(0); }

    [[nodiscard]] Result<void> open(const TlsFiles& tls, std::shared_ptr<const Registry> registry);

    void start() override;
    [[nodiscard]] std::uint16_t port() const override { return port_; }
    void deliver(std::vector<Outbound> replies) override;
    [[nodiscard]] Result<void> reload(const TlsFiles& tls,
                                      std::shared_ptr<const Registry> registry) override;
    void stop_reading() override;
    void close(std::uint32_t timeout_ms) override;
    [[nodiscard]] IngestStats stats() const override;

private:
    static asio::awaitable<void> accept_loop(TlsIngestListener& self);
    [[nodiscard]] bool has_room();
    void pause_accepting(const std::string& reason);
    void welcome(asio::ip::tcp::socket socket);
    void drop(SessionId id);
    void run_on_all(const std::function<void(IoWorker&)>& task);

    IngestShared shared_;
    std::vector<std::unique_ptr<IoWorker>> workers_;
    asio::ip::tcp::acceptor acceptor_;  // on the first worker's thread once started
    asio::steady_timer accept_timer_;
    std::uint16_t port_ = 0;
    const std::uint64_t connections_possible_ = connections_possible();
    std::uint64_t next_id_ = 0;   // first worker's thread
    bool accept_paused_ = false;  // first worker's thread; for want of descriptors
    bool started_ = false;        // the owner's thread
    bool closed_ = false;         // the owner's thread
};

std::vector<std::unique_ptr<IoWorker>> make_workers(std::uint32_t count, IngestSink& sink) {
    std::vector<std::unique_ptr<IoWorker>> workers;
    for (std::uint32_t i = 0; i < std::clamp(count, 1u, kIoThreadsMax); ++i) {
        workers.push_back(std::make_unique<IoWorker>(sink));
    }
    return workers;
}

TlsIngestListener::TlsIngestListener(const IngestOptions& options, IngestSink& sink)
    : shared_(options, sink), workers_(make_workers(options.io_threads, sink)),
      acceptor_(workers_.front()->context), accept_timer_(workers_.front()->context) {}

Result<void> TlsIngestListener::open(const TlsFiles& tls,
                                     std::shared_ptr<const Registry> registry) {
    auto setup = make_tls_context(tls);
    if (!setup) return std::move(setup).error();
    shared_.set_credentials(
        {std::move(setup->context), std::move(setup->revoked), std::move(registry)});
    auto listening = listen_on(acceptor_, shared_.options.address, shared_.options.port);
    if (!listening) return listening;
    error_code ec;
    port_ = acceptor_.local_endpoint(ec).port();
    if (ec) return Error{Errc::unavailable, "cannot tell the port it listens on: " + ec.message()};
    return {};
}

void TlsIngestListener::start() {
    ANCHORLOG_ASSERT(!started_ && !closed_);
    started_ = true;
    asio::co_spawn(workers_.front()->context, accept_loop(*this), [](std::exception_ptr failure) {
        if (failure) log(LogLevel::error, "accept_failed");
    });
    for (auto& worker : workers_) worker->start();
}

asio::awaitable<void> TlsIngestListener::accept_loop(TlsIngestListener& self) {
    while (self.acceptor_.is_open()) {
        if (!self.has_room()) {
            self.accept_timer_.expires_after(kRoomRetry);
            co_await self.accept_timer_.async_wait(kToken);
            continue;
        }
        IoWorker& worker = *self.workers_[self.next_id_ % self.workers_.size()];
        auto accepted = co_await self.acceptor_.async_accept(worker.context, kToken);
        auto& [ec, socket] = accepted;
        if (!ec) {
            self.welcome(std::move(socket));
            continue;
        }
        if (!self.acceptor_.is_open()) break;
        self.pause_accepting(ec.message());
        self.accept_timer_.expires_after(kAcceptRetry);
        co_await self.accept_timer_.async_wait(kToken);
    }
}

// Who finds no room waits in the kernel's queue, where nothing is lost.
bool TlsIngestListener::has_room() {
    std::size_t queued = 0;
    for (const auto& worker : workers_) queued += worker->handshakes_queued;
    if (queued >= kHandshakesQueuedMax) return false;
    const SteadyTime now = steady_now();
    if (shared_.connections.value() < connections_possible_) {
        return shared_.handshakes.has_room(now);
    }
    pause_accepting("the limit of open files is near");
    if (const auto dropped = shared_.handshakes.drop_oldest(now)) drop(*dropped);
    return false;
}

void TlsIngestListener::pause_accepting(const std::string& reason) {
    if (std::exchange(accept_paused_, true)) return;
    log(LogLevel::warn, "accept_paused", {{"reason", reason}});
}

void TlsIngestListener::welcome(asio::ip::tcp::socket socket) {
    if (std::exchange(accept_paused_, false)) log(LogLevel::info, "accept_resumed");
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const SessionId id(next_id_++);
    IoWorker& worker = *workers_[id.value % workers_.size()];
    bool is_counted = false;
    // Without memory for one more connection the loop that accepts them must live on.
    try {
        const std::string source = source_of(socket);
        const auto entry = shared_.handshakes.enter(id, source, steady_now());
        if (entry.dropped) drop(*entry.dropped);
        if (!entry.admitted) {
            shared_.counters.count(ConnectionRefusal::crowded);
            return shared_.sink.connection_refused(source, "too many handshakes of this address");
        }
        auto session = std::make_shared<Session>(std::move(socket), id, shared_, worker);
        shared_.connections.add();
        is_counted = true;
        asio::post(worker.context, [session] { session->start(); });
    } catch (const std::exception& e) {
        if (is_counted) shared_.connections.remove();
        shared_.handshakes.leave(id);
        log(LogLevel::error, "session_failed", {{"session", id.value}, {"reason", e.what()}});
    }
}

// It has lost its place in shared_.handshakes.
void TlsIngestListener::drop(SessionId id) {
    IoWorker* worker = workers_[id.value % workers_.size()].get();
    asio::post(worker->context, [worker, id] {
        const auto found = worker->sessions.find(id);
        if (found == worker->sessions.end()) return;
        const std::shared_ptr<Session> session = found->second;
        session->make_room();
    });
}

// Bytes are released before anybody's wait is looked at: see IoWorker::waiting.
void TlsIngestListener::deliver(std::vector<Outbound> replies) {
    std::vector<std::vector<Outbound>> parts(workers_.size());
    for (Outbound& reply : replies) {
        shared_.budget.release(reply.released_bytes);
        parts[reply.session.value % workers_.size()].push_back(std::move(reply));
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        IoWorker* worker = workers_[i].get();
        if (parts[i].empty() && !worker->waiting.load()) continue;
        asio::post(worker->context, [worker, part = std::move(parts[i])]() mutable {
            for (Outbound& reply : part) {
                const auto found = worker->sessions.find(reply.session);
                if (found == worker->sessions.end()) continue;
                const std::shared_ptr<Session> session = found->second;
                session->deliver(std::move(reply));
            }
            worker->wake_held_back();
        });
    }
}

Result<void> TlsIngestListener::reload(const TlsFiles& tls,
                                       std::shared_ptr<const Registry> registry) {
    auto setup = make_tls_context(tls);
    if (!setup) return std::move(setup).error();
    const Credentials now{std::move(setup->context), std::move(setup->revoked),
                          std::move(registry)};
    shared_.set_credentials(now);
    for (auto& worker : workers_) {
        asio::post(worker->context, [worker = worker.get(), now] {
            for (const auto& session : worker->all_sessions()) session->check_standing(now);
        });
    }
    return {};
}

// Runs `task` on every worker's thread and returns when all are done.
void TlsIngestListener::run_on_all(const std::function<void(IoWorker&)>& task) {
    std::vector<std::future<void>> done;
    for (auto& worker : workers_) {
        auto promise = std::make_shared<std::promise<void>>();
        done.push_back(promise->get_future());
        asio::post(worker->context, [&task, worker = worker.get(), promise] {
            task(*worker);
            promise->set_value();
        });
    }
    for (auto& one : done) one.wait();
}

void TlsIngestListener::stop_reading() {
    if (!started_ || closed_) return;
    run_on_all([this](IoWorker& worker) {
        worker.reading_stopped = true;
        worker.hand_over();
        for (const auto& session : worker.all_sessions()) session->stop_reading();
        if (&worker != workers_.front().get()) return;
        error_code ignored;
        acceptor_.close(ignored);
        accept_timer_.cancel();
    });
}

void TlsIngestListener::close(std::uint32_t timeout_ms) {
    if (closed_) return;
    if (started_) {
        stop_reading();
        run_on_all([](IoWorker& worker) {
            for (const auto& session : worker.all_sessions()) session->shut_down();
        });
        if (!shared_.connections.wait_for_none(milliseconds(timeout_ms))) {
            run_on_all([](IoWorker& worker) {
                for (const auto& session : worker.all_sessions()) session->abort();
            });
            if (!shared_.connections.wait_for_none(kAbortTimeout)) {
                log(LogLevel::error, "sessions_left_open");
            }
        }
    }
    closed_ = true;
    for (auto& worker : workers_) worker->stop();
}

IngestStats TlsIngestListener::stats() const {
    IngestStats stats;
    stats.sessions = shared_.budget.sessions();
    stats.handshakes_open = shared_.handshakes.places();
    stats.handshakes = shared_.counters.handshakes.load();
    for (std::size_t i = 0; i < kConnectionRefusals; ++i) {
        stats.refused[i] = shared_.counters.refused[i].load();
    }
    stats.bytes_in = shared_.counters.bytes_in.load();
    stats.frames_in = shared_.counters.frames_in.load();
    stats.queue_bytes = shared_.budget.queued();
    stats.output_bytes = shared_.output.bytes();
    stats.rate_pauses = shared_.counters.rate_pauses.load();
    return stats;
}

}  // namespace

std::string_view to_string(ConnectionRefusal why) noexcept {
    constexpr std::array<std::string_view, kConnectionRefusals> kNames = {
        "no_certificate", "untrusted", "expired",  "revoked",    "crl",
        "identity",       "sender",    "protocol", "unfinished", "crowded"};
    return kNames[static_cast<std::size_t>(why)];
}

Result<std::unique_ptr<IngestListener>> IngestListener::create(
    const IngestOptions& options, const TlsFiles& tls, std::shared_ptr<const Registry> registry,
    IngestSink& sink) {
    auto listener = std::make_unique<TlsIngestListener>(options, sink);
    if (auto opened = listener->open(tls, std::move(registry)); !opened) {
        return std::move(opened).error();
    }
    return std::unique_ptr<IngestListener>(std::move(listener));
}

}  // namespace anchorlog::net
