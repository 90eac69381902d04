#include "ledger/sign_batch.h"

#include <utility>

#include "anchorlog/base/assert.h"

namespace anchorlog::ledger {

Result<void> sign_batch(SealedBatch& batch, merkle::CompactRange& history,
                        const std::string& origin,
                        const std::vector<const crypto::Signer*>& signers) {
    ANCHORLOG_ASSERT(!signers.empty());
    auto text = wire::format_header(batch.header);
    if (!text) return std::move(text).error().in("header");
    batch.header_text = std::move(*text);
    merkle::CompactRange extended = history;
    extended.append(
        merkle::hash_leaf(as_bytes(batch.header_text)),
        [&](merkle::NodeId id, const Hash& hash) { batch.nodes.emplace_back(id, hash); });
    batch.history_root = extended.root();
    auto note = wire::sign_note(
        wire::format_checkpoint({origin, extended.size(), batch.history_root}), origin, signers);
    if (!note) return std::move(note).error().in("checkpoint");
    batch.checkpoint = std::move(*note);
    auto seal = signers.front()->sign(
        wire::seal_payload(wire::log_id_of(origin), batch.header.batch_id, batch.header.merkle_root,
                           batch.history_root, batch.header.sealed_at));
    if (!seal) return std::move(seal).error().in("seal");
    batch.seal = *seal;
    batch.line = wire::format_batch_line(
        {batch.checkpoint, batch.header_text, Bytes(seal->begin(), seal->end())});
    batch.line += '\n';
    history = std::move(extended);
    return {};
}

}  // namespace anchorlog::ledger
