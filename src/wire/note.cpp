#include "anchorlog/wire/note.h"

#include <algorithm>
#include <array>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/alert.h"
#include "wire/canonical_scan.h"

namespace anchorlog::wire {

namespace {

constexpr std::uint8_t kAlgorithmEd25519 = 0x01;
constexpr std::uint8_t kAlgorithmEcdsa = 0x02;
constexpr std::uint8_t kAlgorithmCosignature = 0x04;
constexpr std::uint8_t kAlgorithmMlDsa44 = 0x06;
constexpr std::size_t kMlDsa44KeySize = 1'312;
constexpr std::size_t kKeyIdSize = 4;
constexpr std::size_t kCosignatureTimeSize = 8;
constexpr std::size_t kCosignatureSize = kCosignatureTimeSize + 64;
constexpr std::uint64_t kCosignatureTimeMax = INT64_MAX;
constexpr std::string_view kSignatureLead = "\u2014 ";  // an em dash and a space
constexpr std::string_view kSignatureBlock = "\n\n";
// "anchorlog/seal/v1" and its NUL, which no signed note begins with.
constexpr std::string_view kSealPrefix{"anchorlog/seal/v1\0", 18};

// Every code point of Unicode's White_Space.
constexpr std::array<std::string_view, 25> kSpaces{
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00a0", "\u1680",
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
    "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

Error bad_note(std::string_view why) {
    return {Errc::invalid_input, "signed note: " + std::string(why)};
}
Error bad_vkey(std::string_view why) {
    return {Errc::invalid_input, "vkey: " + std::string(why) +
                                     "; `<name>+<key id>+<key>` of an "
                                     "Ed25519 key expected"};
}
Error bad_checkpoint(std::string_view why) {
    return {Errc::invalid_input, "checkpoint: " + std::string(why)};
}

bool is_key_name(std::string_view name) {
    return !name.empty() && name.find('+') == std::string_view::npos &&
           std::none_of(kSpaces.begin(), kSpaces.end(), [&](std::string_view space) {
               return name.find(space) != std::string_view::npos;
           });
}

bool is_note_text(std::string_view text) {
    return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 && c != '\n';
           });
}

std::uint32_t key_id_of(std::string_view name, ByteView tagged_key) {
    return read_u32be(crypto::sha256({as_bytes(name), as_bytes("\n"), tagged_key}).bytes.data());
}

// Of an ECDSA key: the name is no part of it.
std::uint32_t key_id_of(ByteView der) { return read_u32be(crypto::sha256(der).bytes.data()); }

Bytes tagged_key(const crypto::PublicKey& key, std::uint8_t algorithm = kAlgorithmEd25519) {
    Bytes out{algorithm};
    append(out, key);
    return out;
}

// A vkey taken apart; its key id is that of its name and key.
struct VkeyParts {
    std::string_view name;
    Bytes tagged_key;  // algorithm byte and key
    std::uint32_t key_id = 0;
};
Result<VkeyParts> split_vkey(std::string_view text) {
    const std::size_t first = text.find('+');
    if (first == std::string_view::npos) return bad_vkey("no `+`");
    const std::size_t second = text.find('+', first + 1);
    if (second == std::string_view::npos) return bad_vkey("only one `+`");
    const std::string_view name = text.substr(0, first);
    if (!is_key_name(name) || !is_note_text(name)) return bad_vkey("the name cannot be one");
    auto key = from_base64(text.substr(second + 1));
    if (!key || key->empty()) return bad_vkey("the key is not base64");
    const bool is_ecdsa = key->front() == kAlgorithmEcdsa;
    const std::uint32_t key_id =
        is_ecdsa ? key_id_of(ByteView(*key).subspan(1)) : key_id_of(name, *key);
    if (text.substr(first + 1, second - first - 1) != format_key_id(key_id)) {
        return bad_vkey("the key id is not that of this name and key");
    }
    return VkeyParts{name, std::move(*key), key_id};
}

Result<VerifierKey> ed25519_key(const VkeyParts& parts, std::uint8_t algorithm) {
    VerifierKey out{std::string(parts.name), parts.key_id, {}};
    if (parts.tagged_key.front() != algorithm || parts.tagged_key.size() != 1 + out.key.size()) {
        return bad_vkey("the algorithm is not Ed25519 (0x0" + std::to_string(algorithm) + ")");
    }
    std::copy(parts.tagged_key.begin() + 1, parts.tagged_key.end(), out.key.begin());
    return out;
}

// What a witness signs: C2SP tlog-cosignature, Ed25519.
std::string cosigned_message(const Note& note, std::uint64_t time_s) {
    return "cosignature/v1\ntime " + std::to_string(time_s) + "\n" + note.text;
}

// Reads "name base64" of one signature line.
Result<NoteSignature> parse_signature(std::string_view line) {
    if (!line.starts_with(kSignatureLead)) return bad_note("a signature line without its dash");
    line.remove_prefix(kSignatureLead.size());
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return bad_note("a signature line without a signature");
    const std::string_view name = line.substr(0, space);
    if (!is_key_name(name)) return bad_note("a key name that is empty or holds a space or `+`");
    const auto blob = from_base64(line.substr(space + 1));
    if (!blob || blob->size() <= kKeyIdSize) {
        return bad_note("a signature that is not the base64 of a key id and a signature");
    }
    const auto body_at = blob->begin() + static_cast<std::ptrdiff_t>(kKeyIdSize);
    return NoteSignature{std::string(name), read_u32be(blob->data()), Bytes(body_at, blob->end())};
}

std::string signature_line(std::string_view name, std::uint32_t key_id, ByteView signature) {
    Bytes blob;
    append_u32be(blob, key_id);
    append(blob, signature);
    return std::string(kSignatureLead).append(name).append(1, ' ') + to_base64(blob) + "\n";
}

std::string_view take_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

}  // namespace

