#include <cstdio>

#include "anchorlog/base/file_system.h"
#include "anchorlog/crypto/sealed_key.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/types.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/note.h"
#include "app/ctl.h"

namespace anchorlog::app {

Result<void> write_new(const std::string& path, const std::string& text) {
    PosixFileSystem fs;
    auto exists = fs.exists(path);
    if (!exists) return std::move(exists).error();
    if (*exists) {
        return Error{Errc::refused, path + " exists; it is never overwritten: move it away first"};
    }
    return replace_file(fs, path, as_bytes(text));
}

Result<void> key_generate(const CtlCall& call) {
    auto type = call.need("--type");
    if (!type) return std::move(type).error();
    auto out = call.need("--out");
    if (!out) return std::move(out).error();
    if (*type == "ed25519") {
        const std::string passphrase = call.get("--passphrase");
        auto pem = crypto::generate_ed25519_pem(passphrase);
        if (!pem) return std::move(pem).error();
        if (auto done = write_new(*out, *pem); !done) return done;
        auto signer = crypto::load_signer(*out, passphrase);
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
    if (call.options.contains("--passphrase")) {
        return Error{Errc::invalid_input, "--passphrase is for --type ed25519"};
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
