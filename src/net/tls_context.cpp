#include "net/tls_context.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/log.h"

namespace anchorlog::net {

namespace {

constexpr std::size_t kPemSizeMax = 1u << 20;
constexpr std::size_t kCrlSizeMax = 16u << 20;
constexpr std::size_t kReasonSizeMax = 200;
constexpr int kVerifyDepthMax = 4;
// What a stranger may make us keep: ten times a chain of three ECDSA certificates.
constexpr long kChainSizeMax = 32'768;
constexpr mode_t kOthersMask = 077;
constexpr const char* kCipherSuites =
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
// From this version on a group in a list may be marked as optional with '?'.
constexpr unsigned long kOptionalGroupsVersion = 0x30300000UL;

template <auto kFree>
struct Release {
    template <class T>
    void operator()(T* object) const noexcept {
        kFree(object);
    }
};
using BioPtr = std::unique_ptr<BIO, Release<&BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<&EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Release<&X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Release<&X509_CRL_free>>;

struct Descriptor {
    int fd = -1;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

std::string system_reason() { return std::generic_category().message(errno); }

// The newest reason OpenSSL gave; leaves its queue empty for the next call on this thread.
std::string openssl_reason() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
    return text == nullptr ? "no reason given" : text;
}

// Reads through one descriptor, so that the file whose mode was checked is the file that is used.
Result<std::string> read_pem(const std::string& path, bool secret,
                             std::size_t size_max = kPemSizeMax) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0) return Error{Errc::not_found, path + ": cannot open: " + system_reason()};
    struct stat info{};
    if (::fstat(file.fd, &info) != 0) {
        return Error{Errc::not_found, path + ": cannot stat: " + system_reason()};
    }
    if (!S_ISREG(info.st_mode)) return Error{Errc::invalid_input, path + ": not a regular file"};
    if (secret && (info.st_mode & kOthersMask) != 0) {
        return Error{Errc::refused, path + ": others than its owner may use this private key; " +
                                        "run: chmod 600 " + path};
    }
    std::string text;
    char chunk[4096];
    while (text.size() <= size_max) {
        const ssize_t got = ::read(file.fd, chunk, sizeof chunk);
        if (got == 0) return text;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error{Errc::not_found, path + ": cannot read: " + system_reason()};
        text.append(chunk, static_cast<std::size_t>(got));
    }
    return Error{Errc::invalid_input, path + ": larger than a PEM file of ours can be (" +
                                          std::to_string(size_max >> 20) + " MiB)"};
}

BioPtr bio_of(const std::string& text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

int no_passphrase(char*, int, int, void*) { return -1; }

Result<CertificatePtr> read_certificate(BIO* bio, const std::string& path) {
    CertificatePtr certificate(PEM_read_bio_X509(bio, nullptr, no_passphrase, nullptr));
    if (!certificate) {
        return Error{Errc::invalid_input,
                     path + ": no certificate in PEM form (" + openssl_reason() + ")"};
    }
    return certificate;
}

// True when PEM text is used up; false when what follows is not a certificate.
bool only_end_follows() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

Result<void> check_own_certificate(X509* certificate, const std::string& path) {
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        return Error{Errc::invalid_input, path +
                                              ": the server certificate has expired; renew it "
                                              "(anchorlogctl pki renew)"};
    }
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        return Error{Errc::invalid_input,
                     path +
                         ": the server certificate is not valid yet; check this machine's "
                         "clock or renew it (anchorlogctl pki renew)"};
    }
    if (X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) != 1) {
        return Error{Errc::invalid_input,
                     path +
                         ": the certificate is not for a TLS server (extendedKeyUsage "
                         "serverAuth); issue one with anchorlogctl pki issue --role server"};
    }
    return {};
}

Result<void> use_certificate_chain(SSL_CTX* context, const std::string& path) {
    auto pem = read_pem(path, false);
    if (!pem) return std::move(pem).error();
    const BioPtr bio = bio_of(*pem);
    auto own = read_certificate(bio.get(), path);
    if (!own) return std::move(own).error();
    if (auto checked = check_own_certificate(own->get(), path); !checked) return checked;
    if (SSL_CTX_use_certificate(context, own->get()) != 1) {
        return Error{Errc::invalid_input,
                     path + ": the certificate cannot be used (" + openssl_reason() + ")"};
    }
    for (;;) {
        CertificatePtr issuer(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
        if (!issuer) break;
        if (SSL_CTX_add0_chain_cert(context, issuer.get()) != 1) {
            return Error{Errc::invalid_input,
                         path + ": its chain cannot be used (" + openssl_reason() + ")"};
        }
        static_cast<void>(issuer.release());
    }
    if (!only_end_follows()) {
        return Error{Errc::invalid_input, path + ": a broken certificate follows the first one"};
    }
    return {};
}

Result<void> use_key(SSL_CTX* context, const TlsFiles& files) {
    auto pem = read_pem(files.key_path, true);
    if (!pem) return std::move(pem).error();
    const BioPtr bio = bio_of(*pem);
    const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    OPENSSL_cleanse(pem->data(), pem->size());
    if (!key) {
        return Error{Errc::invalid_input,
                     files.key_path + ": no private key in PEM form without a passphrase (" +
                         openssl_reason() + ")"};
    }
    if (X509_check_private_key(SSL_CTX_get0_certificate(context), key.get()) != 1) {
        ERR_clear_error();
        return Error{Errc::invalid_input, files.key_path + ": this key does not belong to the " +
                                              "certificate " + files.certificate_path};
    }
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
        return Error{Errc::invalid_input,
                     files.key_path + ": the key cannot be used (" + openssl_reason() + ")"};
    }
    return {};
}

