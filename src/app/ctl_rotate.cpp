#include <cstdio>

#include "anchorlog/crypto/sealed_key.h"
#include "app/ctl.h"
#include "app/offline_store.h"

namespace anchorlog::app {

Result<void> log_rotate_key(const CtlCall& call) {
    auto path = call.need("--config");
    if (!path) return std::move(path).error();
    auto new_path = call.need("--new-key");
    if (!new_path) return std::move(new_path).error();
    const std::string why = call.options.contains("--why") ? call.get("--why") : "planned";
    if (why != "planned" && why != "compromise") {
        return Error{Errc::invalid_input, "--why must be planned or compromise, not " + why};
    }
    auto config = load_config(*path);
    if (!config) return std::move(config).error();
    auto loaded = crypto::load_signer(config->signing_key_path, config->passphrase_path);
    if (!loaded) return std::move(loaded).error().in("signing_key");
    const std::shared_ptr<const crypto::Signer> before = std::move(*loaded);
    const std::string passphrase = call.options.contains("--new-passphrase")
                                       ? call.get("--new-passphrase")
                                       : config->passphrase_path;
    auto after = crypto::load_signer(*new_path, passphrase);
    if (!after) {
        return std::move(after).error().in("--new-key (if it is sealed: --new-passphrase FILE)");
    }
    if ((*after)->public_key() == before->public_key()) {
        return Error{Errc::invalid_input,
                     "--new-key is the key in the config: make another one, "
                     "`anchorlogctl key generate --type ed25519`"};
    }
    PosixFileSystem fs;
    auto store = open_offline(fs, *config, before);
    if (!store) return std::move(store).error();
    auto batch = ledger::make_key_change(config->origin, *before, **after, why, store->end,
                                         SystemClock().now().wall);
    if (!batch) return std::move(batch).error();
    if (auto done = append_control(*store, *batch); !done) return done;
    const std::string vkey =
        wire::format_vkey(wire::make_verifier_key(config->origin, (*after)->public_key()));
    const std::string sealing = passphrase == config->passphrase_path
                                    ? ""
                                    : " and \"signing_key_passphrase\": \"" + passphrase + "\"";
    std::printf(
        "sealed batch %llu, the change of the key (%s)\nvkey %s\ntrust log %s\n"
        "next write \"signing_key\": \"%s\"%s in %s: without it the daemon does not start\n",
        static_cast<unsigned long long>(batch->header.batch_id.value), why.c_str(), vkey.c_str(),
        vkey.c_str(), new_path->c_str(), sealing.c_str(), path->c_str());
    return {};
}

}  // namespace anchorlog::app
