#include "generator.h"

#include <openssl/err.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <ctime>
#include <limits>
#include <string_view>

#include "alert_stream.h"
#include "stop.h"

namespace anchorlog::bench {

namespace {

constexpr std::size_t kReadSize = 16'384;
constexpr std::size_t kRecordSizeMax = 16'384;
constexpr std::uint64_t kDrainNs = 10'000'000'000;
constexpr std::uint64_t kWaitNsMax = 20'000'000;
constexpr std::uint64_t kWaitNsMin = 50'000;
constexpr std::uint64_t kTimeTextNs = 1'000'000;
constexpr int kEventsMax = 64;
// Records one connection may write before the others have their turn.
constexpr int kRecordsPerTurn = 64;

double thread_cpu_s() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Connection {
    explicit Connection(unsigned device) : alerts(device) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        if (fd >= 0) ::close(fd);
    }

    AlertStream alerts;
    int fd = -1;
    SslPtr ssl;
    std::string record;                // not yet taken by OpenSSL, which wants the same bytes again
    std::string inbox;                 // the start of a frame not yet complete
    std::vector<std::uint64_t> begun;  // send times of the alerts in the window, a ring
    std::uint64_t acked = 0;
    bool writable = true;
};

class Generator {
public:
    Generator(const Load& load, const TrialPki& pki, int port);
    Generator(const Generator&) = delete;
    Generator& operator=(const Generator&) = delete;
    ~Generator() { ::close(epoll_); }
    std::unique_ptr<LoadResult> run();

private:
    void connect(unsigned device, int port);
    void send(Connection& c, std::size_t place);
    [[nodiscard]] std::uint64_t sendable(const Connection& c, std::size_t place) const;
    [[nodiscard]] std::uint64_t intended_ns(std::uint64_t number, std::size_t place) const;
    bool write(Connection& c);
    void read(Connection& c);
    void take_frames(Connection& c);
    void take_ack(Connection& c, std::string_view json);
    void wait();
    void refresh_time();

    Load load_;
    ContextPtr context_;
    int epoll_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::unique_ptr<LoadResult> result_ = std::make_unique<LoadResult>();
    std::uint64_t ring_mask_;
    std::uint64_t start_ns_ = 0;
    std::uint64_t now_ns_ = 0;
    std::uint64_t time_text_ns_ = 0;
    std::string time_text_;
    std::uint64_t acked_ = 0;
    std::uint64_t sent_ = 0;
    bool sending_ = true;
};

Generator::Generator(const Load& load, const TrialPki& pki, int port)
    : load_(load), context_(make_context(pki.sender, pki.ca.certificate_pem, false)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)), ring_mask_(std::bit_ceil(load.window) - 1) {
    if (load.coalesce * AlertStream(0).frame_size() > kRecordSizeMax) {
        stop("--coalesce: that many frames do not fit in one TLS record (16 KiB)");
    }
    for (unsigned device = 0; device < load.connections; ++device) connect(device, port);
}

void Generator::connect(unsigned device, int port) {
    auto c = std::make_unique<Connection>(device);
    c->fd = connect_loopback(port);
    c->ssl.reset(SSL_new(context_.get()));
    SSL_set_fd(c->ssl.get(), c->fd);
    if (SSL_connect(c->ssl.get()) != 1) stop("TLS handshake: " + tls_reason());
    set_nonblocking(c->fd);
    c->begun.resize(ring_mask_ + 1);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = c.get();
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, c->fd, &event) != 0) stop("epoll_ctl");
    connections_.push_back(std::move(c));
}

void Generator::refresh_time() {
    now_ns_ = steady_ns();
    if (now_ns_ - time_text_ns_ < kTimeTextNs) return;
    time_text_ns_ = now_ns_;
    time_text_ = server_time();
}

// Alerts of all connections take turns on one time line of `rate` alerts a second.
std::uint64_t Generator::intended_ns(std::uint64_t number, std::size_t place) const {
    const auto turn = static_cast<double>(number * load_.connections + place);
    return start_ns_ + static_cast<std::uint64_t>(turn / load_.rate * 1e9);
}

std::uint64_t Generator::sendable(const Connection& c, std::size_t place) const {
    const std::uint64_t waiting = c.alerts.made() - c.acked;
    const std::uint64_t room = load_.window - waiting;
    std::uint64_t count = std::min(room, load_.coalesce);
    if (load_.rate <= 0) return count == load_.coalesce || waiting == 0 ? count : 0;
    std::uint64_t due = 0;
    while (due < count && intended_ns(c.alerts.made() + due, place) <= now_ns_) ++due;
    return due;
}

