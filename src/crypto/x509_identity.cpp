#include <algorithm>
#include <array>
#include <string_view>

#include "anchorlog/crypto/x509.h"
#include "crypto/openssl_ptr.h"

namespace anchorlog::crypto {

namespace {

constexpr std::size_t kCertificateSizeMax = 65'536;
constexpr std::string_view kSenderPrefix = "urn:anchorlog:sender:";
constexpr std::size_t kNameSizeMax = 64;

bool is_name_character(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
}

Error bad_identity(std::string_view why) {
    return {Errc::invalid_input, "certificate: " + std::string(why)};
}

// Takes the text by its ASN.1 length: a NUL inside is a character like any other, and is refused.
Result<std::string> sender_of(std::string_view uri) {
    if (!uri.starts_with(kSenderPrefix)) {
        return bad_identity("the SAN URI does not start with urn:anchorlog:sender:");
    }
    const std::string_view name = uri.substr(kSenderPrefix.size());
    if (name.empty() || name.size() > kNameSizeMax ||
        !std::all_of(name.begin(), name.end(), is_name_character)) {
        return bad_identity("the sender name in the SAN URI is not [A-Za-z0-9._:-]{1,64}");
    }
    return std::string(name);
}

}  // namespace

Result<PeerIdentity> identity_from_der(ByteView der) {
    if (der.empty() || der.size() > kCertificateSizeMax) {
        return bad_identity("its size is not 1 to 65536 bytes");
    }
    const std::uint8_t* at = der.data();
    const CertificatePtr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!certificate) return openssl_error(Errc::invalid_input, "certificate: not X.509 in DER");
    if (at != der.data() + der.size()) return bad_identity("bytes follow its end");
    return identity_of(certificate.get());
}

Result<PeerIdentity> identity_of(const X509* certificate) {
    // Gives nothing also when the extension occurs twice.
    const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    if (!names) {
        return openssl_error(Errc::invalid_input,
                             "certificate: no single, valid subjectAltName extension");
    }
    const ASN1_IA5STRING* uri = nullptr;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) continue;
        if (uri != nullptr) return bad_identity("more than one SAN URI");
        uri = name->d.uniformResourceIdentifier;
    }
    if (uri == nullptr) return bad_identity("no SAN URI names a sender");
    auto sender = sender_of(as_text(
        ByteView(ASN1_STRING_get0_data(uri), static_cast<std::size_t>(ASN1_STRING_length(uri)))));
    if (!sender) return std::move(sender).error();

    PeerIdentity identity;
    identity.sender = std::move(*sender);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (X509_digest(certificate, EVP_sha256(), digest.data(), nullptr) != 1) {
        return openssl_error(Errc::invalid_input, "certificate: cannot be hashed");
    }
    std::copy_n(digest.begin(), identity.fingerprint.size(), identity.fingerprint.begin());
    return identity;
}

}  // namespace anchorlog::crypto
