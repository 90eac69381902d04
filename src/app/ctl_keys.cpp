#include <cstdio>

#include "anchorlog/base/file_system.h"
#include "anchorlog/crypto/sealed_key.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/types.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/note.h"
#include "app/config.h"
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

Result<LogSigners> load_signers(const Config& config) {
    LogSigners out;
    auto own = crypto::load_signer(config.signing_key_path, config.passphrase_path);
    if (!own) return std::move(own).error().in("signing_key");
    out.own = std::move(*own);
    if (config.hardware_key.uri.empty()) return out;
    auto hardware = crypto::open_provider_key(config.hardware_key);
    if (!hardware) return std::move(hardware).error().in("hardware_key");
    out.hardware = std::move(*hardware);
    return out;
}

void print_vkeys(const std::string& origin, const LogSigners& signers) {
    const auto print = [](const char* prefix, const std::string& vkey) {
        std::printf("%svkey %s\n%strust log %s\n", prefix, vkey.c_str(), prefix, vkey.c_str());
    };
    print("", wire::format_vkey(wire::make_verifier_key(origin, signers.own->public_key())));
    if (!signers.hardware) return;
    print("hardware_",
          wire::format_vkey(wire::make_hardware_key(origin, signers.hardware->public_key())));
}

Result<void> key_show(const CtlCall& call) {
    auto path = call.need("--config");
    if (!path) return std::move(path).error();
    auto config = load_config(*path);
    if (!config) return std::move(config).error();
    auto signers = load_signers(*config);
    if (!signers) return std::move(signers).error();
    print_vkeys(config->origin, *signers);
    return {};
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
