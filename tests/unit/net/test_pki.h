#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "anchorlog/base/clock.h"
#include "anchorlog/crypto/x509.h"
#include "anchorlog/net/ingest.h"

namespace anchorlog::testing {

inline constexpr std::int64_t kDayMs = 24LL * 3'600 * 1'000;

// A directory of its own that is gone with it.
class ScratchDir {
public:
    ScratchDir() {
        std::string name = (std::filesystem::temp_directory_path() / "anchorlog-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~ScratchDir() { std::filesystem::remove_all(path_); }
    ScratchDir(const ScratchDir&) = delete;
    ScratchDir& operator=(const ScratchDir&) = delete;

    // Writes a file only its owner may read and returns its path.
    std::string write(const std::string& name, const std::string& text, unsigned mode = 0600) {
        const auto path = path_ / name;
        std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
        std::filesystem::permissions(path, static_cast<std::filesystem::perms>(mode));
        return path.string();
    }

private:
    std::filesystem::path path_;
};

inline Now days_from_now(int days) {
    Now now = SystemClock().now();
    now.wall.ms += days * kDayMs;
    return now;
}

inline crypto::CertifiedKey make_test_ca(const std::string& name = "test CA") {
    return std::move(crypto::make_ca(name, 30, SystemClock().now())).value();
}

inline crypto::CertifiedKey issue(const crypto::CertifiedKey& ca,
                                  const crypto::CertificateRequest& request, int issued_days = 0) {
    return std::move(crypto::issue_certificate(ca, request, days_from_now(issued_days))).value();
}

inline crypto::CertificateRequest sender_request(const std::string& name) {
    crypto::CertificateRequest request;
    request.common_name = name;
    request.uri = "urn:anchorlog:sender:" + name;
    request.days = 10;
    return request;
}

inline crypto::CertificateRequest server_request() {
    crypto::CertificateRequest request;
    request.common_name = "server";
    request.ip_addresses = {"127.0.0.1"};
    request.server = true;
    request.days = 10;
    return request;
}

// The same certificate with another subjectAltName (in OpenSSL's notation), signed anew.
inline crypto::CertifiedKey with_names(const crypto::CertifiedKey& certified,
                                       const crypto::CertifiedKey& ca, const std::string& names) {
    const auto bio_of = [](const std::string& text) {
        return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
    };
    BIO* in = bio_of(certified.certificate_pem);
    BIO* key_in = bio_of(ca.key_pem);
    X509* certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(key_in, nullptr, nullptr, nullptr);
    const int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
    if (at >= 0) X509_EXTENSION_free(X509_delete_ext(certificate, at));
    if (!names.empty()) {
        X509_EXTENSION* added =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
        X509_add_ext(certificate, added, -1);
        X509_EXTENSION_free(added);
    }
    X509_sign(certificate, key, EVP_sha256());
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, certificate);
    char* text = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(out, &text));
    crypto::CertifiedKey result{std::string(text, size), certified.key_pem};
    BIO_free(out);
    EVP_PKEY_free(key);
    X509_free(certificate);
    BIO_free(key_in);
    BIO_free(in);
    return result;
}

// A CA and a server certificate under it, as files.
struct TestPki {
    ScratchDir dir;
    crypto::CertifiedKey ca = make_test_ca();
    crypto::CertifiedKey server = issue(ca, server_request());
    net::TlsFiles files{dir.write("server.crt", server.certificate_pem),
                        dir.write("server.key", server.key_pem),
                        dir.write("ca.crt", ca.certificate_pem)};

    // Has the files name a list of these certificates that is good for `days`, made then.
    void revoke(const std::vector<crypto::CertifiedKey>& revoked, int made_days = 0, int days = 7) {
        files.crl_path = dir.write("ca.crl", list_of(ca, revoked, made_days, days));
    }
    [[nodiscard]] static std::string list_of(const crypto::CertifiedKey& of,
                                             const std::vector<crypto::CertifiedKey>& revoked,
                                             int made_days = 0, int days = 7) {
        std::vector<crypto::Revocation> all;
        const Now made = days_from_now(made_days);
        for (const auto& one : revoked) {
            all.push_back({crypto::facts_of(one.certificate_pem).value().serial, made.wall});
        }
        return crypto::make_crl(of, all, days, made).value();
    }
    [[nodiscard]] crypto::CertifiedKey sender(const std::string& name) const {
        return issue(ca, sender_request(name));
    }
};

}  // namespace anchorlog::testing
