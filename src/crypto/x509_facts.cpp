#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "crypto/issuer.h"

namespace anchorlog::crypto {

namespace {

constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr int kCommonNameSizeMax = 64;
constexpr std::size_t kAddress4Size = 4;
constexpr std::size_t kAddress6Size = 16;

std::string text_of(const ASN1_STRING* value) {
    return std::string(as_text(ByteView(ASN1_STRING_get0_data(value),
                                        static_cast<std::size_t>(ASN1_STRING_length(value)))));
}

Result<std::string> address_text(const ASN1_OCTET_STRING* value) {
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
    std::array<char, INET6_ADDRSTRLEN> text{};
    if ((size != kAddress4Size && size != kAddress6Size) ||
        inet_ntop(size == kAddress4Size ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value),
                  text.data(), text.size()) == nullptr) {
        return Error{Errc::invalid_input, "certificate: an address of no size known"};
    }
    return std::string(text.data());
}

Result<void> read_names(const X509* certificate, CertificateRequest& out) {
    const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    ERR_clear_error();
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS) out.dns_names.push_back(text_of(name->d.dNSName));
        if (name->type == GEN_URI) out.uri = text_of(name->d.uniformResourceIdentifier);
        if (name->type != GEN_IPADD) continue;
        auto address = address_text(name->d.iPAddress);
        if (!address) return std::move(address).error();
        out.ip_addresses.push_back(std::move(*address));
    }
    return {};
}

Result<std::string> serial_of(const X509* certificate) {
    const BigNumberPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    if (!number || BN_is_negative(number.get()) == 1) {
        return openssl_error(Errc::invalid_input, "certificate: no valid serial number");
    }
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(BN_num_bytes(number.get())));
    BN_bn2bin(number.get(), bytes.data());
    return to_hex(bytes);
}

}  // namespace

Result<CertificateFacts> facts_of(std::string_view pem) {
    const BioPtr bio = bio_of(pem);
    if (!bio) return Error{Errc::invalid_input, "certificate: too large"};
    const CertificatePtr read(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!read) return openssl_error(Errc::invalid_input, "certificate: not PEM");
    X509* certificate = read.get();
    CertificateFacts facts;
    auto serial = serial_of(certificate);
    if (!serial) return std::move(serial).error();
    facts.serial = std::move(*serial);
    auto begin = wall_time_of(X509_get0_notBefore(certificate));
    if (!begin) return std::move(begin).error().in("certificate");
    auto end = wall_time_of(X509_get0_notAfter(certificate));
    if (!end) return std::move(end).error().in("certificate");
    facts.begin = *begin;
    facts.end = *end;
    std::array<char, kCommonNameSizeMax + 1> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                              static_cast<int>(name.size()));
    facts.request.common_name = name.data();
    facts.request.server = (X509_get_extended_key_usage(certificate) & XKU_SSL_SERVER) != 0 &&
                           (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0;
    facts.request.days = std::max(1, static_cast<int>((end->ms - begin->ms) / kMsPerDay));
    if (auto done = read_names(certificate, facts.request); !done) return std::move(done).error();
    return facts;
}

Result<WallTime> earliest_end(std::string_view pem) {
    const BioPtr bio = bio_of(pem);
    if (!bio) return Error{Errc::invalid_input, "certificates: too large"};
    std::optional<WallTime> earliest;
    while (
        const CertificatePtr certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
        const auto end = wall_time_of(X509_get0_notAfter(certificate.get()));
        if (!end) return end.error().in("certificates");
        earliest = earliest ? std::min(*earliest, *end) : *end;
    }
    // The end of the file is an error to the reader as well.
    if (!earliest) return openssl_error(Errc::invalid_input, "certificates: none in PEM");
    ERR_clear_error();
    return *earliest;
}

}  // namespace anchorlog::crypto
