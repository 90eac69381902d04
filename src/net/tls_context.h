#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "anchorlog/base/result.h"
#include "anchorlog/crypto/x509.h"
#include "anchorlog/net/ingest.h"

namespace anchorlog::net {

struct TlsContextFree {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using TlsContextPtr = std::unique_ptr<SSL_CTX, TlsContextFree>;

// A server context that speaks TLS 1.3 (RFC 8446) only, wants a client certificate for the
// purpose of a TLS client under the client CA, and never resumes: every connection proves its
// key anew. Errors name the file and say how to mend it. Any thread.
[[nodiscard]] Result<TlsContextPtr> make_tls_context(const TlsFiles& files);

// Who the peer is after a completed handshake.
[[nodiscard]] Result<crypto::PeerIdentity> peer_identity(const SSL* connection);

// Why a handshake failed, as one printable ASCII sentence. `error` is OpenSSL's code.
[[nodiscard]] std::string handshake_failure(const SSL* connection, unsigned long error);

// `text` cut to what an audit may hold: printable ASCII of bounded length.
[[nodiscard]] std::string printable(std::string text);

}  // namespace anchorlog::net
