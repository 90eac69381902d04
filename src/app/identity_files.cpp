#include "app/identity_files.h"

#include <utility>
#include <vector>

#include "anchorlog/base/log.h"
#include "anchorlog/net/registry.h"

namespace anchorlog::app {
namespace {

constexpr std::uint64_t kRegistrySizeMax = 16u << 20;
constexpr std::uint64_t kCertificatesSizeMax = 1u << 20;
constexpr std::uint64_t kCrlSizeMax = 16u << 20;

std::vector<std::string> watched(const net::TlsFiles& tls, const std::string& registry_path) {
    std::vector<std::string> paths = {tls.certificate_path, tls.key_path, tls.client_ca_path,
                                      registry_path};
    if (!tls.crl_path.empty()) paths.push_back(tls.crl_path);
    return paths;
}

}  // namespace

CrlAge crl_age(const crypto::CrlDates& dates, WallTime now) {
    if (now.ms > dates.next_update.ms) return CrlAge::stale;
    const std::int64_t life_ms = dates.next_update.ms - dates.this_update.ms;
    return now.ms > dates.this_update.ms + life_ms / 2 ? CrlAge::half : CrlAge::fresh;
}

IdentityFiles::IdentityFiles(FileSystem& fs, net::TlsFiles tls, std::string registry_path,
                             FileWatch::Stamp stamp)
    : fs_(fs), tls_(std::move(tls)), registry_path_(std::move(registry_path)),
      watch_(watched(tls_, registry_path_), std::move(stamp)) {}

Result<std::shared_ptr<const net::Registry>> IdentityFiles::read_registry() {
    watch_.mark();
    auto text = read_file(fs_, registry_path_, kRegistrySizeMax);
    if (!text) return std::move(text).error().in("registry");
    auto registry = net::Registry::parse(*text);
    if (!registry) return std::move(registry).error().in("registry " + registry_path_);
    return std::make_shared<const net::Registry>(std::move(*registry));
}

void IdentityFiles::note_taken() {
    const auto end_of = [this](const std::string& path) {
        const auto text = read_file(fs_, path, kCertificatesSizeMax);
        const auto end = text ? crypto::earliest_end(*text) : Result<WallTime>(text.error());
        return end ? std::optional(*end) : std::nullopt;
    };
    std::optional<crypto::CrlDates> crl;
    if (!tls_.crl_path.empty()) {
        const auto text = read_file(fs_, tls_.crl_path, kCrlSizeMax);
        const auto dates = text ? crypto::crl_dates(*text) : Result<crypto::CrlDates>(text.error());
        if (dates) crl = *dates;
    }
    const auto certificate_end = end_of(tls_.certificate_path);
    const auto client_ca_end = end_of(tls_.client_ca_path);
    told_ = CrlAge::fresh;
    const std::lock_guard lock(mutex_);
    standing_.certificate_end = certificate_end;
    standing_.client_ca_end = client_ca_end;
    standing_.crl = crl;
}

void IdentityFiles::note_reload(bool is_done) {
    const std::lock_guard lock(mutex_);
    ++(is_done ? standing_.reloads_done : standing_.reloads_refused);
    standing_.is_last_refused = !is_done;
}

bool IdentityFiles::poll(WallTime now) {
    const auto crl = standing().crl;
    const CrlAge age = crl ? crl_age(*crl, now) : CrlAge::fresh;
    if (age != told_ && age != CrlAge::fresh) {
        log(LogLevel::error, age == CrlAge::stale ? "crl_stale" : "crl_half_over",
            {{"path", tls_.crl_path},
             {"until", format_server_time(crl->next_update)},
             {"mend", "put a new list in its place (anchorlogctl pki crl)"}});
    }
    told_ = age;
    return watch_.has_settled_change();
}

IdentityStanding IdentityFiles::standing() const {
    const std::lock_guard lock(mutex_);
    return standing_;
}

}  // namespace anchorlog::app
