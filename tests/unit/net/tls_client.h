#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>

#include "anchorlog/base/bytes.h"
#include "anchorlog/crypto/x509.h"

namespace anchorlog::testing {

inline void set_timeout(int fd, int option, int timeout_ms) {
    timeval value{};
    value.tv_sec = timeout_ms / 1'000;
    value.tv_usec = (timeout_ms % 1'000) * 1'000;
    setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

// A blocking TCP connection to a port of this machine, with a deadline on every call.
class TcpClient {
public:
    static constexpr int kTimeoutMs = 20'000;

    explicit TcpClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        std::signal(SIGPIPE, SIG_IGN);
        set_timeout(fd_, SO_RCVTIMEO, kTimeoutMs);
        set_timeout(fd_, SO_SNDTIMEO, kTimeoutMs);
        const int send_buffer_size = 32'768;  // so that back-pressure is felt soon
        setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &send_buffer_size, sizeof send_buffer_size);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    ~TcpClient() { disconnect(); }
    TcpClient(const TcpClient&) = delete;
    TcpClient& operator=(const TcpClient&) = delete;

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool connected() const { return connected_; }
    void disconnect() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    bool send(const std::string& text) {
        return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }
    // All until the peer closes (or the deadline).
    std::string read_to_end() {
        std::string all;
        char chunk[4'096];
        for (;;) {
            const ssize_t got = ::recv(fd_, chunk, sizeof chunk, 0);
            if (got <= 0) return all;
            all.append(chunk, static_cast<std::size_t>(got));
        }
    }

private:
    int fd_;
    bool connected_ = false;
};

struct TlsClientOptions {
    const crypto::CertifiedKey* certified = nullptr;  // null: no certificate
    int version_max = TLS1_3_VERSION;
};

// A plain OpenSSL client. Checks nothing about the server: that is not what is under test.
class TlsClient {
public:
    TlsClient(std::uint16_t port, const TlsClientOptions& options)
        : tcp_(port), context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_max_proto_version(context_, options.version_max);
        if (options.certified != nullptr) use(*options.certified);
        connection_ = SSL_new(context_);
        SSL_set_fd(connection_, tcp_.fd());
        handshaken_ = SSL_connect(connection_) == 1;
    }
    ~TlsClient() {
        SSL_free(connection_);
        SSL_CTX_free(context_);
    }
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    [[nodiscard]] bool handshaken() const { return handshaken_; }
    [[nodiscard]] SSL* connection() { return connection_; }
    [[nodiscard]] TcpClient& tcp() { return tcp_; }

    bool send(std::string_view bytes) {
        return SSL_write(connection_, bytes.data(), static_cast<int>(bytes.size())) ==
               static_cast<int>(bytes.size());
    }
    // The JSON of the next frame; nothing when the connection ended before it was whole.
    std::optional<std::string> read_frame() {
        std::string header;
        if (!read_exactly(4, header)) return std::nullopt;
        std::string json;
        const auto* at = as_bytes(header).data();
        if (!read_exactly(read_u32be(at), json)) return std::nullopt;
        return json;
    }
    // True when the server said close_notify and nothing before it.
    bool read_close_notify() {
        char byte = 0;
        const int got = SSL_read(connection_, &byte, 1);
        return got <= 0 && SSL_get_error(connection_, got) == SSL_ERROR_ZERO_RETURN;
    }
    // True when the connection ended, in whatever way, with nothing before it.
    bool ended() {
        char byte = 0;
        const int got = SSL_read(connection_, &byte, 1);
        if (got > 0) return false;
        const int error = SSL_get_error(connection_, got);
        return error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
    }
    // Ends our side only: answers can still be read.
    void end_sending() { SSL_shutdown(connection_); }

private:
    bool read_exactly(std::size_t size, std::string& out) {
        out.resize(size);
        std::size_t have = 0;
        while (have < size) {
            const int got = SSL_read(connection_, out.data() + have, static_cast<int>(size - have));
            if (got <= 0) return false;
            have += static_cast<std::size_t>(got);
        }
        return true;
    }
    void use(const crypto::CertifiedKey& certified) {
        BIO* in = BIO_new_mem_buf(certified.certificate_pem.data(),
                                  static_cast<int>(certified.certificate_pem.size()));
        BIO* key_in =
            BIO_new_mem_buf(certified.key_pem.data(), static_cast<int>(certified.key_pem.size()));
        X509* certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
        EVP_PKEY* key = PEM_read_bio_PrivateKey(key_in, nullptr, nullptr, nullptr);
        SSL_CTX_use_certificate(context_, certificate);
        SSL_CTX_use_PrivateKey(context_, key);
        EVP_PKEY_free(key);
        X509_free(certificate);
        BIO_free(key_in);
        BIO_free(in);
    }

    TcpClient tcp_;
    SSL_CTX* context_;
    SSL* connection_ = nullptr;
    bool handshaken_ = false;
};

}  // namespace anchorlog::testing
