#include <cstdio>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/crypto/x509.h"
#include "anchorlog/eth/types.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/note.h"
#include "app/ctl.h"

namespace anchorlog::app {
namespace {

constexpr std::uint64_t kPemSizeMax = 1u << 16;
constexpr int kCaDays = 3'650;
constexpr int kLeafDays = 90;

// Never overwrites: a key that is gone cannot sign again, and what it signed stays in the log.
Result<void> write_new(const std::string& path, const std::string& text) {
    PosixFileSystem fs;
    auto exists = fs.exists(path);
    if (!exists) return std::move(exists).error();
    if (*exists) {
        return Error{Errc::refused, path + " exists; it is never overwritten: move it away first"};
    }
    return replace_file(fs, path, as_bytes(text));
}

Result<void> write_pair(const std::string& stem, const crypto::CertifiedKey& pair) {
    if (auto done = write_new(stem + ".key", pair.key_pem); !done) return done;
    if (auto done = write_new(stem + ".crt", pair.certificate_pem); !done) return done;
    std::printf("certificate %s.crt\nkey %s.key\n", stem.c_str(), stem.c_str());
    return {};
}

Result<crypto::CertifiedKey> load_ca(const std::string& dir) {
    PosixFileSystem fs;
    auto certificate = read_file(fs, dir + "/ca.crt", kPemSizeMax);
    if (!certificate) {
        return std::move(certificate).error().in("no CA, run `anchorlogctl pki init` first");
    }
    auto key = read_file(fs, dir + "/ca.key", kPemSizeMax);
    if (!key) return std::move(key).error();
    return crypto::CertifiedKey{std::move(*certificate), std::move(*key)};
}

Result<void> issue(const CtlCall& call, crypto::CertificateRequest request) {
    auto dir = call.need("--dir");
    if (!dir) return std::move(dir).error();
    auto days = call.days(kLeafDays);
    if (!days) return std::move(days).error();
    request.days = *days;
    auto ca = load_ca(*dir);
    if (!ca) return std::move(ca).error();
    auto pair = crypto::issue_certificate(*ca, request, SystemClock().now());
    if (!pair) return std::move(pair).error();
    return write_pair(*dir + "/" + request.common_name, *pair);
}

Result<std::string> need_name(const CtlCall& call) {
    auto name = call.need("--name");
    if (!name) return name;
    if (!wire::is_name(*name)) {
        return Error{Errc::invalid_input, "--name must match [A-Za-z0-9._:-]{1,64}"};
    }
    return name;
}

}  // namespace

Result<void> pki_init(const CtlCall& call) {
    auto dir = call.need("--dir");
    if (!dir) return std::move(dir).error();
    auto days = call.days(kCaDays);
    if (!days) return std::move(days).error();
    PosixFileSystem fs;
    if (auto made = fs.create_dir(*dir); !made) return made;
    auto ca = crypto::make_ca("Anchorlog CA", *days, SystemClock().now());
    if (!ca) return std::move(ca).error();
    return write_pair(*dir + "/ca", *ca);
}

Result<void> pki_server(const CtlCall& call) {
    auto name = need_name(call);
    if (!name) return std::move(name).error();
    crypto::CertificateRequest request;
    request.common_name = *name;
    request.server = true;
    if (const auto sans = call.options.find("--san"); sans != call.options.end()) {
        for (const std::string& san : sans->second) {
            if (san.starts_with("dns:")) {
                request.dns_names.push_back(san.substr(4));
            } else if (san.starts_with("ip:")) {
                request.ip_addresses.push_back(san.substr(3));
            } else {
                return Error{Errc::invalid_input, "--san must start with dns: or ip:, not " + san};
            }
        }
    } else {
        request.dns_names.push_back(*name);
    }
    return issue(call, std::move(request));
}

Result<void> pki_sender(const CtlCall& call) {
    auto name = need_name(call);
    if (!name) return std::move(name).error();
    crypto::CertificateRequest request;
    request.common_name = *name;
    request.uri = "urn:anchorlog:sender:" + *name;
    return issue(call, std::move(request));
}

Result<void> key_generate(const CtlCall& call) {
    auto type = call.need("--type");
    if (!type) return std::move(type).error();
    auto out = call.need("--out");
    if (!out) return std::move(out).error();
    if (*type == "ed25519") {
        auto pem = crypto::generate_ed25519_pem();
        if (!pem) return std::move(pem).error();
        if (auto done = write_new(*out, *pem); !done) return done;
        auto signer = crypto::load_signer(*out);
        if (!signer) return std::move(signer).error();
        const std::string origin = call.get("--origin");
        if (origin.empty()) {
            std::printf("public_key %s\n", to_hex((*signer)->public_key()).c_str());
            return {};
        }
        if (!wire::is_origin(origin)) {
            return Error{Errc::invalid_input, "--origin must be ≤ 255 bytes of [a-z0-9./_-]"};
        }
        const auto key = wire::make_verifier_key(origin, (*signer)->public_key());
        std::printf("vkey %s\n", wire::format_vkey(key).c_str());
        return {};
    }
    if (*type != "secp256k1") {
        return Error{Errc::invalid_input, "--type must be ed25519 or secp256k1, not " + *type};
    }
    auto hex = crypto::generate_account_key_hex();
    if (!hex) return std::move(hex).error();
    if (auto done = write_new(*out, *hex); !done) return done;
    auto key = crypto::load_account_key(*out);
    if (!key) return std::move(key).error();
    std::printf("address %s\n", eth::format_address((*key)->address()).c_str());
    return {};
}

}  // namespace anchorlog::app