Result<void> trust_client_ca(SSL_CTX* context, const std::string& path) {
    auto pem = read_pem(path, false);
    if (!pem) return std::move(pem).error();
    const BioPtr bio = bio_of(*pem);
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    auto ca = read_certificate(bio.get(), path);
    if (!ca) return std::move(ca).error();
    for (CertificatePtr next = std::move(*ca); next;
         next.reset(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr))) {
        if (X509_check_ca(next.get()) == 0) {
            return Error{Errc::invalid_input, path + ": holds a certificate that is not a CA's"};
        }
        if (X509_cmp_current_time(X509_get0_notAfter(next.get())) < 0) {
            log(LogLevel::warn, "client_ca_expired", {{"path", path}});
        }
        if (X509_STORE_add_cert(store, next.get()) != 1 ||
            SSL_CTX_add_client_CA(context, next.get()) != 1) {
            return Error{Errc::invalid_input,
                         path + ": a CA certificate cannot be used (" + openssl_reason() + ")"};
        }
    }
    if (!only_end_follows()) {
        return Error{Errc::invalid_input, path + ": a broken certificate follows the first one"};
    }
    return {};
}

Result<void> check_crl(const X509_CRL* list, const std::string& path) {
    const ASN1_TIME* end = X509_CRL_get0_nextUpdate(list);
    if (end == nullptr || X509_cmp_current_time(end) < 0) {
        return Error{Errc::invalid_input,
                     path +
                         ": the revocation list is stale, and without one nobody can be let in; "
                         "put a new one in its place (anchorlogctl pki crl)"};
    }
    if (X509_cmp_current_time(X509_CRL_get0_lastUpdate(list)) > 0) {
        return Error{Errc::invalid_input,
                     path +
                         ": the revocation list is not valid yet; check this machine's clock or "
                         "put a new one in its place (anchorlogctl pki crl)"};
    }
    // Lists of a part only (RFC 5280 §5.2.4, §5.2.5) say nothing of the certificates beside it.
    if (X509_CRL_get_ext_by_NID(list, NID_issuing_distribution_point, -1) >= 0 ||
        X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0) {
        return Error{Errc::invalid_input,
                     path +
                         ": the revocation list is of a part of its CA's certificates only; put "
                         "the whole one in its place"};
    }
    return {};
}

// Takes the place of OpenSSL's own check at each handshake, which verifies the list's signature
// anew for every certificate of a chain, half a millisecond that any stranger could ask for. All
// lists of a store were verified when they were read; what can change since is the time.
int check_list_at_handshake(X509_STORE_CTX* context, X509_CRL* list) {
    if (X509_cmp_current_time(X509_CRL_get0_nextUpdate(list)) > 0) return 1;
    X509_STORE_CTX_set_error(context, X509_V_ERR_CRL_HAS_EXPIRED);
    return 0;
}

// Of two CAs with one name only the key tells whose list it is.
bool is_list_of(X509_CRL* list, X509* ca) {
    EVP_PKEY* key = X509_get0_pubkey(ca);
    const bool is_its = key != nullptr && (X509_get_key_usage(ca) & KU_CRL_SIGN) != 0 &&
                        X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(ca)) == 0 &&
                        X509_CRL_verify(list, key) == 1;
    ERR_clear_error();
    return is_its;
}

// A CA without a list would have all its certificates refused at every handshake: better told now.
Result<void> check_crls_are_complete(X509_STORE* store, const std::vector<CrlPtr>& lists,
                                     const std::string& path) {
    std::vector<bool> used(lists.size());
    const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
        X509* ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        bool is_found = false;
        for (std::size_t at = 0; at < lists.size(); ++at) {
            if (!is_list_of(lists[at].get(), ca)) continue;
            is_found = used[at] = true;
        }
        if (is_found) continue;
        return Error{Errc::invalid_input,
                     path + ": no revocation list in it is signed by each CA of tls.client_ca; " +
                         "put one of every CA there (anchorlogctl pki crl)"};
    }
    if (std::find(used.begin(), used.end(), false) == used.end()) return {};
    return Error{Errc::invalid_input, path + ": a revocation list in it is not signed by a CA of " +
                                          "tls.client_ca; put that CA's own list in its place"};
}

