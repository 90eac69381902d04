#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/crypto/x509.h"
#include "anchorlog/net/ingest.h"

namespace anchorlog::net {

struct TlsContextFree {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using TlsContextPtr = std::unique_ptr<SSL_CTX, TlsContextFree>;

// The revocation lists of the client CAs; empty where none is configured. Any thread.
class RevocationLists {
public:
    void add(X509_CRL* list);  // takes a reference of its own
    [[nodiscard]] bool hold(X509* certificate) const;

private:
    struct Free {
        void operator()(X509_CRL* list) const noexcept { X509_CRL_free(list); }
    };
    std::vector<std::unique_ptr<X509_CRL, Free>> lists_;
};

// What connections are judged by.
struct TlsSetup {
    TlsContextPtr context;
    std::shared_ptr<const RevocationLists> revoked;  // never null; those in the context
};

// A server context that speaks TLS 1.3 (RFC 8446) only, wants a client certificate for the
// purpose of a TLS client under the client CA, and never resumes: every connection proves its
// key anew. With revocation lists each certificate of a chain must be under one that holds now: a
// list that ends while the context is in use refuses everybody. Errors name the file and say how to
// mend it. Any thread.
[[nodiscard]] Result<TlsSetup> make_tls_context(const TlsFiles& files);

// Who the peer is after a completed handshake.
[[nodiscard]] Result<crypto::PeerIdentity> peer_identity(const SSL* connection);

struct HandshakeFailure {
    ConnectionRefusal why = ConnectionRefusal::protocol;
    std::string text;  // one printable ASCII sentence
};
// `error` is OpenSSL's code.
[[nodiscard]] HandshakeFailure handshake_failure(const SSL* connection, unsigned long error);

// `text` cut to what an audit may hold: printable ASCII of bounded length.
[[nodiscard]] std::string printable(std::string text);

}  // namespace anchorlog::net
