#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

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

// A TCP connection or listener on 127.0.0.1; Nagle off, close-on-exec.
[[nodiscard]] int connect_loopback(int port);
[[nodiscard]] int listen_loopback(int& port);
void set_nonblocking(int fd);
[[nodiscard]] std::string tls_reason();

}  // namespace anchorlog::bench
