#include "load_thread.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <ctime>

#include "stop.h"

namespace anchorlog::bench {

namespace {

constexpr std::size_t kReadSize = 16'384;
constexpr std::uint64_t kDrainNs = 10'000'000'000;
constexpr std::uint64_t kWaitNsMax = 20'000'000;
constexpr std::uint64_t kWaitNsMin = 50'000;
constexpr std::uint64_t kTimeTextNs = 1'000'000;
constexpr int kOpenMsMax = 5'000;
constexpr int kEndMsMax = 30'000;
constexpr int kEventsMax = 64;
// What one connection may put before it is sent and the others have their turn.
constexpr int kRecordsPerTurn = 64;
constexpr std::size_t kBytesPerTurn = 65'536;

double thread_cpu_s() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

bool wait_readable(int fd, int timeout_ms) {
    pollfd wanted{fd, POLLIN, 0};
    return ::poll(&wanted, 1, timeout_ms) == 1;
}

// The offer a RELP session begins with; its answer is read to the end.
void open_relp(TlsLink& link) {
    const std::string offer = "relp_version=0\nrelp_software=anchorlog_bench\ncommands=syslog";
    link.put("1 open " + std::to_string(offer.size()) + " " + offer + "\n");
    if (!link.flush()) stop("RELP: the offer could not be sent");
    std::string answer;
    while (!answer.ends_with("syslog\n")) {
        if (!wait_readable(link.fd(), kOpenMsMax)) stop("RELP: no answer to the offer: " + answer);
        std::array<char, 1024> chunk;
        while (const std::size_t got = link.read(chunk.data(), chunk.size())) {
            answer.append(chunk.data(), got);
        }
    }
    if (answer.find(" 200 OK") == std::string::npos) stop("RELP: refused: " + answer);
}

// Waits until the server has read all and closed: to close first would throw away what it has not
// read yet.
void wait_for_end(TlsLink& link) {
    ::shutdown(link.fd(), SHUT_WR);
    std::array<char, 1024> ignored;
    while (wait_readable(link.fd(), kEndMsMax)) {
        if (::recv(link.fd(), ignored.data(), ignored.size(), 0) <= 0) return;
    }
    stop("the server did not read to the end");
}

}  // namespace

Connection::Connection(unsigned its_place, const Load& load, SSL_CTX* context, int port)
    : place(its_place), alerts(load.first_device + its_place, load.dialect, load.skip),
      link(context, connect_loopback(port), false, kReadSize), acks(load.dialect, load.skip),
      begun(std::bit_ceil(load.window)) {
    if (load.dialect == Dialect::relp) open_relp(link);
}

LoadThread::LoadThread(const Load& load)
    : load_(load), epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      ring_mask_(std::bit_ceil(load.window) - 1) {}

LoadThread::~LoadThread() { ::close(epoll_); }

void LoadThread::add(std::unique_ptr<Connection> connection) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = connection.get();
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->link.fd(), &event) != 0) stop("epoll_ctl");
    connections_.push_back(std::move(connection));
}

void LoadThread::refresh_time() {
    now_ns_ = steady_ns();
    if (now_ns_ - time_text_ns_ < kTimeTextNs) return;
    time_text_ns_ = now_ns_;
    time_text_ = server_time();
}

// Alerts of all connections take turns on one time line of `rate` alerts a second.
std::uint64_t LoadThread::intended_ns(std::uint64_t number, unsigned place) const {
    const auto turn = static_cast<double>(number * load_.connections + place);
    return start_ns_ + static_cast<std::uint64_t>(turn / load_.rate * 1e9);
}

std::uint64_t LoadThread::sendable(const Connection& c) const {
    const std::uint64_t waiting = c.alerts.made() - c.acked;
    const std::uint64_t room = load_.window - waiting;
    const std::uint64_t count = std::min(room, load_.coalesce);
    if (load_.rate <= 0) return count == load_.coalesce || waiting == 0 ? count : 0;
    std::uint64_t due = 0;
    while (due < count && intended_ns(c.alerts.made() + due, c.place) <= now_ns_) ++due;
    return due;
}

