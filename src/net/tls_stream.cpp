#include "net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace anchorlog::net {

// C calls these: nothing may be thrown through them.
struct StreamBio {
    static TlsStream& stream(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

    static int read(BIO* bio, char* out, std::size_t wanted, std::size_t* size) {
        BIO_clear_retry_flags(bio);
        ByteView& received = stream(bio).received_;
        *size = std::min(wanted, received.size());
        if (*size == 0) {
            BIO_set_retry_read(bio);
            return 0;
        }
        std::memcpy(out, received.data(), *size);
        received = received.subspan(*size);
        return 1;
    }

    static int write(BIO* bio, const char* bytes, std::size_t given, std::size_t* size) {
        BIO_clear_retry_flags(bio);
        try {
            stream(bio).records_.append(bytes, given);
        } catch (const std::exception&) {
            return 0;
        }
        *size = given;
        return 1;
    }

    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH; }

    // Made once, never freed: connections of any thread use it until the process ends.
    static const BIO_METHOD* method() {
        static const BIO_METHOD* const made = [] {
            BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "session");
            if (fresh == nullptr) throw std::bad_alloc();
            BIO_meth_set_read_ex(fresh, &StreamBio::read);
            BIO_meth_set_write_ex(fresh, &StreamBio::write);
            BIO_meth_set_ctrl(fresh, &StreamBio::control);
            return fresh;
        }();
        return made;
    }
};

TlsStream::TlsStream(SSL_CTX* context) : ssl_(SSL_new(context)) {
    BIO* bio = ssl_ ? BIO_new(StreamBio::method()) : nullptr;
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_accept_state(ssl_.get());
}

TlsStream::Status TlsStream::handshake() {
    ERR_clear_error();
    return status_of(SSL_do_handshake(ssl_.get()));
}

// Each record may be a frame of its own. A read that brings something leaves no error behind, and
// emptying the queue costs as much as decrypting a short record: once for all of them is enough.
TlsStream::Status TlsStream::read(std::span<std::uint8_t> out, std::size_t& size) {
    ERR_clear_error();
    size = 0;
    while (size < out.size()) {
        std::size_t brought = 0;
        const int result = SSL_read_ex(ssl_.get(), out.data() + size, out.size() - size, &brought);
        size += brought;
        if (result != 1) return status_of(result);
    }
    return Status::done;
}

bool TlsStream::write(std::string_view plain) {
    ERR_clear_error();
    std::size_t written = 0;
    return status_of(SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written)) ==
           Status::done;
}

bool TlsStream::say_goodbye() {
    const bool is_said = (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0;
    if (failed_ || is_said || SSL_is_init_finished(ssl_.get()) != 1) return false;
    ERR_clear_error();
    return SSL_shutdown(ssl_.get()) >= 0;
}

TlsStream::Status TlsStream::status_of(int result) {
    if (result == 1) return Status::done;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Status::want_bytes;
        case SSL_ERROR_ZERO_RETURN:
            return Status::ended;
        default:
            failed_ = true;
            error_ = ERR_peek_error();
            return Status::failed;
    }
}

}  // namespace anchorlog::net
