#include <algorithm>
#include <ctime>
#include <string_view>

#include "anchorlog/crypto/random.h"
#include "anchorlog/crypto/x509.h"
#include "crypto/issuer.h"

namespace anchorlog::crypto {

namespace {

constexpr int kDaysMax = 7'300;
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::int64_t kBackdatedSeconds = 300;  // so that a clock a little behind accepts it
constexpr std::size_t kCommonNameSizeMax = 64;   // RFC 5280 ub-common-name
constexpr std::size_t kDnsNameSizeMax = 253;
constexpr std::size_t kUriSizeMax = 255;
constexpr std::size_t kAlternativeNamesMax = 64;
constexpr long kVersion3 = 2;

Error bad_request(std::string_view why) {
    return {Errc::invalid_input, "certificate request: " + std::string(why)};
}

bool is_visible(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_dns_name(std::string_view text) {
    constexpr std::string_view kAllowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
    if (text.starts_with("*.")) text.remove_prefix(2);
    return !text.empty() && text.size() <= kDnsNameSizeMax &&
           text.find_first_not_of(kAllowed) == std::string_view::npos && text.front() != '.' &&
           text.find("..") == std::string_view::npos;
}

Result<void> check_subject(std::string_view common_name, int days) {
    const bool is_printable = std::all_of(common_name.begin(), common_name.end(),
                                          [](char c) { return c >= ' ' && c < '\x7f'; });
    if (common_name.empty() || common_name.size() > kCommonNameSizeMax || !is_printable) {
        return bad_request("the common name must be 1 to 64 printable ASCII characters");
    }
    if (days < 1 || days > kDaysMax) {
        return bad_request("days must be 1 to " + std::to_string(kDaysMax));
    }
    return {};
}

Result<KeyPtr> make_key() {
    KeyPtr key(EVP_EC_gen("P-256"));
    if (!key) return openssl_error(Errc::internal, "cannot make a P-256 key");
    return key;
}

bool set_random_serial(X509* certificate) {
    std::array<std::uint8_t, 16> bytes{};
    random_bytes(bytes);
    const BigNumberPtr number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    return number &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_dates(X509* certificate, std::int64_t now_s, int days) {
    const std::int64_t end_s = now_s + days * kSecondsPerDay;
    return ASN1_TIME_set(X509_getm_notBefore(certificate),
                         static_cast<std::time_t>(now_s - kBackdatedSeconds)) != nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<std::time_t>(end_s)) !=
               nullptr;
}

bool set_subject(X509* certificate, const std::string& common_name) {
    X509_NAME* name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common_name.data()),
                                      static_cast<int>(common_name.size()), -1, 0) == 1;
}

// `value` is OpenSSL's configuration syntax, which a caller's text could bend: constants only.
bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// A certificate with everything but extensions, issuer and signature.
Result<CertificatePtr> make_draft(EVP_PKEY* key, const std::string& common_name, int days,
                                  Now now) {
    CertificatePtr certificate(X509_new());
    ANCHORLOG_ASSERT(certificate);
    const std::int64_t now_s = now.wall.ms / 1000;
    if (X509_set_version(certificate.get(), kVersion3) != 1 ||
        !set_random_serial(certificate.get()) || !set_dates(certificate.get(), now_s, days) ||
        !set_subject(certificate.get(), common_name) ||
        X509_set_pubkey(certificate.get(), key) != 1) {
        return openssl_error(Errc::internal, "cannot fill in a certificate");
    }
    return certificate;
}

Result<CertifiedKey> sign_and_encode(X509* certificate, EVP_PKEY* subject_key,
                                     EVP_PKEY* issuer_key) {
    if (X509_sign(certificate, issuer_key, EVP_sha256()) == 0) {
        return openssl_error(Errc::internal, "cannot sign a certificate");
    }
    const BioPtr bio(BIO_new(BIO_s_mem()));
    ANCHORLOG_ASSERT(bio);
    if (PEM_write_bio_X509(bio.get(), certificate) != 1) {
        return openssl_error(Errc::internal, "cannot write a certificate as PEM");
    }
    auto key_pem = key_to_pem(subject_key);
    if (!key_pem) return std::move(key_pem).error();
    return CertifiedKey{bio_text(bio.get()), std::move(*key_pem)};
}

void add_text_name(GENERAL_NAMES* names, int type, std::string_view text) {
    Ia5StringPtr value(ASN1_IA5STRING_new());
    GeneralNamePtr name(GENERAL_NAME_new());
    ANCHORLOG_ASSERT(value && name);
    ANCHORLOG_ASSERT(ASN1_STRING_set(value.get(), text.data(), static_cast<int>(text.size())) == 1);
    GENERAL_NAME_set0_value(name.get(), type, value.release());
    ANCHORLOG_ASSERT(sk_GENERAL_NAME_push(names, name.get()) > 0);
    static_cast<void>(name.release());
}

Result<void> add_address(GENERAL_NAMES* names, const std::string& text) {
    ASN1_OCTET_STRING* value = a2i_IPADDRESS(text.c_str());
    if (value == nullptr) {
        return openssl_error(Errc::invalid_input,
                             "certificate request: `" + text + "` is no IP address");
    }
    GeneralNamePtr name(GENERAL_NAME_new());
    ANCHORLOG_ASSERT(name);
    GENERAL_NAME_set0_value(name.get(), GEN_IPADD, value);
    ANCHORLOG_ASSERT(sk_GENERAL_NAME_push(names, name.get()) > 0);
    static_cast<void>(name.release());
    return {};
}

// Built value by value, not from OpenSSL's configuration syntax: there a comma in one name
// would add another.
Result<GeneralNamesPtr> alternative_names(const CertificateRequest& request) {
    if (request.dns_names.size() + request.ip_addresses.size() > kAlternativeNamesMax) {
        return bad_request("too many alternative names");
    }
    GeneralNamesPtr names(GENERAL_NAMES_new());
    ANCHORLOG_ASSERT(names);
    for (const std::string& dns : request.dns_names) {
        if (!is_dns_name(dns)) return bad_request("`" + dns + "` is no DNS name");
        add_text_name(names.get(), GEN_DNS, dns);
    }
    for (const std::string& address : request.ip_addresses) {
        if (auto added = add_address(names.get(), address); !added) {
            return std::move(added).error();
        }
    }
    if (!request.uri.empty()) {
        if (request.uri.size() > kUriSizeMax || !is_visible(request.uri)) {
            return bad_request("the URI must be 1 to 255 visible ASCII characters");
        }
        add_text_name(names.get(), GEN_URI, request.uri);
    }
    return names;
}

// A chain ends with its first certificate to end, so a later date would only mislead.
Result<void> limit_to_issuer(X509* certificate, const X509* issuer, Now now) {
    const ASN1_TIME* issuer_end = X509_get0_notAfter(issuer);
    const auto now_s = static_cast<std::time_t>(now.wall.ms / 1000);
    if (ASN1_TIME_cmp_time_t(issuer_end, now_s) != 1) {
        return bad_request("the CA has expired; make a new one with `anchorlogctl pki init`");
    }
    if (ASN1_TIME_compare(X509_get0_notAfter(certificate), issuer_end) > 0 &&
        X509_set1_notAfter(certificate, issuer_end) != 1) {
        return openssl_error(Errc::internal, "cannot fill in a certificate");
    }
    return {};
}

}  // namespace