VerifierKey make_verifier_key(std::string_view name, const crypto::PublicKey& key) {
    return {std::string(name), key_id_of(name, tagged_key(key)), key};
}

std::string format_vkey(const VerifierKey& key) {
    return key.name + "+" + format_key_id(key.key_id) + "+" + to_base64(tagged_key(key.key));
}

Result<VerifierKey> parse_vkey(std::string_view text) {
    const auto parts = split_vkey(text);
    if (!parts) return parts.error();
    return ed25519_key(*parts, kAlgorithmEd25519);
}

std::string format_key_id(std::uint32_t key_id) {
    Bytes bytes;
    append_u32be(bytes, key_id);
    return to_hex(bytes);
}

Result<Note> parse_note(std::string_view note) {
    if (note.size() > kNoteSizeMax) {
        return bad_note("over " + std::to_string(kNoteSizeMax) + " bytes");
    }
    if (!is_note_text(note)) return bad_note("not UTF-8, or a control byte other than LF");
    const std::size_t split = note.rfind(kSignatureBlock);
    if (split == std::string_view::npos) return bad_note("no empty line before the signatures");
    Note out;
    out.text = std::string(note.substr(0, split + 1));
    std::string_view rest = note.substr(split + kSignatureBlock.size());
    if (rest.empty() || rest.back() != '\n') return bad_note("its last line is cut off");
    while (!rest.empty()) {
        if (out.signatures.size() == kNoteSignaturesMax) {
            return bad_note("over " + std::to_string(kNoteSignaturesMax) + " signatures");
        }
        auto signature = parse_signature(take_line(rest));
        if (!signature) return std::move(signature).error();
        out.signatures.push_back(std::move(*signature));
    }
    return out;
}

Result<std::string> sign_note(std::string_view text, std::string_view name,
                              const std::vector<const crypto::Signer*>& signers) {
    if (!text.ends_with('\n') || !is_note_text(text)) {
        return bad_note("the text to sign must be UTF-8 lines, the last ended by LF");
    }
    if (!is_key_name(name) || !is_note_text(name)) return bad_note("the key name cannot be one");
    if (signers.empty() || signers.size() > kNoteSignaturesMax) {
        return bad_note("1 to " + std::to_string(kNoteSignaturesMax) + " signers expected");
    }
    std::string out(text);
    out.push_back('\n');
    for (const crypto::Signer* signer : signers) {
        const auto signature = signer->sign(as_bytes(text));
        if (!signature) return signature.error();
        out +=
            signature_line(name, make_verifier_key(name, signer->public_key()).key_id, *signature);
    }
    if (out.size() > kNoteSizeMax) {
        return bad_note("over " + std::to_string(kNoteSizeMax) + " bytes");
    }
    return out;
}

Result<void> verify_note(const Note& note, const std::vector<VerifierKey>& keys) {
    bool is_verified = false;
    for (const NoteSignature& signature : note.signatures) {
        bool is_known = false;
        bool is_valid = false;
        for (const VerifierKey& key : keys) {
            if (key.name != signature.name || key.key_id != signature.key_id) continue;
            is_known = true;
            is_valid =
                is_valid || crypto::verify(key.key, as_bytes(note.text), signature.signature);
        }
        if (is_known && !is_valid) {
            return bad_note("the signature of " + signature.name + "+" +
                            format_key_id(signature.key_id) + " does not verify");
        }
        is_verified = is_verified || is_valid;
    }
    if (!is_verified) return bad_note("no signature of a known key");
    return {};
}

Result<std::optional<VerifierKey>> parse_cosigner_vkey(std::string_view text) {
    const auto parts = split_vkey(text);
    if (!parts) return parts.error();
    if (parts->tagged_key.front() == kAlgorithmMlDsa44 &&
        parts->tagged_key.size() == 1 + kMlDsa44KeySize) {
        return std::optional<VerifierKey>();
    }
    auto key = ed25519_key(*parts, kAlgorithmCosignature);
    if (!key) return std::move(key).error();
    return std::optional(std::move(*key));
}

VerifierKey make_cosigner_key(std::string_view name, const crypto::PublicKey& key) {
    return {std::string(name), key_id_of(name, tagged_key(key, kAlgorithmCosignature)), key};
}

