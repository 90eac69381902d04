#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "anchorlog/crypto/x509.h"

namespace anchorlog::bench {

template <auto kFree>
struct Release {
    template <class T>
    void operator()(T* object) const noexcept {
        kFree(object);
    }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Release<&SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Release<&SSL_free>>;

// The PKI of one trial: made anew, kept in memory.
struct TrialPki {
    crypto::CertifiedKey ca;
    crypto::CertifiedKey server;
    crypto::CertifiedKey sender;
};
[[nodiscard]] TrialPki make_pki();

// TLS 1.3 alone, the peer's certificate required, no tickets.
[[nodiscard]] ContextPtr make_context(const crypto::CertifiedKey& own, const std::string& ca_pem,
                                      bool server);

// The bytes of one connection between OpenSSL and the socket. OpenSSL's own read-ahead would move
// all that it has read to the front of its buffer for every record.
struct LinkBuffers {
    int fd = -1;
    std::string outbound;
    std::size_t sent = 0;  // of outbound
    std::unique_ptr<char[]> inbound;
    std::size_t inbound_size = 0;
    std::size_t begin = 0;  // what of inbound OpenSSL has not taken yet
    std::size_t end = 0;
};

// One end of a TLS connection. The handshake blocks; after it nothing does. One system call sends
// or receives many records. One thread at a time.
class TlsLink {
public:
    // Takes `fd`, a connected socket; one recv brings up to `recv_size`, or with 0 what OpenSSL
    // asks for: the head of a record, then its body. Throws when the handshake fails.
    TlsLink(SSL_CTX* context, int fd, bool server, std::size_t recv_size);
    TlsLink(const TlsLink&) = delete;
    TlsLink& operator=(const TlsLink&) = delete;
    ~TlsLink();

    // Seals `bytes` as one record (16 KiB at most), not yet sent.
    void put(std::string_view bytes);
    // Sends what was put. False when the socket takes no more now: call again once it does.
    [[nodiscard]] bool flush();
    // Bytes of one record; 0 when nothing more has arrived. Throws when the peer is gone.
    [[nodiscard]] std::size_t read(char* out, std::size_t size);
    void close_notify();
    [[nodiscard]] int fd() const { return buffers_.fd; }

private:
    LinkBuffers buffers_;
    SslPtr ssl_;
};

// A TCP connection or listener on 127.0.0.1; Nagle off, close-on-exec.
[[nodiscard]] int connect_loopback(int port);
[[nodiscard]] int listen_loopback(int& port);
void set_nonblocking(int fd);
[[nodiscard]] std::string tls_reason();

}  // namespace anchorlog::bench
