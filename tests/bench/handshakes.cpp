#include "handshakes.h"

#include <openssl/err.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "stop.h"

namespace anchorlog::bench {

namespace {

constexpr std::size_t kIdleRecvSize = 1'024;

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { ::close(fd_); }
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

void one_handshake(SSL_CTX* context, int port) {
    const Fd fd(connect_loopback(port));
    const SslPtr ssl(SSL_new(context));
    SSL_set_fd(ssl.get(), fd.get());
    ERR_clear_error();
    if (SSL_connect(ssl.get()) != 1) stop("TLS handshake: " + tls_reason());
    SSL_shutdown(ssl.get());
    char byte = 0;
    const int got = SSL_read(ssl.get(), &byte, 1);
    if (SSL_get_error(ssl.get(), got) != SSL_ERROR_ZERO_RETURN) {
        stop("the server did not close an accepted connection in order: " + tls_reason());
    }
}

class Client {
public:
    Client(const HandshakeLoad& load, SSL_CTX* context, int port)
        : load_(load), context_(context), port_(port) {}

    void run(unsigned place, std::uint64_t start_ns, const std::atomic<bool>& given_up) {
        const auto end_ns = start_ns + static_cast<std::uint64_t>(load_.seconds * 1e9);
        for (std::uint64_t turn = place; !given_up; turn += load_.clients) {
            std::uint64_t begin_ns = steady_ns();
            if (load_.rate > 0) {
                const auto due = start_ns + static_cast<std::uint64_t>(static_cast<double>(turn) /
                                                                       load_.rate * 1e9);
                if (due > begin_ns) pause(due - begin_ns);
                begin_ns = due;
            }
            if (begin_ns >= end_ns) break;
            one_handshake(context_, port_);
            result_.latency.add(steady_ns() - begin_ns);
            ++result_.done;
        }
        result_.seconds = static_cast<double>(steady_ns() - start_ns) * 1e-9;
        timespec cpu{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
        result_.client_cpu_s =
            static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) * 1e-9;
    }
    [[nodiscard]] const HandshakeResult& result() const { return result_; }

private:
    static void pause(std::uint64_t duration_ns) {
        const timespec time{static_cast<time_t>(duration_ns / 1'000'000'000),
                            static_cast<long>(duration_ns % 1'000'000'000)};
        ::nanosleep(&time, nullptr);
    }

    HandshakeLoad load_;
    SSL_CTX* context_;
    int port_;
    HandshakeResult result_;
};

}  // namespace

HandshakeResult run_handshakes(const HandshakeLoad& load, const TrialPki& pki, int port) {
    const ContextPtr context = make_context(pki.sender, pki.ca.certificate_pem, false);
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::optional<Failure>> failures(load.clients);
    std::vector<std::thread> threads;
    std::atomic<bool> given_up = false;
    const std::uint64_t start_ns = steady_ns();
    for (unsigned i = 0; i < load.clients; ++i) {
        clients.push_back(std::make_unique<Client>(load, context.get(), port));
        threads.emplace_back([&, i, client = clients[i].get()] {
            try {
                client->run(i, start_ns, given_up);
            } catch (const Failure& failure) {
                failures[i] = failure;
                given_up = true;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    HandshakeResult all;
    for (unsigned i = 0; i < load.clients; ++i) {
        if (failures[i]) throw Failure(*failures[i]);
        const HandshakeResult& part = clients[i]->result();
        all.done += part.done;
        all.seconds = std::max(all.seconds, part.seconds);
        all.client_cpu_s += part.client_cpu_s;
        all.latency.add(part.latency);
    }
    return all;
}

void hold_connections(unsigned connections, const TrialPki& pki, int port) {
    const ContextPtr context = make_context(pki.sender, pki.ca.certificate_pem, false);
    std::vector<std::unique_ptr<TlsLink>> links;
    for (unsigned i = 0; i < connections; ++i) {
        links.push_back(
            std::make_unique<TlsLink>(context.get(), connect_loopback(port), false, kIdleRecvSize));
    }
    std::printf("{\"connected\": %u}\n", connections);
    std::fflush(stdout);
    char ignored = 0;
    while (::read(STDIN_FILENO, &ignored, 1) == 1) continue;
}

}  // namespace anchorlog::bench
