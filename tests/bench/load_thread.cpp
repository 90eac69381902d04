#include "load_thread.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <ctime>

#include "stop.h"

namespace anchorlog::bench {

namespace {

constexpr std::size_t kReadSize = 16'384;
constexpr std::uint64_t kDrainNs = 10'000'000'000;
constexpr std::uint64_t kWaitNsMax = 20'000'000;
constexpr std::uint64_t kWaitNsMin = 50'000;
constexpr std::uint64_t kTimeTextNs = 1'000'000;
constexpr int kEventsMax = 64;
// What one connection may put before it is sent and the others have their turn.
constexpr int kRecordsPerTurn = 64;
constexpr std::size_t kBytesPerTurn = 65'536;

double thread_cpu_s() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

Connection::Connection(unsigned its_place, unsigned device, std::uint64_t window, SSL_CTX* context,
                       int port)
    : place(its_place), alerts(device), link(context, connect_loopback(port), false, kReadSize),
      begun(std::bit_ceil(window)) {}

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
}

void LoadThread::read(Connection& c) {
    std::array<char, kReadSize> chunk;
    while (const std::size_t got = c.link.read(chunk.data(), chunk.size())) {
        c.inbox.append(chunk.data(), got);
        take_frames(c);
    }
}

void LoadThread::take_frames(Connection& c) {
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

void LoadThread::take_ack(Connection& c, std::string_view json) {
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
    for (const auto& c : connections_) c->link.close_notify();
}

void LoadThread::turns(const std::atomic<bool>& given_up) {
    const double cpu_before = thread_cpu_s();
    const auto end_ns = start_ns_ + static_cast<std::uint64_t>(load_.seconds * 1e9);
    while (!given_up) {
        refresh_time();
        if (sending_ && now_ns_ >= end_ns) end_of_time(cpu_before);
        if (!sending_ && acked_ == result_.sent) return;
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

void LoadThread::end_of_time(double cpu_before) {
    sending_ = false;
    result_.acked_in_time = acked_;
    result_.seconds = static_cast<double>(now_ns_ - start_ns_) * 1e-9;
    result_.generator_cpu_s = thread_cpu_s() - cpu_before;
}

}  // namespace anchorlog::bench
