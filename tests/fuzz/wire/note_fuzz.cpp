#include <array>
#include <string>

#include "anchorlog/wire/note.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

// The key of tests/vectors/formats.json: its signatures are in the corpus, and no others exist.
const wire::VerifierKey& known_key() {
    static const wire::VerifierKey key = *wire::parse_vkey(
        "anchorlog.example/gw-01+bebb40df+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4");
    return key;
}

std::string format_note(const wire::Note& note) {
    std::string out = note.text + '\n';
    for (const wire::NoteSignature& signature : note.signatures) {
        Bytes blob;
        append_u32be(blob, signature.key_id);
        append(blob, signature.signature);
        out.append("\u2014 ").append(signature.name).append(1, ' ').append(to_base64(blob));
        out.push_back('\n');
    }
    return out;
}

void check_checkpoint(std::string_view text) {
    const auto checkpoint = wire::parse_checkpoint(text);
    if (!checkpoint) return;
    require(wire::format_checkpoint(*checkpoint) == text, "a checkpoint is written as read");
    require(checkpoint->size.value <= kIntegerMax, "a tree size is in range");
}

void check_vkey(std::string_view text) {
    const auto key = wire::parse_vkey(text);
    if (key) require(wire::format_vkey(*key) == text, "a vkey is written as read");
    const auto cosigner = wire::parse_cosigner_vkey(text);
    require(!cosigner || !key, "a key has one algorithm");
    if (!cosigner || !*cosigner) return;
    const wire::VerifierKey again = wire::make_cosigner_key((*cosigner)->name, (*cosigner)->key);
    require(again.key_id == (*cosigner)->key_id, "a key id is that of name and key");
}

// The same key as a witness: its cosignature is in the corpus, too.
void check_cosignature(const wire::Note& note) {
    const wire::VerifierKey witness = wire::make_cosigner_key(known_key().name, known_key().key);
    const auto seen = wire::verify_cosignature(note, witness);
    if (!seen || !*seen) return;
    require(**seen == 1'700'000'000, "a cosignature's time is signed");
    wire::Note other = note;
    other.text += "x\n";
    require(!wire::verify_cosignature(other, witness), "a cosignature is of one text");
}

}  // namespace

// A signed note, a checkpoint's text, or a vkey: each parser looks at all of them.
void note(ByteView input) {
    const std::string_view text = as_text(input);
    check_checkpoint(text);
    check_vkey(text);
    const auto note = wire::parse_note(text);
    if (!note) return;
    require(text.size() <= wire::kNoteSizeMax, "a note has a limit");
    require(!note->signatures.empty() && note->signatures.size() <= wire::kNoteSignaturesMax,
            "a note has 1 to 100 signatures");
    require(format_note(*note) == text, "a note is written as it was read");
    check_checkpoint(note->text);
    static_cast<void>(wire::verify_note(*note, {known_key()}));
    check_cosignature(*note);
    require(!wire::verify_note(*note, {}), "without a key nothing is verified");
}

}  // namespace anchorlog::fuzz
