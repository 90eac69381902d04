#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ack_reader.h"
#include "alert_stream.h"
#include "generator.h"
#include "tls_link.h"

namespace anchorlog::bench {

// One connection and what it has under way.
struct Connection {
    Connection(unsigned its_place, const Load& load, SSL_CTX* context, int port);

    const unsigned place;  // on the time line that all connections share
    AlertStream alerts;
    TlsLink link;
    AckReader acks;
    std::vector<std::uint64_t> begun;  // send times of the alerts in the window, a ring
    std::uint64_t acked = 0;
    std::uint64_t time_text_ns = 0;  // which time its alerts carry
    bool writable = true;
};

// One thread of the generator: its connections, one epoll, its share of the result.
class LoadThread {
public:
    explicit LoadThread(const Load& load);
    LoadThread(const LoadThread&) = delete;
    LoadThread& operator=(const LoadThread&) = delete;
    ~LoadThread();

    void add(std::unique_ptr<Connection> connection);
    // Sends and reads from `start_ns` on until all is acked, or `given_up` is set elsewhere.
    void run(std::uint64_t start_ns, const std::atomic<bool>& given_up);
    // The share of this thread, once run() has returned; `acked` by its own connections.
    [[nodiscard]] const LoadResult& result() const { return result_; }
    [[nodiscard]] const std::vector<std::unique_ptr<Connection>>& connections() const {
        return connections_;
    }

private:
    void turns(const std::atomic<bool>& given_up);
    void end_of_time(double cpu_before);
    void send(Connection& c);
    [[nodiscard]] std::uint64_t sendable(const Connection& c) const;
    [[nodiscard]] std::uint64_t intended_ns(std::uint64_t number, unsigned place) const;
    void read(Connection& c);
    void take_acks(Connection& c, std::uint64_t acked);
    [[nodiscard]] bool is_done() const;
    void wait();
    [[nodiscard]] std::uint64_t wait_ns() const;
    void refresh_time();

    Load load_;
    int epoll_;
    std::vector<std::unique_ptr<Connection>> connections_;
    LoadResult result_;
    std::uint64_t ring_mask_;
    std::uint64_t start_ns_ = 0;
    std::uint64_t now_ns_ = 0;
    std::uint64_t time_text_ns_ = 0;
    std::string time_text_;
    std::string record_;
    std::uint64_t acked_ = 0;
    bool sending_ = true;
};

}  // namespace anchorlog::bench
