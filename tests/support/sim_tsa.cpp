#include "support/sim_tsa.h"

#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>

#include "anchorlog/base/assert.h"

namespace anchorlog::testing {

namespace {

template <auto kFree>
struct Free {
    template <class T>
    void operator()(T* object) const {
        kFree(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Free<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<&X509_free>>;
using Context = std::unique_ptr<TS_RESP_CTX, Free<&TS_RESP_CTX_free>>;
using Reply = std::unique_ptr<TS_RESP, Free<&TS_RESP_free>>;
using Bio = std::unique_ptr<BIO, Free<&BIO_free>>;

struct Extension {
    int id;
    std::string value;
};

Certificate make_certificate(const std::string& name, long serial, EVP_PKEY* key,
                             const std::string& issuer, EVP_PKEY* issuer_key,
                             const SimTsa::Options& options,
                             const std::vector<Extension>& extensions) {
    Certificate made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
    ASN1_TIME_set(X509_getm_notBefore(made.get()), options.valid_from.ms / 1'000);
    ASN1_TIME_set(X509_getm_notAfter(made.get()), options.valid_to.ms / 1'000);
    const auto set_name = [](X509_NAME* to, const std::string& text) {
        const std::string& bytes = text;
        X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8, as_bytes(bytes).data(),
                                   static_cast<int>(bytes.size()), -1, 0);
    };
    set_name(X509_get_subject_name(made.get()), name);
    set_name(X509_get_issuer_name(made.get()), issuer);
    X509_set_pubkey(made.get(), key);
    for (const Extension& one : extensions) {
        X509_EXTENSION* extension =
            X509V3_EXT_conf_nid(nullptr, nullptr, one.id, one.value.c_str());
        ANCHORLOG_ASSERT(extension != nullptr);
        X509_add_ext(made.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }
    ANCHORLOG_ASSERT(X509_sign(made.get(), issuer_key, EVP_sha256()) > 0);
    return made;
}

template <class Object, class Write>
Bytes to_der(Object* object, Write write) {
    const int size = write(object, nullptr);
    ANCHORLOG_ASSERT(size > 0);
    Bytes out(static_cast<std::size_t>(size));
    std::uint8_t* at = out.data();
    write(object, &at);
    return out;
}

ASN1_INTEGER* next_serial(TS_RESP_CTX*, void*) {
    ASN1_INTEGER* serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set(serial, 7);
    return serial;
}

int tell_time(TS_RESP_CTX*, void* now, long* seconds, long* microseconds) {
    const std::int64_t ms = static_cast<const WallTime*>(now)->ms;
    *seconds = ms / 1'000;
    *microseconds = ms % 1'000 * 1'000;
    return 1;
}

}  // namespace

struct SimTsa::Keys {
    Key ca_key{EVP_EC_gen("P-256")};
    Key key{EVP_EC_gen("P-256")};
    Certificate ca;
    Certificate signer;
    Certificate swapped;
    Bytes ca_der;
};

SimTsa::SimTsa(const std::string& name, const Options& options) : keys_(new Keys) {
    Keys& keys = *keys_;
    const std::string ca_name = name + " CA";
    keys.ca = make_certificate(
        ca_name, 1, keys.ca_key.get(), ca_name, keys.ca_key.get(), Options(),
        {{NID_basic_constraints, "critical,CA:TRUE"}, {NID_key_usage, "critical,keyCertSign"}});
    const auto leaf = [&](const std::string& usage) {
        return make_certificate(
            name, 2, keys.key.get(), ca_name, keys.ca_key.get(), options,
            {{NID_key_usage, "critical,digitalSignature"}, {NID_ext_key_usage, usage}});
    };
    keys.signer = leaf("critical,timeStamping");
    if (!options.swapped_usage.empty()) keys.swapped = leaf(options.swapped_usage);
    keys.ca_der = to_der(keys.ca.get(), i2d_X509);
}

SimTsa::~SimTsa() = default;

const Bytes& SimTsa::ca() const { return keys_->ca_der; }

Bytes SimTsa::reply(ByteView request, WallTime now) const {
    const Context context(TS_RESP_CTX_new());
    TS_RESP_CTX_set_signer_cert(context.get(), keys_->signer.get());
    TS_RESP_CTX_set_signer_key(context.get(), keys_->key.get());
    TS_RESP_CTX_set_signer_digest(context.get(), EVP_sha256());
    TS_RESP_CTX_set_ess_cert_id_digest(context.get(), EVP_sha256());
    TS_RESP_CTX_add_md(context.get(), EVP_sha256());
    ASN1_OBJECT* policy = OBJ_txt2obj("1.2.3.4.1", 1);
    TS_RESP_CTX_set_def_policy(context.get(), policy);
    ASN1_OBJECT_free(policy);
    TS_RESP_CTX_set_serial_cb(context.get(), &next_serial, nullptr);
    TS_RESP_CTX_set_time_cb(context.get(), &tell_time, &now);
    TS_RESP_CTX_set_clock_precision_digits(context.get(), 3);
    const Bio bio(BIO_new_mem_buf(request.data(), static_cast<int>(request.size())));
    const Reply made(TS_RESP_create_response(context.get(), bio.get()));
    ANCHORLOG_ASSERT(made);
    if (keys_->swapped && TS_RESP_get_token(made.get()) != nullptr) {
        PKCS7* token = TS_RESP_get_token(made.get());
        STACK_OF(X509)*& held = token->d.sign->cert;
        sk_X509_pop_free(held, X509_free);
        held = nullptr;
        PKCS7_add_certificate(token, keys_->swapped.get());
    }
    return to_der(made.get(), i2d_TS_RESP);
}

Bytes SimTsa::token(const Hash& imprint, WallTime now) const {
    const crypto::TimestampRequest request = crypto::make_timestamp_request(imprint);
    const auto token = crypto::read_timestamp_reply(reply(request.der, now), request);
    ANCHORLOG_ASSERT(token.has_value());
    return *token;
}

}  // namespace anchorlog::testing