void LoadThread::send(Connection& c) {
    refresh_time();
    if (c.time_text_ns != time_text_ns_) {
        c.alerts.set_time(time_text_);
        c.time_text_ns = time_text_ns_;
    }
    std::size_t put = 0;
    for (int turn = 0; turn < kRecordsPerTurn && put < kBytesPerTurn; ++turn) {
        const std::uint64_t count = sendable(c);
        if (count == 0) break;
        record_.clear();
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t number = c.alerts.made();
            c.begun[number & ring_mask_] = load_.rate > 0 ? intended_ns(number, c.place) : now_ns_;
            c.alerts.append(record_);
        }
        c.link.put(record_);
        put += record_.size();
        result_.sent += count;
    }
    if (put > 0) c.writable = c.link.flush();
    if (load_.dialect == Dialect::syslog) take_acks(c, c.alerts.made());
}

void LoadThread::read(Connection& c) {
    std::array<char, kReadSize> chunk;
    while (const std::size_t got = c.link.read(chunk.data(), chunk.size())) {
        now_ns_ = steady_ns();
        c.acks.push({chunk.data(), got});
        while (const auto acked = c.acks.next()) take_acks(c, *acked);
        c.acks.trim();
    }
}

void LoadThread::take_acks(Connection& c, std::uint64_t acked) {
    if (acked > c.alerts.made()) stop("acked what was never sent: " + std::to_string(acked));
    for (; c.acked < acked; ++c.acked, ++acked_) {
        result_.latency.add(now_ns_ - std::min(now_ns_, c.begun[c.acked & ring_mask_]));
    }
}

// How long nothing can be sent, if nobody acks.
std::uint64_t LoadThread::wait_ns() const {
    std::uint64_t wait = kWaitNsMax;
    for (const auto& connection : connections_) {
        const Connection& c = *connection;
        if (!sending_ || !c.writable) continue;
        if (sendable(c) > 0) return 0;
        if (load_.rate > 0 && c.alerts.made() - c.acked < load_.window) {
            const std::uint64_t next = intended_ns(c.alerts.made(), c.place);
            wait = std::min(wait, next - std::min(next, now_ns_));
        }
    }
    return std::max(wait, kWaitNsMin);
}

void LoadThread::wait() {
    const timespec timeout{0, static_cast<long>(wait_ns())};
    std::array<epoll_event, kEventsMax> events;
    const int count = ::epoll_pwait2(epoll_, events.data(), kEventsMax, &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto& c = *static_cast<Connection*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) c.writable = c.link.flush();
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(c);
    }
}

void LoadThread::run(std::uint64_t start_ns, const std::atomic<bool>& given_up) {
    start_ns_ = start_ns;
    while (steady_ns() < start_ns) {
        const timespec rest{0, 100'000};
        ::nanosleep(&rest, nullptr);
    }
    turns(given_up);
    for (const auto& c : connections_) {
        c->link.close_notify();
        if (load_.dialect == Dialect::syslog) wait_for_end(c->link);
    }
}

void LoadThread::turns(const std::atomic<bool>& given_up) {
    const double cpu_before = thread_cpu_s();
    const auto end_ns = start_ns_ + static_cast<std::uint64_t>(load_.seconds * 1e9);
    while (!given_up) {
        refresh_time();
        if (sending_ && now_ns_ >= end_ns) end_of_time(cpu_before);
        if (!sending_ && is_done()) return;
        if (now_ns_ > end_ns + kDrainNs) {
            stop(std::to_string(result_.sent - acked_) + " alerts without an ack for 10 s");
        }
        if (sending_) {
            for (const auto& c : connections_) {
                if (c->writable) send(*c);
            }
        }
        wait();
    }
}

bool LoadThread::is_done() const {
    return acked_ == result_.sent && std::all_of(connections_.begin(), connections_.end(),
                                                 [](const auto& c) { return c->writable; });
}

void LoadThread::end_of_time(double cpu_before) {
    sending_ = false;
    result_.acked_in_time = acked_;
    result_.seconds = static_cast<double>(now_ns_ - start_ns_) * 1e-9;
    result_.generator_cpu_s = thread_cpu_s() - cpu_before;
}

}  // namespace anchorlog::bench
