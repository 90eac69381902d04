#include "anchorlog/crypto/timestamp.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <chrono>

#include "anchorlog/crypto/random.h"
#include "crypto/openssl_ptr.h"

namespace anchorlog::crypto {

namespace {

constexpr std::size_t kReplySizeMax = 65'536;
constexpr std::size_t kAuthoritiesMax = 64;
constexpr long kRequestVersion = 1;
constexpr std::size_t kNonceSize = 8;

using AlgorithmPtr = std::unique_ptr<X509_ALGOR, OpensslDelete<&X509_ALGOR_free>>;
using ImprintPtr = std::unique_ptr<TS_MSG_IMPRINT, OpensslDelete<&TS_MSG_IMPRINT_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, OpensslDelete<&ASN1_INTEGER_free>>;
using RequestPtr = std::unique_ptr<TS_REQ, OpensslDelete<&TS_REQ_free>>;
using ReplyPtr = std::unique_ptr<TS_RESP, OpensslDelete<&TS_RESP_free>>;
using TokenPtr = std::unique_ptr<PKCS7, OpensslDelete<&PKCS7_free>>;
using InfoPtr = std::unique_ptr<TS_TST_INFO, OpensslDelete<&TS_TST_INFO_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpensslDelete<&X509_STORE_free>>;

Error bad(std::string_view why) { return {Errc::invalid_input, "time stamp: " + std::string(why)}; }

std::string name_of(const X509* certificate) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    ANCHORLOG_ASSERT(bio);
    X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    return bio_text(bio.get());
}

Result<WallTime> time_of(const ASN1_GENERALIZEDTIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
        return openssl_error(Errc::invalid_input, "time stamp: its time does not read");
    }
    const std::chrono::year_month_day day{std::chrono::year(parts.tm_year + 1900),
                                          std::chrono::month(unsigned(parts.tm_mon + 1)),
                                          std::chrono::day(unsigned(parts.tm_mday))};
    const auto at = std::chrono::sys_days(day) + std::chrono::hours(parts.tm_hour) +
                    std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec);
    return WallTime{
        std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count()};
}

Result<void> check_imprint(TS_TST_INFO* info, const Hash& expected) {
    TS_MSG_IMPRINT* imprint = TS_TST_INFO_get_msg_imprint(info);
    const ASN1_OBJECT* algorithm = nullptr;
    X509_ALGOR_get0(&algorithm, nullptr, nullptr, TS_MSG_IMPRINT_get_algo(imprint));
    if (OBJ_obj2nid(algorithm) != NID_sha256) return bad("its imprint is not by SHA-256");
    const ASN1_OCTET_STRING* message = TS_MSG_IMPRINT_get_msg(imprint);
    const ByteView found(ASN1_STRING_get0_data(message),
                         static_cast<std::size_t>(ASN1_STRING_length(message)));
    if (std::equal(found.begin(), found.end(), expected.bytes.begin(), expected.bytes.end())) {
        return {};
    }
    return bad("it is over another imprint: " + to_hex(expected) + " expected, found " +
               to_hex(found));
}

Result<void> check_nonce(const TS_TST_INFO* info, const Bytes& expected) {
    const ASN1_INTEGER* nonce = TS_TST_INFO_get_nonce(info);
    if (nonce == nullptr) return bad("it lacks the request's nonce");
    const BigNumberPtr found(ASN1_INTEGER_to_BN(nonce, nullptr));
    const BigNumberPtr wanted(
        BN_bin2bn(expected.data(), static_cast<int>(expected.size()), nullptr));
    if (found && wanted && BN_cmp(found.get(), wanted.get()) == 0) return {};
    return bad("it answers another request: its nonce is not ours");
}

// A token and what it states.
struct Token {
    TokenPtr signed_data;
    InfoPtr info;
};

Result<Token> parse_token(ByteView der) {
    if (der.empty() || der.size() > kReplySizeMax) return bad("its size is not 1 to 65536 bytes");
    const std::uint8_t* at = der.data();
    Token token;
    token.signed_data.reset(d2i_PKCS7(nullptr, &at, static_cast<long>(der.size())));
    if (!token.signed_data) return openssl_error(Errc::invalid_input, "time stamp: not a token");
    if (at != der.data() + der.size()) return bad("bytes follow its end");
    if (PKCS7_type_is_signed(token.signed_data.get()) != 1 ||
        PKCS7_get_detached(token.signed_data.get()) != 0) {
        return bad("not a signed token");
    }
    token.info.reset(PKCS7_to_TS_TST_INFO(token.signed_data.get()));
    if (!token.info) return openssl_error(Errc::invalid_input, "time stamp: not a token");
    return token;
}

