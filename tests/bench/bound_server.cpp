#include "bound_server.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "alert_stream.h"
#include "stop.h"

namespace anchorlog::bench {

namespace {

constexpr std::size_t kReadSize = 65'536;
constexpr std::size_t kGroupBytesMax = 4u << 20;
constexpr off_t kStepBytes = off_t{64} << 20;
constexpr int kEventsMax = 64;
constexpr int kReadsPerTurn = 16;

// Like stop(), from a thread nobody joins in time: the trial is lost and so is the process.
[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::_Exit(1);
}

struct Peer {
    int fd = -1;
    unsigned device = 0;
    SslPtr ssl;
    std::string partial;       // the start of a frame not yet complete
    std::uint64_t frames = 0;  // in the groups so far
    std::uint64_t handed = 0;  // of those, in the group being written or before
    std::uint64_t acked = 0;
    bool readable = false;
};

// Writes one group at a time in a file whose blocks are taken ahead.
class GroupFile {
public:
    explicit GroupFile(const std::string& path)
        : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
        if (fd_ < 0) stop(path + ": " + std::strerror(errno));
        take_space();
    }
    GroupFile(const GroupFile&) = delete;
    GroupFile& operator=(const GroupFile&) = delete;
    ~GroupFile() { ::close(fd_); }

    void append(const std::string& group) {
        const auto size = static_cast<off_t>(group.size());
        while (end_ + size > space_) take_space();
        if (::pwrite(fd_, group.data(), group.size(), end_) != size) die("bound: pwrite");
        if (::fdatasync(fd_) != 0) die("bound: fdatasync");
        end_ += size;
    }

private:
    void take_space() {
        if (::fallocate(fd_, 0, space_, kStepBytes) != 0) die("bound: fallocate");
        space_ += kStepBytes;
    }

    int fd_;
    off_t end_ = 0;
    off_t space_ = 0;
};

}  // namespace

class BoundServer::State {
public:
    State(const TrialPki& pki, const std::string& path, std::size_t line_bytes);
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { join(); }

    int port = 0;
    std::uint64_t lines = 0;
    std::uint64_t groups = 0;
    void join();

private:
    void serve();
    void write_groups();
    void accept_peer();
    bool read_some(Peer& peer);
    void take_bytes(Peer& peer, const char* bytes, std::size_t size);
    void hand_over();
    void ack_group();
    void watch(int fd, void* whose, std::uint32_t events);

    ContextPtr context_;
    GroupFile file_;
    std::size_t line_bytes_;
    int listener_;
    int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    int synced_event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int stop_event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    std::vector<std::unique_ptr<Peer>> peers_;
    std::string filling_;
    std::string writing_;
    bool in_flight_ = false;
    std::mutex mutex_;
    std::condition_variable work_;
    bool group_ready_ = false;
    bool stopping_ = false;
    std::thread server_;
    std::thread writer_;
};

BoundServer::State::State(const TrialPki& pki, const std::string& path, std::size_t line_bytes)
    : context_(make_context(pki.server, pki.ca.certificate_pem, true)), file_(path),
      line_bytes_(line_bytes), listener_(listen_loopback(port)) {
    filling_.reserve(kGroupBytesMax + kReadSize * 2);
    writing_.reserve(kGroupBytesMax + kReadSize * 2);
    watch(listener_, &listener_, EPOLLIN);
    watch(synced_event_, &synced_event_, EPOLLIN);
    watch(stop_event_, &stop_event_, EPOLLIN);
    server_ = std::thread([this] { serve(); });
    writer_ = std::thread([this] { write_groups(); });
}

void BoundServer::State::watch(int fd, void* whose, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = whose;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("bound: epoll_ctl");
}

void BoundServer::State::join() {
    if (!server_.joinable()) return;
    const std::uint64_t one = 1;
    if (::write(stop_event_, &one, sizeof one) != sizeof one) die("bound: eventfd");
    server_.join();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_one();
    writer_.join();
    for (const auto& peer : peers_) ::close(peer->fd);
    for (const int fd : {listener_, epoll_, synced_event_, stop_event_}) ::close(fd);
}

void BoundServer::State::write_groups() {
    std::unique_lock lock(mutex_);
    while (true) {
        work_.wait(lock, [this] { return group_ready_ || stopping_; });
        if (!group_ready_) return;
        group_ready_ = false;
        lock.unlock();
        file_.append(writing_);
        const std::uint64_t one = 1;
        if (::write(synced_event_, &one, sizeof one) != sizeof one) die("bound: eventfd");
        lock.lock();
    }
}

