#include "verify/log_keys.h"

#include <utility>

namespace anchorlog::verify {
namespace {

// Whose signatures a checkpoint may bear: the log's key, and the one its header brings in.
std::vector<wire::VerifierKey> signers_of(const wire::Header* header, const KeySet& keys) {
    std::vector<wire::VerifierKey> all = keys.keys;
    if (header == nullptr || !header->key_change) return all;
    if (auto next = wire::parse_vkey(header->key_change->new_key)) all.push_back(*next);
    return all;
}

}  // namespace

SignatureFacts check_signatures(const wire::BatchLine& line, const wire::Header* header,
                                std::shared_ptr<const KeySet> keys) {
    SignatureFacts facts;
    const auto note = wire::parse_note(line.checkpoint);
    auto stated =
        note ? wire::parse_checkpoint(note->text) : Result<wire::Checkpoint>(note.error());
    if (!stated) {
        facts.unreadable = stated.error().message;
    } else {
        facts.note_holds = wire::verify_note(*note, signers_of(header, *keys)).has_value();
        if (auto held = wire::verify_hardware(*note, keys->hardware); !held) {
            facts.hardware_fault = held.error().message;
        }
        if (header != nullptr) facts.sealed_by = seal_key(line, *header, stated->root, *keys);
        facts.stated = std::move(*stated);
    }
    facts.by = std::move(keys);
    return facts;
}

std::optional<crypto::PublicKey> seal_key(const wire::BatchLine& line, const wire::Header& header,
                                          const Hash& root, const KeySet& keys) {
    const Bytes payload = wire::seal_payload(keys.log_id, header.batch_id, header.merkle_root, root,
                                             header.sealed_at);
    for (const wire::VerifierKey& key : keys.keys) {
        if (wire::format_key_id(key.key_id) != header.signer) continue;
        if (crypto::verify(key.key, payload, line.seal)) return key.key;
    }
    return std::nullopt;
}

}  // namespace anchorlog::verify