// What a token states, if it is about `imprint`.
Result<Timestamp> stated(const Token& token, const Hash& imprint) {
    if (TS_TST_INFO_get_version(token.info.get()) != kRequestVersion) {
        return bad("it is of an unknown version");
    }
    if (auto checked = check_imprint(token.info.get(), imprint); !checked) return checked.error();
    auto at = time_of(TS_TST_INFO_get_time(token.info.get()));
    if (!at) return std::move(at).error();
    return Timestamp{*at, ""};
}

Result<StorePtr> store_at(const Bytes& authority, WallTime at) {
    StorePtr store(X509_STORE_new());
    ANCHORLOG_ASSERT(store);
    const std::uint8_t* from = authority.data();
    const CertificatePtr one(d2i_X509(nullptr, &from, static_cast<long>(authority.size())));
    if (!one || X509_STORE_add_cert(store.get(), one.get()) != 1) {
        return openssl_error(Errc::invalid_input, "a trusted certificate does not read");
    }
    X509_VERIFY_PARAM* rules = X509_STORE_get0_param(store.get());
    X509_VERIFY_PARAM_set_time(rules, static_cast<time_t>(at.ms / 1'000));
    // Whatever the verifier names is where a chain may end, be it a root or not.
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

// OpenSSL checks the chain with the purpose of time stamping, the ESSCertID and the signature.
Result<std::string> check_signer(PKCS7* token, const Bytes& authority, WallTime at) {
    auto store = store_at(authority, at);
    if (!store) return std::move(store).error();
    X509* found = nullptr;
    const int verified = TS_RESP_verify_signature(token, nullptr, store->get(), &found);
    const CertificatePtr signer(found);
    if (verified == 1 && signer) return name_of(signer.get());
    // The certificate's own fault stands in the added data, and says more than the reason.
    const char* data = nullptr;
    int flags = 0;
    ERR_peek_last_error_data(&data, &flags);
    const std::string detail = data != nullptr && (flags & ERR_TXT_STRING) != 0 ? data : "";
    return openssl_error(Errc::refused, "time stamp: not signed by a trusted authority at " +
                                            format_server_time(at) +
                                            (detail.empty() ? "" : ": " + detail));
}

}  // namespace

TimestampRequest make_timestamp_request(const Hash& imprint) {
    TimestampRequest out;
    out.imprint = imprint;
    out.nonce.resize(kNonceSize);
    random_bytes(out.nonce);
    out.nonce[0] = static_cast<std::uint8_t>((out.nonce[0] & 0x3f) | 0x40);  // positive, no shorter
    const AlgorithmPtr algorithm(X509_ALGOR_new());
    const ImprintPtr what(TS_MSG_IMPRINT_new());
    const RequestPtr request(TS_REQ_new());
    const BigNumberPtr number(
        BN_bin2bn(out.nonce.data(), static_cast<int>(out.nonce.size()), nullptr));
    const IntegerPtr nonce(number ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
    ANCHORLOG_ASSERT(algorithm && what && request && nonce);
    Bytes message(imprint.bytes.begin(), imprint.bytes.end());
    const bool is_made =
        X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NID_sha256), V_ASN1_NULL, nullptr) == 1 &&
        TS_MSG_IMPRINT_set_algo(what.get(), algorithm.get()) == 1 &&
        TS_MSG_IMPRINT_set_msg(what.get(), message.data(), static_cast<int>(message.size())) == 1 &&
        TS_REQ_set_version(request.get(), kRequestVersion) == 1 &&
        TS_REQ_set_msg_imprint(request.get(), what.get()) == 1 &&
        TS_REQ_set_nonce(request.get(), nonce.get()) == 1 &&
        TS_REQ_set_cert_req(request.get(), 1) == 1;
    ANCHORLOG_ASSERT(is_made);
    const int size = i2d_TS_REQ(request.get(), nullptr);
    ANCHORLOG_ASSERT(size > 0);
    out.der.resize(static_cast<std::size_t>(size));
    std::uint8_t* to = out.der.data();
    ANCHORLOG_ASSERT(i2d_TS_REQ(request.get(), &to) == size);
    return out;
}

Result<Bytes> read_timestamp_reply(ByteView reply, const TimestampRequest& request) {
    if (reply.empty() || reply.size() > kReplySizeMax) {
        return bad("the answer's size is not 1 to 65536 bytes");
    }
    const std::uint8_t* at = reply.data();
    const ReplyPtr answer(d2i_TS_RESP(nullptr, &at, static_cast<long>(reply.size())));
    if (!answer || at != reply.data() + reply.size()) {
        return openssl_error(Errc::invalid_input, "time stamp: the answer is no TimeStampResp");
    }
    const long status =
        ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(answer.get())));
    if (status != TS_STATUS_GRANTED) {
        const BioPtr bio(BIO_new(BIO_s_mem()));
        ANCHORLOG_ASSERT(bio);
        TS_STATUS_INFO_print_bio(bio.get(), TS_RESP_get_status_info(answer.get()));
        std::string text = bio_text(bio.get());
        std::replace(text.begin(), text.end(), '\n', ' ');
        return Error{Errc::refused, "time stamp: the authority answers with status " +
                                        std::to_string(status) + ": " + text};
    }
    TS_TST_INFO* info = TS_RESP_get_tst_info(answer.get());
    PKCS7* token = TS_RESP_get_token(answer.get());
    if (info == nullptr || token == nullptr) return bad("the answer holds no token");
    if (auto checked = check_imprint(info, request.imprint); !checked) return checked.error();
    if (auto checked = check_nonce(info, request.nonce); !checked) return checked.error();
    const int size = i2d_PKCS7(token, nullptr);
    if (size <= 0) return openssl_error(Errc::invalid_input, "time stamp: not a token");
    Bytes out(static_cast<std::size_t>(size));
    std::uint8_t* to = out.data();
    i2d_PKCS7(token, &to);
    return out;
}