void BoundServer::State::serve() {
    while (true) {
        bool more = false;
        for (const auto& peer : peers_) {
            if (peer->readable && filling_.size() < kGroupBytesMax) {
                peer->readable = read_some(*peer);
                more = more || peer->readable;
            }
        }
        hand_over();
        std::array<epoll_event, kEventsMax> events;
        const bool full = filling_.size() >= kGroupBytesMax;
        const int count = ::epoll_wait(epoll_, events.data(), kEventsMax, more && !full ? 0 : -1);
        for (int i = 0; i < count; ++i) {
            void* const whose = events[static_cast<std::size_t>(i)].data.ptr;
            if (whose == &stop_event_) return;
            if (whose == &listener_) {
                accept_peer();
            } else if (whose == &synced_event_) {
                ack_group();
            } else {
                static_cast<Peer*>(whose)->readable = true;
            }
        }
    }
}

// The generator connects one by one and waits, so a blocking handshake holds up nobody.
void BoundServer::State::accept_peer() {
    auto peer = std::make_unique<Peer>();
    peer->fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    peer->device = static_cast<unsigned>(peers_.size());
    peer->ssl.reset(SSL_new(context_.get()));
    SSL_set_fd(peer->ssl.get(), peer->fd);
    if (SSL_accept(peer->ssl.get()) != 1) die("bound: TLS handshake");
    set_nonblocking(peer->fd);
    peer->readable = true;
    watch(peer->fd, peer.get(), EPOLLIN | EPOLLET);
    peers_.push_back(std::move(peer));
}

// False when all that had arrived is read.
bool BoundServer::State::read_some(Peer& peer) {
    std::array<char, kReadSize> chunk;
    for (int i = 0; i < kReadsPerTurn; ++i) {
        ERR_clear_error();
        const int got = SSL_read(peer.ssl.get(), chunk.data(), static_cast<int>(chunk.size()));
        if (got <= 0) return false;
        take_bytes(peer, chunk.data(), static_cast<std::size_t>(got));
    }
    return true;
}

void BoundServer::State::take_bytes(Peer& peer, const char* bytes, std::size_t size) {
    if (!peer.partial.empty()) {
        peer.partial.append(bytes, size);
        bytes = peer.partial.data();
        size = peer.partial.size();
    }
    std::size_t at = 0;
    while (size - at >= 4) {
        std::size_t length = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            length = length << 8 | static_cast<unsigned char>(bytes[at + i]);
        }
        if (size - at < 4 + length) break;
        const std::size_t kept = std::min(length, line_bytes_ - 1);
        filling_.append(bytes + at + 4, kept);
        filling_.append(line_bytes_ - 1 - kept, ' ');
        filling_ += '\n';
        ++peer.frames;
        at += 4 + length;
    }
    peer.partial = std::string(bytes + at, size - at);
}

void BoundServer::State::hand_over() {
    if (in_flight_ || filling_.empty()) return;
    in_flight_ = true;
    writing_.swap(filling_);
    filling_.clear();
    for (const auto& peer : peers_) peer->handed = peer->frames;
    {
        const std::lock_guard lock(mutex_);
        group_ready_ = true;
    }
    work_.notify_one();
}

void BoundServer::State::ack_group() {
    std::uint64_t count = 0;
    if (::read(synced_event_, &count, sizeof count) != sizeof count) return;
    in_flight_ = false;
    lines += writing_.size() / line_bytes_;
    ++groups;
    for (const auto& peer : peers_) {
        if (peer->acked == peer->handed) continue;
        peer->acked = peer->handed;
        const std::string json = R"({"type":"ack","device_id":")" + device_name(peer->device) +
                                 R"(","epoch":0,"seq_no":)" +
                                 std::to_string(kFirstNumber + peer->acked - 1) + R"(,"index":)" +
                                 std::to_string(lines) + "}";
        std::string frame(3, '\0');
        frame += static_cast<char>(json.size());
        frame += json;
        SSL_write(peer->ssl.get(), frame.data(), static_cast<int>(frame.size()));
    }
}

BoundServer::BoundServer(const TrialPki& pki, const std::string& file, std::size_t line_bytes)
    : state_(std::make_unique<State>(pki, file, line_bytes)) {}
BoundServer::~BoundServer() = default;
int BoundServer::port() const { return state_->port; }
std::uint64_t BoundServer::groups() const { return state_->groups; }
std::uint64_t BoundServer::finish() {
    state_->join();
    return state_->lines;
}

}  // namespace anchorlog::bench
