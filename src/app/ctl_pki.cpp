// `anchorlogctl pki`: a CA in a directory. `ca.key`, `ca.crt` and `ca.crl` are the CA's,
// NAME.key and NAME.crt what is in use under a name. issued/ is what the CA knows: SERIAL.crt for
// every certificate it ever made and beside it SERIAL.revoked, which holds the time, for those that
// are not to be believed any more. Everything else follows from it, the revocation list too.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/crypto/x509.h"
#include "anchorlog/wire/alert.h"
#include "app/ctl.h"

namespace anchorlog::app {
namespace {

constexpr std::uint64_t kPemSizeMax = 1u << 16;
constexpr std::uint64_t kCrlSizeMax = 16u << 20;
constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr int kCaDays = 3'650;
constexpr int kLeafDays = 30;
constexpr int kCrlDays = 30;
constexpr mode_t kPublicMode = 0644;
constexpr mode_t kSecretMode = 0600;
constexpr std::string_view kSenderPrefix = "urn:anchorlog:sender:";

struct Issued {
    crypto::CertificateFacts facts;
    std::optional<WallTime> revoked_at;
};

Error system_error(const std::string& path, const char* what) {
    return {Errc::io, path + ": cannot " + what + ": " + std::generic_category().message(errno)};
}

// What is replaced keeps its owner, so that a daemon of another user can still read it when root
// has renewed it.
Result<void> put(const std::string& path, const std::string& text, mode_t mode) {
    PosixFileSystem fs;
    struct stat before{};
    const bool existed = ::stat(path.c_str(), &before) == 0;
    if (auto done = replace_file(fs, path, as_bytes(text)); !done) return done;
    if (existed && before.st_uid != ::geteuid() &&
        ::chown(path.c_str(), before.st_uid, before.st_gid) != 0) {
        return system_error(path, "give it back to its owner");
    }
    if (::chmod(path.c_str(), mode) != 0) return system_error(path, "set its mode");
    return {};
}

std::string issued_dir(const std::string& dir) { return dir + "/issued"; }

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

Result<Issued> load_issued(const std::string& stem) {
    PosixFileSystem fs;
    auto pem = read_file(fs, stem + ".crt", kPemSizeMax);
    if (!pem) return std::move(pem).error();
    auto facts = crypto::facts_of(*pem);
    if (!facts) return std::move(facts).error().in(stem + ".crt");
    Issued issued{std::move(*facts), {}};
    auto revoked = read_file(fs, stem + ".revoked", kPemSizeMax);
    if (!revoked && revoked.error().code == Errc::not_found) return issued;
    if (!revoked) return std::move(revoked).error();
    auto at = parse_server_time(std::string_view(*revoked).substr(0, revoked->find('\n')));
    if (!at) return std::move(at).error().in(stem + ".revoked");
    issued.revoked_at = *at;
    return issued;
}

// By name, the newest last.
Result<std::vector<Issued>> load_all(const std::string& dir) {
    PosixFileSystem fs;
    std::vector<Issued> all;
    auto names = fs.list(issued_dir(dir));
    if (!names && names.error().code == Errc::not_found) return all;
    if (!names) return std::move(names).error();
    for (const std::string& name : *names) {
        if (!name.ends_with(".crt")) continue;
        auto issued = load_issued(issued_dir(dir) + "/" + name.substr(0, name.size() - 4));
        if (!issued) return std::move(issued).error();
        all.push_back(std::move(*issued));
    }
    std::sort(all.begin(), all.end(), [](const Issued& a, const Issued& b) {
        return std::pair(a.facts.request.common_name, a.facts.end.ms) <
               std::pair(b.facts.request.common_name, b.facts.end.ms);
    });
    return all;
}

// A new list lives as long as the one it replaces, unless told otherwise.
Result<int> crl_days(const CtlCall& call, const std::string& dir) {
    PosixFileSystem fs;
    int otherwise = kCrlDays;
    if (auto pem = read_file(fs, dir + "/ca.crl", kCrlSizeMax)) {
        if (auto dates = crypto::crl_dates(*pem)) {
            const std::int64_t life_ms = dates->next_update.ms - dates->this_update.ms;
            otherwise = std::max(1, static_cast<int>(life_ms / kMsPerDay));
        }
    }
    return call.days("--crl-days", otherwise);
}

Result<void> write_crl(const CtlCall& call, const std::string& dir,
                       const crypto::CertifiedKey& ca) {
    auto days = crl_days(call, dir);
    if (!days) return std::move(days).error();
    auto all = load_all(dir);
    if (!all) return std::move(all).error();
    std::vector<crypto::Revocation> revoked;
    for (const Issued& issued : *all) {
        if (issued.revoked_at) revoked.push_back({issued.facts.serial, *issued.revoked_at});
    }
    const Now now = SystemClock().now();
    auto pem = crypto::make_crl(ca, revoked, *days, now);
    if (!pem) return std::move(pem).error();
    if (auto done = put(dir + "/ca.crl", *pem, kPublicMode); !done) return done;
    const WallTime until{now.wall.ms + *days * kMsPerDay};
    std::printf("crl %s/ca.crl\nuntil %s\nrevoked %zu\n", dir.c_str(),
                format_server_time(until).c_str(), revoked.size());
    return {};
}

// The record first, so that nothing is out that cannot be revoked; then the key, then the
// certificate: who finds a key without its certificate renews once more.
Result<void> write_pair(const std::string& dir, const crypto::CertifiedKey& pair) {
    auto facts = crypto::facts_of(pair.certificate_pem);
    if (!facts) return std::move(facts).error();
    PosixFileSystem fs;
    if (auto made = fs.create_dir(issued_dir(dir)); !made) return made;
    const std::string record = issued_dir(dir) + "/" + facts->serial + ".crt";
    if (auto done = put(record, pair.certificate_pem, kPublicMode); !done) return done;
    const std::string stem = dir + "/" + facts->request.common_name;
    if (auto done = put(stem + ".key", pair.key_pem, kSecretMode); !done) return done;
    if (auto done = put(stem + ".crt", pair.certificate_pem, kPublicMode); !done) return done;
    std::printf("certificate %s.crt\nkey %s.key\nserial %s\nuntil %s\n", stem.c_str(), stem.c_str(),
                facts->serial.c_str(), format_server_time(facts->end).c_str());
    return {};
}

Result<std::string> need_name(const CtlCall& call) {
    auto name = call.need("--name");
    if (!name) return name;
    if (!wire::is_name(*name)) {
        return Error{Errc::invalid_input, "--name must match [A-Za-z0-9._:-]{1,64}"};
    }
    return name;
}

Result<void> refuse_existing(const std::string& dir, const std::string& name) {
    PosixFileSystem fs;
    for (const char* ending : {".crt", ".key"}) {
        const std::string path = dir + "/" + name + ending;
        auto exists = fs.exists(path);
        if (!exists) return std::move(exists).error();
        if (*exists) {
            return Error{Errc::refused, path + " exists; `anchorlogctl pki renew --name " + name +
                                            "` makes a new pair in its place"};
        }
    }
    return {};
}

Result<void> add_names(const CtlCall& call, crypto::CertificateRequest& request) {
    const auto sans = call.options.find("--san");
    if (sans == call.options.end()) {
        request.dns_names.push_back(request.common_name);
        return {};
    }
    for (const std::string& san : sans->second) {
        if (san.starts_with("dns:")) {
            request.dns_names.push_back(san.substr(4));
        } else if (san.starts_with("ip:")) {
            request.ip_addresses.push_back(san.substr(3));
        } else {
            return Error{Errc::invalid_input, "--san must start with dns: or ip:, not " + san};
        }
    }
    return {};
}

Result<crypto::CertificateRequest> new_request(const CtlCall& call, const std::string& name) {
    crypto::CertificateRequest request;
    request.common_name = name;
    auto role = call.need("--role");
    if (!role) return std::move(role).error();
    if (*role == "sender") {
        if (call.options.contains("--san")) {
            return Error{Errc::invalid_input,
                         "--san is for --role server: a sender is known by "
                         "its name alone"};
        }
        request.uri = std::string(kSenderPrefix) + name;
    } else if (*role == "server") {
        request.server = true;
        if (auto added = add_names(call, request); !added) return std::move(added).error();
    } else {
        return Error{Errc::invalid_input, "--role must be sender or server, not " + *role};
    }
    auto days = call.days("--days", kLeafDays);
    if (!days) return std::move(days).error();
    request.days = *days;
    return request;
}

const char* state_of(const Issued& issued, WallTime now) {
    if (issued.revoked_at) return "revoked";
    return issued.facts.end.ms <= now.ms ? "expired" : "valid";
}

// Revokes what `is_meant`; what was revoked before keeps its time.
Result<std::size_t> mark_revoked(const std::string& dir, const std::vector<Issued>& all,
                                 const std::function<bool(const Issued&)>& is_meant) {
    std::size_t found = 0;
    const WallTime now = SystemClock().now().wall;
    for (const Issued& issued : all) {
        if (!is_meant(issued)) continue;
        ++found;
        std::printf("revoked_serial %s\n", issued.facts.serial.c_str());
        if (issued.revoked_at) continue;
        const std::string path = issued_dir(dir) + "/" + issued.facts.serial + ".revoked";
        auto done = put(path, format_server_time(now) + "\n", kPublicMode);
        if (!done) return std::move(done).error();
    }
    return found;
}

}  // namespace

Result<void> pki_init(const CtlCall& call) {
    auto dir = call.need("--dir");
    if (!dir) return std::move(dir).error();
    auto days = call.days("--days", kCaDays);
    if (!days) return std::move(days).error();
    if (auto valid = call.days("--crl-days", kCrlDays); !valid) return std::move(valid).error();
    PosixFileSystem fs;
    if (auto made = fs.create_dir(*dir); !made) return made;
    auto ca = crypto::make_ca("Anchorlog CA", *days, SystemClock().now());
    if (!ca) return std::move(ca).error();
    if (auto done = write_new(*dir + "/ca.key", ca->key_pem); !done) return done;
    if (auto done = write_new(*dir + "/ca.crt", ca->certificate_pem); !done) return done;
    if (::chmod((*dir + "/ca.crt").c_str(), kPublicMode) != 0) {
        return system_error(*dir + "/ca.crt", "set its mode");
    }
    std::printf("certificate %s/ca.crt\nkey %s/ca.key\n", dir->c_str(), dir->c_str());
    return write_crl(call, *dir, *ca);
}

Result<void> pki_issue(const CtlCall& call) {
    auto dir = call.need("--dir");
    if (!dir) return std::move(dir).error();
    auto name = need_name(call);
    if (!name) return std::move(name).error();
    auto request = new_request(call, *name);
    if (!request) return std::move(request).error();
    auto ca = load_ca(*dir);
    if (!ca) return std::move(ca).error();
    if (auto fresh = refuse_existing(*dir, *name); !fresh) return fresh;
    auto pair = crypto::issue_certificate(*ca, *request, SystemClock().now());
    if (!pair) return std::move(pair).error();
    return write_pair(*dir, *pair);
}

Result<void> pki_renew(const CtlCall& call) {
    auto dir = call.need("--dir");
    if (!dir) return std::move(dir).error();
    auto name = need_name(call);
    if (!name) return std::move(name).error();
    if (*name == "ca") {
        return Error{Errc::refused,
                     "a CA is not renewed: make another with `anchorlogctl pki "
                     "init`, and have the daemon trust both for a while"};
    }
    auto days = call.days("--days", kLeafDays);
    if (!days) return std::move(days).error();
    auto ca = load_ca(*dir);
    if (!ca) return std::move(ca).error();
    PosixFileSystem fs;
    const std::string path = *dir + "/" + *name + ".crt";
    auto pem = read_file(fs, path, kPemSizeMax);
    if (!pem) return std::move(pem).error().in("nothing to renew, see `anchorlogctl pki issue`");
    auto facts = crypto::facts_of(*pem);
    if (!facts) return std::move(facts).error().in(path);
    crypto::CertificateRequest request = std::move(facts->request);
    if (request.common_name != *name) {
        return Error{Errc::refused, path + " is of " + request.common_name + ", not of " + *name};
    }
    request.days = *days;
    auto pair = crypto::issue_certificate(*ca, request, SystemClock().now());
    if (!pair) return std::move(pair).error();
    return write_pair(*dir, *pair);
}

Result<void> pki_revoke(const CtlCall& call) {
    auto dir = call.need("--dir");
    if (!dir) return std::move(dir).error();
    const std::string serial = call.get("--serial");
    const std::string name = call.get("--name");
    if (serial.empty() == name.empty()) {
        return Error{Errc::invalid_input, "either --name (all its certificates) or --serial"};
    }
    auto ca = load_ca(*dir);
    if (!ca) return std::move(ca).error();
    auto all = load_all(*dir);
    if (!all) return std::move(all).error();
    auto found = mark_revoked(*dir, *all, [&](const Issued& issued) {
        return serial.empty() ? issued.facts.request.common_name == name
                              : issued.facts.serial == serial;
    });
    if (!found) return std::move(found).error();
    if (*found == 0) {
        return Error{Errc::not_found,
                     "this CA has issued no such certificate; `anchorlogctl pki "
                     "list` shows those it has"};
    }
    return write_crl(call, *dir, *ca);
}

Result<void> pki_crl(const CtlCall& call) {
    auto dir = call.need("--dir");
    if (!dir) return std::move(dir).error();
    auto ca = load_ca(*dir);
    if (!ca) return std::move(ca).error();
    return write_crl(call, *dir, *ca);
}

Result<void> pki_list(const CtlCall& call) {
    auto dir = call.need("--dir");
    if (!dir) return std::move(dir).error();
    PosixFileSystem fs;
    auto ca = read_file(fs, *dir + "/ca.crt", kPemSizeMax);
    if (!ca) return std::move(ca).error().in("no CA, run `anchorlogctl pki init` first");
    auto ca_facts = crypto::facts_of(*ca);
    if (!ca_facts) return std::move(ca_facts).error().in(*dir + "/ca.crt");
    auto all = load_all(*dir);
    if (!all) return std::move(all).error();
    const WallTime now = SystemClock().now().wall;
    std::printf("ca %s\n", format_server_time(ca_facts->end).c_str());
    if (auto crl = read_file(fs, *dir + "/ca.crl", kCrlSizeMax)) {
        auto dates = crypto::crl_dates(*crl);
        if (!dates) return std::move(dates).error().in(*dir + "/ca.crl");
        std::printf("crl %s\n", format_server_time(dates->next_update).c_str());
    }
    for (const Issued& issued : *all) {
        const auto& facts = issued.facts;
        std::printf("%s %s %s %s %s\n", facts.request.server ? "server" : "sender",
                    format_server_time(facts.end).c_str(), state_of(issued, now),
                    facts.serial.c_str(), facts.request.common_name.c_str());
    }
    return {};
}

}  // namespace anchorlog::app