void Generator::send(Connection& c, std::size_t place) {
    for (int turn = 0; turn < kRecordsPerTurn && c.writable; ++turn) {
        if (!c.record.empty() && !write(c)) return;
        const std::uint64_t count = sending_ ? sendable(c, place) : 0;
        if (count == 0) return;
        refresh_time();
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t number = c.alerts.made();
            c.begun[number & ring_mask_] = load_.rate > 0 ? intended_ns(number, place) : now_ns_;
            c.alerts.append(c.record, time_text_);
        }
        sent_ += count;
        if (!write(c)) return;
    }
}

bool Generator::write(Connection& c) {
    ERR_clear_error();
    const int done = SSL_write(c.ssl.get(), c.record.data(), static_cast<int>(c.record.size()));
    if (done > 0) {
        c.record.clear();
        return true;
    }
    if (SSL_get_error(c.ssl.get(), done) != SSL_ERROR_WANT_WRITE) stop("write: " + tls_reason());
    c.writable = false;
    return false;
}

void Generator::read(Connection& c) {
    std::array<char, kReadSize> chunk;
    while (true) {
        ERR_clear_error();
        const int got = SSL_read(c.ssl.get(), chunk.data(), static_cast<int>(chunk.size()));
        if (got > 0) {
            c.inbox.append(chunk.data(), static_cast<std::size_t>(got));
            take_frames(c);
            continue;
        }
        const int error = SSL_get_error(c.ssl.get(), got);
        if (error == SSL_ERROR_WANT_READ) return;
        stop("the server closed the connection: " + tls_reason());
    }
}

void Generator::take_frames(Connection& c) {
    now_ns_ = steady_ns();
    std::size_t at = 0;
    while (c.inbox.size() - at >= 4) {
        std::size_t size = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            size = size << 8 | static_cast<unsigned char>(c.inbox[at + i]);
        }
        if (c.inbox.size() - at < 4 + size) break;
        take_ack(c, std::string_view(c.inbox).substr(at + 4, size));
        at += 4 + size;
    }
    c.inbox.erase(0, at);
}

void Generator::take_ack(Connection& c, std::string_view json) {
    constexpr std::string_view kNumber = "\"seq_no\":";
    const std::size_t at = json.find(kNumber);
    if (at == std::string_view::npos || json.find("\"type\":\"ack\"") == std::string_view::npos) {
        stop("not an ack: " + std::string(json));
    }
    std::uint64_t number = 0;
    const char* begin = json.data() + at + kNumber.size();
    std::from_chars(begin, json.data() + json.size(), number);
    const std::uint64_t acked = number - kFirstNumber + 1;
    if (acked > c.alerts.made()) stop("acked what was never sent: " + std::string(json));
    for (; c.acked < acked; ++c.acked, ++acked_) {
        result_->latency.add(now_ns_ - std::min(now_ns_, c.begun[c.acked & ring_mask_]));
    }
}

void Generator::wait() {
    bool ready = false;
    std::uint64_t wait_ns = kWaitNsMax;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
        const Connection& c = *connections_[i];
        if (!sending_ || !c.writable) continue;
        ready = ready || sendable(c, i) > 0;
        if (load_.rate > 0 && c.alerts.made() - c.acked < load_.window) {
            const std::uint64_t next = intended_ns(c.alerts.made(), i);
            wait_ns = std::min(wait_ns, next - std::min(next, now_ns_));
        }
    }
    wait_ns = ready ? 0 : std::max(wait_ns, kWaitNsMin);
    const timespec timeout{0, static_cast<long>(wait_ns)};
    std::array<epoll_event, kEventsMax> events;
    const int count = ::epoll_pwait2(epoll_, events.data(), kEventsMax, &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto& c = *static_cast<Connection*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) c.writable = true;
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(c);
    }
}

std::unique_ptr<LoadResult> Generator::run() {
    const double cpu_before = thread_cpu_s();
    start_ns_ = steady_ns();
    const auto end_ns = start_ns_ + static_cast<std::uint64_t>(load_.seconds * 1e9);
    while (true) {
        refresh_time();
        if (sending_ && now_ns_ >= end_ns) {
            sending_ = false;
            result_->acked_in_time = acked_;
            result_->seconds = static_cast<double>(now_ns_ - start_ns_) * 1e-9;
            result_->generator_cpu_s = thread_cpu_s() - cpu_before;
        }
        if (!sending_ && acked_ == sent_) break;
        if (now_ns_ > end_ns + kDrainNs) {
            stop(std::to_string(sent_ - acked_) + " alerts without an ack for 10 s");
        }
        for (std::size_t i = 0; i < connections_.size(); ++i) send(*connections_[i], i);
        wait();
    }
    result_->sent = sent_;
    for (const auto& c : connections_) {
        result_->acked.push_back(c->acked);
        SSL_shutdown(c->ssl.get());
    }
    return std::move(result_);
}

}  // namespace

std::unique_ptr<LoadResult> run_load(const Load& load, const TrialPki& pki, int port) {
    return Generator(load, pki, port).run();
}

}  // namespace anchorlog::bench