Result<Timestamp> read_timestamp(ByteView token, const Hash& imprint) {
    const auto parsed = parse_token(token);
    if (!parsed) return parsed.error();
    auto out = stated(*parsed, imprint);
    if (!out) return out;
    PKCS7* data = parsed->signed_data.get();
    const BioPtr content(BIO_new(BIO_s_mem()));
    ANCHORLOG_ASSERT(content);
    if (PKCS7_verify(data, nullptr, nullptr, nullptr, content.get(), PKCS7_NOVERIFY) != 1) {
        return openssl_error(Errc::invalid_input, "time stamp: its signature does not hold");
    }
    STACK_OF(X509)* signers = PKCS7_get0_signers(data, nullptr, 0);
    if (signers != nullptr && sk_X509_num(signers) == 1) {
        out->signer = name_of(sk_X509_value(signers, 0));
    }
    sk_X509_free(signers);
    return out;
}

Result<Timestamp> verify_timestamp(ByteView token, const Hash& imprint,
                                   const TrustedCertificates& authorities,
                                   std::optional<WallTime> also_at) {
    const auto parsed = parse_token(token);
    if (!parsed) return parsed.error();
    auto out = stated(*parsed, imprint);
    if (!out) return out;
    Error why{Errc::refused, "time stamp: no authority is trusted"};
    // One by one: OpenSSL looks a CA up by its name and tries one of several that share it.
    for (const Bytes& authority : authorities) {
        auto signer = check_signer(parsed->signed_data.get(), authority, out->at);
        if (signer && also_at)
            signer = check_signer(parsed->signed_data.get(), authority, *also_at);
        if (signer) {
            out->signer = std::move(*signer);
            return out;
        }
        why = signer.error();
    }
    return why;
}

Result<TrustedCertificates> certificates_from_pem(std::string_view pem) {
    if (pem.size() > kReplySizeMax * kAuthoritiesMax) {
        return Error{Errc::invalid_input, "certificates: too large"};
    }
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    ANCHORLOG_ASSERT(bio);
    TrustedCertificates out;
    while (out.size() < kAuthoritiesMax) {
        const CertificatePtr one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (!one) break;
        const int size = i2d_X509(one.get(), nullptr);
        Bytes& der = out.emplace_back(static_cast<std::size_t>(std::max(size, 0)));
        std::uint8_t* to = der.data();
        i2d_X509(one.get(), &to);
    }
    ERR_clear_error();
    if (out.empty()) return Error{Errc::invalid_input, "no certificate in PEM is in it"};
    return out;
}

Result<std::string> certificate_subject(ByteView der) {
    const std::uint8_t* at = der.data();
    const CertificatePtr one(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!one) return openssl_error(Errc::invalid_input, "certificate: not X.509 in DER");
    if (at != der.data() + der.size()) {
        return Error{Errc::invalid_input, "certificate: bytes follow its end"};
    }
    return name_of(one.get());
}

}  // namespace anchorlog::crypto
