#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "anchorlog/base/bytes.h"

namespace anchorlog::net {

// The server's side of one TLS connection over bytes that somebody else moves: no socket, no
// thread, no clock. OpenSSL reads records where they were received and writes them to one string,
// so that one system call moves many. Used by one thread; stays where it was made.
class TlsStream {
public:
    enum class Status {
        done,
        want_bytes,  // all that was fed is used up
        ended,       // the peer said close_notify
        failed,      // for ever; records() may hold the alert that says so
    };

    // Throws std::bad_alloc.
    explicit TlsStream(SSL_CTX* context);
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    // What came off the connection. It stays in place until handshake() or read() gives
    // something else than done.
    void feed(ByteView received) { received_ = received; }
    [[nodiscard]] Status handshake();
    // Decrypts record after record into `out`; `size` is what they brought. Done: `out` is full.
    [[nodiscard]] Status read(std::span<std::uint8_t> out, std::size_t& size);
    // Encrypts to records(). False: the connection has failed.
    [[nodiscard]] bool write(std::string_view plain);
    // Encrypts close_notify to records(). False: it cannot be said, or has been said.
    [[nodiscard]] bool say_goodbye();
    // Gives back the buffers of records, unless part of a record is in them: then false.
    bool release_buffers() { return SSL_free_buffers(ssl_.get()) == 1; }

    // To be sent, in order; the sender removes what is sent.
    [[nodiscard]] std::string& records() { return records_; }
    [[nodiscard]] const SSL* connection() const { return ssl_.get(); }
    // OpenSSL's code for the failure.
    [[nodiscard]] unsigned long error() const { return error_; }

private:
    friend struct StreamBio;  // OpenSSL's view of received_ and records_

    struct Free {
        void operator()(SSL* connection) const noexcept { SSL_free(connection); }
    };

    [[nodiscard]] Status status_of(int result);

    std::unique_ptr<SSL, Free> ssl_;
    ByteView received_;
    std::string records_;
    unsigned long error_ = 0;
    bool failed_ = false;
};

}  // namespace anchorlog::net