Result<std::optional<std::uint64_t>> verify_cosignature(const Note& note,
                                                        const VerifierKey& witness) {
    std::optional<std::uint64_t> seen;
    for (const NoteSignature& line : note.signatures) {
        if (line.name != witness.name || line.key_id != witness.key_id) continue;
        const std::string place =
            "the cosignature of " + witness.name + "+" + format_key_id(witness.key_id);
        if (line.signature.size() != kCosignatureSize) {
            return bad_note(place + " is not 72 bytes");
        }
        const std::uint64_t time_s = read_u64be(line.signature.data());
        const ByteView signature = ByteView(line.signature).subspan(kCosignatureTimeSize);
        if (time_s > kCosignatureTimeMax ||
            !crypto::verify(witness.key, as_bytes(cosigned_message(note, time_s)), signature)) {
            return bad_note(place + " does not verify");
        }
        if (!seen) seen = time_s;
    }
    return seen;
}

Result<std::string> cosign_note(const Note& note, std::string_view name, std::uint64_t time_s,
                                const crypto::Signer& witness) {
    const auto signature = witness.sign(as_bytes(cosigned_message(note, time_s)));
    if (!signature) return signature.error();
    Bytes timed;
    append_u64be(timed, time_s);
    append(timed, *signature);
    return signature_line(name, make_cosigner_key(name, witness.public_key()).key_id, timed);
}

HardwareKey make_hardware_key(std::string_view name, const crypto::P256PublicKey& key) {
    return {std::string(name), key_id_of(key), key};
}

std::string format_vkey(const HardwareKey& key) {
    Bytes tagged{kAlgorithmEcdsa};
    append(tagged, key.key);
    return key.name + "+" + format_key_id(key.key_id) + "+" + to_base64(tagged);
}

Result<HardwareKey> parse_hardware_vkey(std::string_view text) {
    const auto parts = split_vkey(text);
    if (!parts) return parts.error();
    if (parts->tagged_key.front() != kAlgorithmEcdsa) {
        return Error{Errc::invalid_input, "vkey: the algorithm is not ECDSA (0x02)"};
    }
    auto key = crypto::parse_p256_key(ByteView(parts->tagged_key).subspan(1));
    if (!key) return std::move(key).error().in("vkey");
    return HardwareKey{std::string(parts->name), parts->key_id, *key};
}

std::string hardware_line(const HardwareKey& key, ByteView signature) {
    return signature_line(key.name, key.key_id, signature);
}

Result<void> verify_hardware(const Note& note, const std::vector<HardwareKey>& keys) {
    for (const HardwareKey& key : keys) {
        bool is_signed = false;
        const std::string who = key.name + "+" + format_key_id(key.key_id);
        for (const NoteSignature& line : note.signatures) {
            if (line.name != key.name || line.key_id != key.key_id) continue;
            is_signed = crypto::verify_p256(key.key, as_bytes(note.text), line.signature);
            if (!is_signed) {
                return bad_note("the signature of the hardware key " + who + " does not verify");
            }
        }
        if (!is_signed) return bad_note("no signature of the hardware key " + who);
    }
    return {};
}

std::string format_checkpoint(const Checkpoint& checkpoint) {
    return checkpoint.origin + "\n" + std::to_string(checkpoint.size.value) + "\n" +
           to_base64(checkpoint.root.bytes) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view note_text) {
    if (std::count(note_text.begin(), note_text.end(), '\n') != 3 || !note_text.ends_with('\n')) {
        return bad_checkpoint("exactly three lines expected: origin, size, root");
    }
    Checkpoint out;
    out.origin = std::string(take_line(note_text));
    if (!is_origin(out.origin)) return bad_checkpoint("the first line is not an origin");
    const auto size = parse_integer(take_line(note_text));
    if (!size) return bad_checkpoint("the second line is not a tree size");
    out.size = TreeSize(*size);
    const auto bytes = from_base64(take_line(note_text));
    if (!bytes || bytes->size() != Hash::kSize) {
        return bad_checkpoint("the third line is not the base64 of 32 bytes");
    }
    out.root = *hash_from_bytes(*bytes);
    if (*size == 0 && out.root != crypto::sha256(ByteView())) {
        return bad_checkpoint("the root of an empty tree is SHA-256 of nothing");
    }
    return out;
}

Hash log_id_of(std::string_view origin) { return crypto::sha256(as_bytes(origin)); }

Bytes seal_payload(const Hash& log_id, BatchId batch_id, const Hash& merkle_root,
                   const Hash& history_root, WallTime sealed_at) {
    const ByteView prefix = as_bytes(kSealPrefix);
    Bytes out(prefix.begin(), prefix.end());
    append(out, log_id.bytes);
    append_u64be(out, batch_id.value);
    append(out, merkle_root.bytes);
    append(out, history_root.bytes);
    append_u64be(out, static_cast<std::uint64_t>(sealed_at.ms));
    return out;
}

}  // namespace anchorlog::wire
