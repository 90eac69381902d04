#include "sim/machine.h"

#include "anchorlog/base/assert.h"
#include "anchorlog/crypto/sha256.h"

namespace anchorlog::sim {

Machine::Machine()
    : signer(crypto::signer_from_seed({4, 2})),
      true_offset_ms_(clock.now().wall.ms - clock.now().steady.ms) {
    auto key = crypto::account_key_from_secret(crypto::sha256(as_bytes("sim submitter")));
    ANCHORLOG_ASSERT(key.has_value());
    account = std::move(*key);
    chain.add_account(*account, "1000000000000000000000");
    keys.push_back(wire::make_verifier_key(kOrigin, signer->public_key()));
    chain.create_log(wire::log_id_of(kOrigin), account->address());
}

}  // namespace anchorlog::sim
