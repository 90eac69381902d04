#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/provider_key.h"

namespace anchorlog::wire {

// A C2SP signed-note verifier key: name, key id, Ed25519 public key.
struct VerifierKey {
    std::string name;
    std::uint32_t key_id = 0;
    crypto::PublicKey key{};
};
[[nodiscard]] VerifierKey make_verifier_key(std::string_view name, const crypto::PublicKey& key);
[[nodiscard]] std::string format_vkey(const VerifierKey& key);
[[nodiscard]] Result<VerifierKey> parse_vkey(std::string_view text);  // algorithm 0x01 only
[[nodiscard]] std::string format_key_id(std::uint32_t key_id);        // 8 lower-case hex digits

inline constexpr std::size_t kNoteSizeMax = 16'384;
inline constexpr std::size_t kNoteSignaturesMax = 100;

struct NoteSignature {
    std::string name;
    std::uint32_t key_id = 0;
    Bytes signature;
};
struct Note {
    std::string text;  // signed bytes, including the final LF
    std::vector<NoteSignature> signatures;
};
[[nodiscard]] Result<Note> parse_note(std::string_view note);
// `text` ends in LF. Signs with every signer under `name`.
[[nodiscard]] Result<std::string> sign_note(std::string_view text, std::string_view name,
                                            const std::vector<const crypto::Signer*>& signers);
// Accepts when at least one of `keys` verifies and no known one fails (signed-note rules).
[[nodiscard]] Result<void> verify_note(const Note& note, const std::vector<VerifierKey>& keys);

// A witness's key: a vkey of algorithm 0x04 (C2SP tlog-cosignature, Ed25519). Nothing for
// ML-DSA-44 (0x06), which is read and cannot be checked here.
[[nodiscard]] Result<std::optional<VerifierKey>> parse_cosigner_vkey(std::string_view text);
[[nodiscard]] VerifierKey make_cosigner_key(std::string_view name, const crypto::PublicKey& key);
// When the witness says it saw the checkpoint (seconds since 1970), by its cosignature/v1 on the
// note; nothing when there is none of its key. A false one is an error.
[[nodiscard]] Result<std::optional<std::uint64_t>> verify_cosignature(const Note& note,
                                                                      const VerifierKey& witness);
// The signature line a witness adds to a note, LF included.
[[nodiscard]] Result<std::string> cosign_note(const Note& note, std::string_view name,
                                              std::uint64_t time_s, const crypto::Signer& witness);

// The P-256 key that signs a log's checkpoints besides its own: a vkey of algorithm 0x02 (ECDSA),
// whose key id is that of the key alone.
struct HardwareKey {
    std::string name;
    std::uint32_t key_id = 0;
    crypto::P256PublicKey key{};
};
[[nodiscard]] HardwareKey make_hardware_key(std::string_view name,
                                            const crypto::P256PublicKey& key);
[[nodiscard]] std::string format_vkey(const HardwareKey& key);
[[nodiscard]] Result<HardwareKey> parse_hardware_vkey(std::string_view text);
// The signature line of this key, LF included.
[[nodiscard]] std::string hardware_line(const HardwareKey& key, ByteView signature);
// Accepts when each of `keys` signed the note and no line of theirs is false.
[[nodiscard]] Result<void> verify_hardware(const Note& note, const std::vector<HardwareKey>& keys);

// C2SP tlog-checkpoint without extension lines.
struct Checkpoint {
    std::string origin;
    TreeSize size;
    Hash root;
};
[[nodiscard]] std::string format_checkpoint(const Checkpoint& checkpoint);  // the note's text
[[nodiscard]] Result<Checkpoint> parse_checkpoint(std::string_view note_text);

// log_id = SHA-256(origin).
[[nodiscard]] Hash log_id_of(std::string_view origin);

// The 130 bytes a seal signs (formats §3).
[[nodiscard]] Bytes seal_payload(const Hash& log_id, BatchId batch_id, const Hash& merkle_root,
                                 const Hash& history_root, WallTime sealed_at);

}  // namespace anchorlog::wire