Result<std::shared_ptr<const RevocationLists>> use_crls(SSL_CTX* context, const std::string& path) {
    auto out = std::make_shared<RevocationLists>();
    if (path.empty()) return std::shared_ptr<const RevocationLists>(out);
    auto pem = read_pem(path, false, kCrlSizeMax);
    if (!pem) return std::move(pem).error();
    const BioPtr bio = bio_of(*pem);
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    std::vector<CrlPtr> lists;
    while (CrlPtr list{PEM_read_bio_X509_CRL(bio.get(), nullptr, no_passphrase, nullptr)}) {
        if (auto checked = check_crl(list.get(), path); !checked) {
            return std::move(checked).error();
        }
        lists.push_back(std::move(list));
    }
    if (!only_end_follows() || lists.empty()) {
        return Error{Errc::invalid_input, path +
                                              ": not revocation lists in PEM form only; make "
                                              "one with anchorlogctl pki crl"};
    }
    if (auto checked = check_crls_are_complete(store, lists, path); !checked) {
        return std::move(checked).error();
    }
    for (const CrlPtr& list : lists) {
        if (X509_STORE_add_crl(store, list.get()) != 1) {
            return Error{Errc::invalid_input,
                         path + ": a revocation list cannot be used (" + openssl_reason() + ")"};
        }
        out->add(list.get());
    }
    X509_STORE_set_check_crl(store, check_list_at_handshake);
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return std::shared_ptr<const RevocationLists>(out);
}

ConnectionRefusal refusal_of(long verdict) {
    switch (verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return ConnectionRefusal::expired;
        case X509_V_ERR_CERT_REVOKED:
            return ConnectionRefusal::revoked;
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
            return ConnectionRefusal::crl;
        default:
            return ConnectionRefusal::untrusted;
    }
}

Result<void> set_protocol(SSL_CTX* context) {
    const bool optional_groups = OpenSSL_version_num() >= kOptionalGroupsVersion;
    const char* groups = optional_groups ? "?X25519MLKEM768:X25519" : "X25519";
    if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context, kCipherSuites) != 1 ||
        SSL_CTX_set1_groups_list(context, groups) != 1 ||
        SSL_CTX_set_num_tickets(context, 0) != 1 || SSL_CTX_set_max_early_data(context, 0) != 1 ||
        SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) != 1) {
        return Error{Errc::internal,
                     "this OpenSSL lacks what TLS 1.3 needs (" + openssl_reason() + ")"};
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_verify_depth(context, kVerifyDepthMax);
    SSL_CTX_set_max_cert_list(context, kChainSizeMax);
    return {};
}

}  // namespace

void RevocationLists::add(X509_CRL* list) {
    X509_CRL_up_ref(list);
    lists_.emplace_back(list);
}

bool RevocationLists::hold(X509* certificate) const {
    return std::any_of(lists_.begin(), lists_.end(), [certificate](const auto& list) {
        X509_REVOKED* entry = nullptr;
        return X509_CRL_get0_by_cert(list.get(), &entry, certificate) == 1;
    });
}

Result<TlsSetup> make_tls_context(const TlsFiles& files) {
    ERR_clear_error();
    TlsContextPtr context(SSL_CTX_new(TLS_server_method()));
    if (!context) return Error{Errc::internal, "no TLS context (" + openssl_reason() + ")"};
    if (auto done = set_protocol(context.get()); !done) return std::move(done).error();
    if (auto done = use_certificate_chain(context.get(), files.certificate_path); !done) {
        return std::move(done).error();
    }
    if (auto done = use_key(context.get(), files); !done) return std::move(done).error();
    if (auto done = trust_client_ca(context.get(), files.client_ca_path); !done) {
        return std::move(done).error();
    }
    auto revoked = use_crls(context.get(), files.crl_path);
    if (!revoked) return std::move(revoked).error();
    return TlsSetup{std::move(context), std::move(*revoked)};
}

Result<crypto::PeerIdentity> peer_identity(const SSL* connection) {
    const X509* certificate = SSL_get0_peer_certificate(connection);
    if (certificate == nullptr) return Error{Errc::refused, "no client certificate"};
    return crypto::identity_of(certificate);
}

HandshakeFailure handshake_failure(const SSL* connection, unsigned long error) {
    using enum ConnectionRefusal;
    const long verdict = SSL_get_verify_result(connection);
    if (verdict != X509_V_OK) {
        return {refusal_of(verdict), printable(std::string("client certificate refused: ") +
                                               X509_verify_cert_error_string(verdict))};
    }
    switch (ERR_GET_REASON(error)) {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return {no_certificate, "no client certificate"};
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_UNKNOWN_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
            return {protocol, "the peer does not offer TLS 1.3"};
        case SSL_R_HTTP_REQUEST:
        case SSL_R_WRONG_VERSION_NUMBER:
            return {protocol, "the peer does not speak TLS"};
        default:
            break;
    }
    const char* text = ERR_reason_error_string(error);
    return {protocol, printable(std::string("TLS handshake failed: ") +
                                (text == nullptr ? "the connection was lost" : text))};
}

std::string printable(std::string text) {
    if (text.size() > kReasonSizeMax) text.resize(kReasonSizeMax);
    for (char& c : text) {
        if (c < ' ' || c > '~') c = '?';
    }
    return text;
}

}  // namespace anchorlog::net