Result<CertifiedKey> make_ca(const std::string& common_name, int days, Now now) {
    if (auto checked = check_subject(common_name, days); !checked) {
        return std::move(checked).error();
    }
    auto key = make_key();
    if (!key) return std::move(key).error();
    auto draft = make_draft(key->get(), common_name, days, now);
    if (!draft) return std::move(draft).error();
    X509* ca = draft->get();
    if (X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
        !add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(ca, ca, NID_subject_key_identifier, "hash") ||
        !add_extension(ca, ca, NID_authority_key_identifier, "keyid:always")) {
        return openssl_error(Errc::internal, "cannot add the extensions of a CA");
    }
    return sign_and_encode(ca, key->get(), key->get());
}

Result<CertifiedKey> issue_certificate(const CertifiedKey& ca, const CertificateRequest& request,
                                       Now now) {
    if (auto checked = check_subject(request.common_name, request.days); !checked) {
        return std::move(checked).error();
    }
    const auto names = alternative_names(request);
    if (!names) return names.error();
    const auto issuer = read_issuer(ca);
    if (!issuer) return issuer.error();
    auto key = make_key();
    if (!key) return std::move(key).error();
    auto draft = make_draft(key->get(), request.common_name, request.days, now);
    if (!draft) return std::move(draft).error();

    X509* const certificate = draft->get();
    X509* const signer = issuer->certificate.get();
    if (auto limited = limit_to_issuer(certificate, signer, now); !limited) {
        return std::move(limited).error();
    }
    if (X509_set_issuer_name(certificate, X509_get_subject_name(signer)) != 1 ||
        !add_extension(certificate, signer, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(certificate, signer, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(certificate, signer, NID_ext_key_usage,
                       request.server ? "serverAuth" : "clientAuth") ||
        !add_extension(certificate, signer, NID_subject_key_identifier, "hash") ||
        !add_extension(certificate, signer, NID_authority_key_identifier, "keyid:always")) {
        return openssl_error(Errc::internal, "cannot add the extensions of a certificate");
    }
    if (sk_GENERAL_NAME_num(names->get()) > 0 &&
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, names->get(), 0, X509V3_ADD_DEFAULT) !=
            1) {
        return openssl_error(Errc::internal, "cannot add the alternative names");
    }
    return sign_and_encode(certificate, key->get(), issuer->key.get());
}

}  // namespace anchorlog::crypto
