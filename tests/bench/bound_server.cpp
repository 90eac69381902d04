#include "bound_server.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "alert_stream.h"
#include "group_file.h"
#include "stop.h"

namespace anchorlog::bench {

namespace {

// One recv brings up to this much, however many records it holds.
constexpr std::size_t kRecvSize = 262'144;
constexpr std::size_t kReadSize = 16'384;
constexpr std::size_t kGroupBytesMax = 4u << 20;
constexpr int kEventsMax = 64;
// Records of one connection before the others have their turn.
constexpr int kRecordsPerTurn = 256;

struct Peer {
    Peer(SSL_CTX* context, int fd, std::size_t recv_size, unsigned its_device)
        : device(its_device), link(context, fd, true, recv_size) {}

    const unsigned device;
    TlsLink link;
    std::string partial;       // the start of a frame not yet complete
    std::uint64_t frames = 0;  // in the groups so far
    std::uint64_t handed = 0;  // of those, in the group being written or before
    std::uint64_t acked = 0;
    bool readable = true;
    bool gone = false;
};

}  // namespace

class BoundServer::State {
public:
    State(const TrialPki& pki, const std::string& path, std::size_t line_bytes, bool plain);
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
    void take_bytes(Peer& peer, std::string_view bytes);
    void hand_over();
    void ack_group();
    void watch(int fd, void* whose, std::uint32_t events);

    ContextPtr context_;
    GroupFile file_;
    std::size_t recv_size_;
    std::size_t line_bytes_;
    int listener_;
    int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    int synced_event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int stop_event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    std::vector<std::unique_ptr<Peer>> peers_;
    unsigned accepted_ = 0;
    std::unique_ptr<GroupBuffer> filling_ = std::make_unique<GroupBuffer>();
    std::unique_ptr<GroupBuffer> writing_ = std::make_unique<GroupBuffer>();
    bool in_flight_ = false;
    std::mutex mutex_;
    std::condition_variable work_;
    bool group_ready_ = false;
    bool stopping_ = false;
    std::thread server_;
    std::thread writer_;
};

BoundServer::State::State(const TrialPki& pki, const std::string& path, std::size_t line_bytes,
                          bool plain)
    : context_(make_context(pki.server, pki.ca.certificate_pem, true)), file_(path, plain),
      recv_size_(plain ? 0 : kRecvSize), line_bytes_(line_bytes), listener_(listen_loopback(port)) {
    watch(listener_, &listener_, EPOLLIN);
    watch(synced_event_, &synced_event_, EPOLLIN);
    watch(stop_event_, &stop_event_, EPOLLIN);
    server_ = std::thread([this] {
        try {
            serve();
        } catch (const Failure& failure) {
            die(failure.what);
        }
    });
    writer_ = std::thread([this] { write_groups(); });
}

void BoundServer::State::watch(int fd, void* whose, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = whose;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

void BoundServer::State::join() {
    if (!server_.joinable()) return;
    const std::uint64_t one = 1;
    if (::write(stop_event_, &one, sizeof one) != sizeof one) die("eventfd");
    server_.join();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_one();
    writer_.join();
    peers_.clear();
    for (const int fd : {listener_, epoll_, synced_event_, stop_event_}) ::close(fd);
}

void BoundServer::State::write_groups() {
    std::unique_lock lock(mutex_);
    while (true) {
        work_.wait(lock, [this] { return group_ready_ || stopping_; });
        if (!group_ready_) return;
        group_ready_ = false;
        lock.unlock();
        file_.append(*writing_);
        const std::uint64_t one = 1;
        if (::write(synced_event_, &one, sizeof one) != sizeof one) die("eventfd");
        lock.lock();
    }
}

void BoundServer::State::serve() {
    while (true) {
        bool more = false;
        for (const auto& peer : peers_) {
            if (peer->readable && filling_->size() < kGroupBytesMax) {
                peer->readable = read_some(*peer);
                more = more || peer->readable;
            }
        }
        std::erase_if(peers_, [](const auto& peer) { return peer->gone; });
        hand_over();
        std::array<epoll_event, kEventsMax> events;
        const bool full = filling_->size() >= kGroupBytesMax;
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
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) die("accept");
    const unsigned device = accepted_++;
    peers_.push_back(std::make_unique<Peer>(context_.get(), fd, recv_size_, device));
    watch(fd, peers_.back().get(), EPOLLIN | EPOLLET);
}

// False when all that had arrived is read.
bool BoundServer::State::read_some(Peer& peer) {
    std::array<char, kReadSize> chunk;
    try {
        for (int i = 0; i < kRecordsPerTurn; ++i) {
            const std::size_t got = peer.link.read(chunk.data(), chunk.size());
            if (got == 0) return false;
            take_bytes(peer, {chunk.data(), got});
        }
    } catch (const Failure&) {
        peer.link.close_notify();
        peer.gone = true;
        return false;
    }
    return true;
}

void BoundServer::State::take_bytes(Peer& peer, std::string_view bytes) {
    if (!peer.partial.empty()) {
        peer.partial.append(bytes);
        bytes = peer.partial;
    }
    while (bytes.size() >= 4) {
        std::size_t length = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            length = length << 8 | static_cast<unsigned char>(bytes[i]);
        }
        if (bytes.size() < 4 + length) break;
        filling_->append_line(bytes.substr(4, length), line_bytes_);
        ++peer.frames;
        bytes.remove_prefix(4 + length);
    }
    if (!bytes.empty() || !peer.partial.empty()) peer.partial = std::string(bytes);
}

void BoundServer::State::hand_over() {
    if (in_flight_ || filling_->size() == 0) return;
    in_flight_ = true;
    writing_.swap(filling_);
    filling_->follow(*writing_);
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
    lines += writing_->size() / line_bytes_;
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
        peer->link.put(frame);
        if (!peer->link.flush()) die("the generator does not read its acks");
    }
}

BoundServer::BoundServer(const TrialPki& pki, const std::string& file, std::size_t line_bytes,
                         bool plain)
    : state_(std::make_unique<State>(pki, file, line_bytes, plain)) {}
BoundServer::~BoundServer() = default;
int BoundServer::port() const { return state_->port; }
std::uint64_t BoundServer::groups() const { return state_->groups; }
std::uint64_t BoundServer::finish() {
    state_->join();
    return state_->lines;
}

}  // namespace anchorlog::bench
