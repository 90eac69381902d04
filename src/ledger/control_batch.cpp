#include "anchorlog/ledger/control_batch.h"

#include <utility>

#include "anchorlog/base/assert.h"
#include "anchorlog/ledger/hardware_line.h"
#include "ledger/sign_batch.h"

namespace anchorlog::ledger {

Result<SealedBatch> make_control_batch(wire::Header header, const HistoryEnd& end,
                                       const std::vector<const crypto::Signer*>& signers,
                                       WallTime now) {
    ANCHORLOG_ASSERT(!signers.empty() && end.history.size().value == end.next_batch.value);
    SealedBatch batch;
    batch.header = std::move(header);
    batch.header.batch_id = end.next_batch;
    batch.header.first_index = end.next_index;
    batch.header.merkle_root = merkle::empty_root();
    batch.header.prev_root = end.history.root();
    batch.header.reason = "control";
    batch.header.opened_at = now;
    batch.header.sealed_at = now;
    const auto key = wire::make_verifier_key(batch.header.log, signers.front()->public_key());
    batch.header.signer = wire::format_key_id(key.key_id);
    merkle::CompactRange history = end.history;
    auto done = sign_batch(batch, history, batch.header.log, signers);
    if (!done) return std::move(done).error();
    return batch;
}

Result<SealedBatch> make_genesis(const std::string& origin, const crypto::Signer& signer,
                                 const wire::BatchPolicyRecord& policy, const Hash& nonce,
                                 WallTime now, const crypto::HardwareSigner* hardware) {
    const auto key = wire::make_verifier_key(origin, signer.public_key());
    wire::Header header;
    header.kind = "genesis";
    header.log = origin;
    header.genesis = wire::GenesisRecord{{wire::format_vkey(key)}, nonce, policy, ""};
    if (hardware != nullptr) {
        header.genesis->keys.push_back(
            wire::format_vkey(wire::make_hardware_key(origin, hardware->public_key())));
    }
    auto batch = make_control_batch(std::move(header), {}, {&signer}, now);
    if (!batch || hardware == nullptr) return batch;
    if (auto done = sign_in_hardware(*batch, *hardware); !done) return std::move(done).error();
    return batch;
}

Result<SealedBatch> make_key_change(const std::string& origin, const crypto::Signer& before,
                                    const crypto::Signer& after, const std::string& why,
                                    const HistoryEnd& end, WallTime now) {
    const auto vkey = [&](const crypto::Signer& signer) {
        return wire::format_vkey(wire::make_verifier_key(origin, signer.public_key()));
    };
    wire::Header header;
    header.kind = "key";
    header.log = origin;
    header.key_change = wire::KeyChange{vkey(before), vkey(after), why};
    return make_control_batch(std::move(header), end, {&before, &after}, now);
}

Result<HistoryEnd> sealed_end(const Recovered& store) {
    const Sequencer& sequencer = *store.sequencer;
    const OpenBatch& open = sequencer.open_batch();
    if (const std::uint64_t unsealed = open.alerts + open.audits; unsealed > 0) {
        return Error{Errc::refused, "the newest " + std::to_string(unsealed) +
                                        " entries are not sealed: start the daemon and stop it "
                                        "again, it seals them"};
    }
    return HistoryEnd{sequencer.next_batch(), sequencer.durable_entries(), sequencer.history()};
}

Result<void> append_batch(Recovered& store, const SealedBatch& batch) {
    if (auto done = store.batches->append(batch.line, 1); !done) return done;
    return store.batches->sync();
}

}  // namespace anchorlog::ledger
