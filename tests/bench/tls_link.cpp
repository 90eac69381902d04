#include "tls_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "anchorlog/base/clock.h"
#include "stop.h"

namespace anchorlog::bench {

namespace {

using BioPtr = std::unique_ptr<BIO, Release<&BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<&EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Release<&X509_free>>;

constexpr int kPkiDays = 2;
constexpr int kListenBacklog = 1024;

BioPtr bio_of(const std::string& text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

CertificatePtr certificate_of(const std::string& pem) {
    return CertificatePtr(PEM_read_bio_X509(bio_of(pem).get(), nullptr, nullptr, nullptr));
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

const sockaddr* generic(const sockaddr_in& address) {
    return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

LinkBuffers& buffers_of(BIO* bio) { return *static_cast<LinkBuffers*>(BIO_get_data(bio)); }

int gather(BIO* bio, const char* bytes, int size) {
    buffers_of(bio).outbound.append(bytes, static_cast<std::size_t>(size));
    return size;
}

int take(BIO* bio, char* out, int size) {
    LinkBuffers& buffers = buffers_of(bio);
    BIO_clear_retry_flags(bio);
    if (buffers.begin == buffers.end) {
        const bool direct = buffers.inbound_size == 0;
        char* const into = direct ? out : buffers.inbound.get();
        const std::size_t room = direct ? static_cast<std::size_t>(size) : buffers.inbound_size;
        const ssize_t got = ::recv(buffers.fd, into, room, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
        if (got <= 0 || direct) return static_cast<int>(got);
        buffers.begin = 0;
        buffers.end = static_cast<std::size_t>(got);
    }
    const std::size_t taken = std::min(buffers.end - buffers.begin, static_cast<std::size_t>(size));
    std::memcpy(out, buffers.inbound.get() + buffers.begin, taken);
    buffers.begin += taken;
    return static_cast<int>(taken);
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO* bio_over(LinkBuffers& buffers) {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "link");
        BIO_meth_set_write(made, gather);
        BIO_meth_set_read(made, take);
        BIO_meth_set_ctrl(made, control);
        return made;
    }();
    BIO* const bio = BIO_new(method);
    BIO_set_data(bio, &buffers);
    BIO_set_init(bio, 1);
    return bio;
}

}  // namespace

std::string tls_reason() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
    return text == nullptr ? std::strerror(errno) : text;
}

TrialPki make_pki() {
    const Now now = SystemClock().now();
    TrialPki pki;
    auto ca = crypto::make_ca("bench CA", kPkiDays, now);
    if (!ca) stop(ca.error().message);
    pki.ca = *ca;
    crypto::CertificateRequest server;
    server.common_name = "bench server";
    server.ip_addresses = {"127.0.0.1"};
    server.server = true;
    server.days = kPkiDays;
    crypto::CertificateRequest sender;
    sender.common_name = "bench";
    sender.uri = "urn:anchorlog:sender:bench";
    sender.days = kPkiDays;
    auto server_made = crypto::issue_certificate(pki.ca, server, now);
    auto sender_made = crypto::issue_certificate(pki.ca, sender, now);
    if (!server_made) stop(server_made.error().message);
    if (!sender_made) stop(sender_made.error().message);
    pki.server = *server_made;
    pki.sender = *sender_made;
    return pki;
}

ContextPtr make_context(const crypto::CertifiedKey& own, const std::string& ca_pem, bool server) {
    ContextPtr context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
    const CertificatePtr certificate = certificate_of(own.certificate_pem);
    const CertificatePtr ca = certificate_of(ca_pem);
    const KeyPtr key(PEM_read_bio_PrivateKey(bio_of(own.key_pem).get(), nullptr, nullptr, nullptr));
    SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(context.get(), 0);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    const bool ready = SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
                       SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1 &&
                       X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), ca.get()) == 1;
    if (!ready) stop("TLS context: " + tls_reason());
    return context;
}

TlsLink::TlsLink(SSL_CTX* context, int fd, bool server, std::size_t recv_size)
    : ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_.get(), fd);
    ERR_clear_error();
    if ((server ? SSL_accept(ssl_.get()) : SSL_connect(ssl_.get())) != 1) {
        const std::string why = tls_reason();
        ::close(fd);
        stop("TLS handshake: " + why);
    }
    set_nonblocking(fd);
    buffers_.fd = fd;
    buffers_.inbound = std::make_unique_for_overwrite<char[]>(recv_size);
    buffers_.inbound_size = recv_size;
    BIO* const bio = bio_over(buffers_);
    SSL_set_bio(ssl_.get(), bio, bio);
}

TlsLink::~TlsLink() { ::close(buffers_.fd); }

// Every failure empties OpenSSL's queue of errors, so success need not.
void TlsLink::put(std::string_view bytes) {
    if (SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) {
        stop("TLS write: " + tls_reason());
    }
}

bool TlsLink::flush() {
    LinkBuffers& b = buffers_;
    while (b.sent < b.outbound.size()) {
        const ssize_t done =
            ::send(b.fd, b.outbound.data() + b.sent, b.outbound.size() - b.sent, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EAGAIN) return false;
        if (done < 0) stop(std::string("send: ") + std::strerror(errno));
        b.sent += static_cast<std::size_t>(done);
    }
    b.outbound.clear();
    b.sent = 0;
    return true;
}

std::size_t TlsLink::read(char* out, std::size_t size) {
    const int got = SSL_read(ssl_.get(), out, static_cast<int>(size));
    if (got > 0) return static_cast<std::size_t>(got);
    if (SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ) return 0;
    stop("the peer closed the connection: " + tls_reason());
}

void TlsLink::close_notify() {
    SSL_shutdown(ssl_.get());
    try {
        static_cast<void>(flush());
    } catch (const Failure&) {
        // The peer has closed already and wants no farewell.
    }
}

int connect_loopback(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (fd < 0 || ::connect(fd, generic(address), sizeof address) != 0) {
        stop("connect to port " + std::to_string(port) + ": " + std::strerror(errno));
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int listen_loopback(int& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (fd < 0 || ::bind(fd, generic(address), sizeof address) != 0 ||
        ::listen(fd, kListenBacklog) != 0 ||
        ::getsockname(fd, static_cast<sockaddr*>(static_cast<void*>(&address)), &size) != 0) {
        stop(std::string("listen: ") + std::strerror(errno));
    }
    port = ntohs(address.sin_port);
    return fd;
}

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace anchorlog::bench
