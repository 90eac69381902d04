#include "anchorlog/wire/note.h"

#include <gtest/gtest.h>

#include "anchorlog/crypto/sha256.h"
#include "support/hardware_key.h"
#include "unit/wire/mutations.h"

namespace anchorlog::wire {
namespace {

const std::string kOrigin = "anchorlog.example/gw-01";
// The signature line of the golden vector: seed 00..1f, one leaf {"v":1}.
const std::string kGoldenBlob =
    "vrtA37jqLVm79KdTBzYG0bnN/K++hMp0Y6x/Teiak2/BG6XffFYOXP99qGMglm/lpYNFLYw186aWxdF5Isr8C25DDAg=";
const std::string kGoldenRoot = "0fe7f04cd9688fb996eea9ae1248cbe83b4d04805413f35ab25ad9deb5a3cb32";

std::unique_ptr<crypto::Signer> signer(std::uint8_t first = 0) {
    std::array<std::uint8_t, 32> seed{};
    for (std::size_t i = 0; i < seed.size(); ++i) {
        seed[i] = static_cast<std::uint8_t>(first + i);
    }
    return crypto::signer_from_seed(seed);
}

VerifierKey golden_key() { return make_verifier_key(kOrigin, signer()->public_key()); }

Checkpoint golden_checkpoint() { return {kOrigin, TreeSize(1), *hash_from_hex(kGoldenRoot)}; }

std::string golden_note() {
    return *sign_note(format_checkpoint(golden_checkpoint()), kOrigin, {signer().get()});
}

TEST(Vkey, ReadsTheExampleOfTheSpecification) {
    const std::string text =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const auto key = parse_vkey(text);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->name, "example.com/foo");
    EXPECT_EQ(key->key_id, 0x530d903aU);
    EXPECT_EQ(format_vkey(*key), text);
}

TEST(Vkey, GoldenKey) {
    EXPECT_EQ(format_key_id(golden_key().key_id), "bebb40df");
    EXPECT_EQ(to_hex(signer()->public_key()),
              "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
    EXPECT_EQ(format_key_id(0x0000000a), "0000000a");
}

TEST(Vkey, AnyBytesAreRefusedOrReadBackTheSame) {
    testing::feed_mutations(format_vkey(golden_key()), 5'000, [](const std::string& text) {
        if (const auto key = parse_vkey(text)) {
            EXPECT_EQ(format_vkey(*key), text);
        }
    });
    // Ends in the key of another algorithm, with the right key id for it.
    Bytes other{0x04};
    append(other, signer()->public_key());
    EXPECT_FALSE(parse_vkey(kOrigin + "+99b3f702+" + to_base64(other)));
    EXPECT_FALSE(parse_vkey(kOrigin + "+BEBB40DF+" + format_vkey(golden_key()).substr(33)));
    EXPECT_FALSE(parse_vkey(""));
    EXPECT_FALSE(parse_vkey("++"));
    EXPECT_FALSE(parse_vkey(format_vkey(make_verifier_key("a b", signer()->public_key()))));
}

TEST(SignNote, GivesTheGoldenNote) {
    const std::string root = to_base64(hash_from_hex(kGoldenRoot)->bytes);
    const std::string text = kOrigin + "\n1\n" + root + "\n";
    EXPECT_EQ(format_checkpoint(golden_checkpoint()), text);
    EXPECT_EQ(golden_note(), text + "\n\u2014 " + kOrigin + " " + kGoldenBlob + "\n");
}

TEST(SignNote, RefusesWhatCouldNotBeReadBack) {
    const auto key = signer();
    EXPECT_FALSE(sign_note("no line end", kOrigin, {key.get()}));
    EXPECT_FALSE(sign_note("", kOrigin, {key.get()}));
    EXPECT_FALSE(sign_note("a\r\n", kOrigin, {key.get()}));
    EXPECT_FALSE(sign_note("\xFF\n", kOrigin, {key.get()}));
    EXPECT_FALSE(sign_note("a\n", "", {key.get()}));
    EXPECT_FALSE(sign_note("a\n", "a+b", {key.get()}));
    EXPECT_FALSE(sign_note("a\n", "a b", {key.get()}));
    EXPECT_FALSE(sign_note("a\n", kOrigin, {}));
    EXPECT_FALSE(sign_note(std::string(kNoteSizeMax, 'a') + "\n", kOrigin, {key.get()}));
}

TEST(ParseNote, SplitsAtTheLastEmptyLine) {
    const auto key = signer();
    const std::string text = "a\n\nb\n\n";
    const auto note = parse_note(*sign_note(text, "key", {key.get()}));
    ASSERT_TRUE(note);
    EXPECT_EQ(note->text, text);
    ASSERT_EQ(note->signatures.size(), 1U);
    EXPECT_TRUE(verify_note(*note, {make_verifier_key("key", key->public_key())}));
}

TEST(ParseNote, RefusesWhatIsNotASignedNote) {
    const std::string good = golden_note();
    ASSERT_TRUE(parse_note(good));
    const std::string line = "\u2014 k AAAAAAA=\n";
    ASSERT_TRUE(parse_note("a\n\n" + line));
    for (const std::string& note :
         std::vector<std::string>{"",
                                  "\n",
                                  "\n\n",
                                  "a\n",
                                  "a\n\n",
                                  "a\n" + line,
                                  good.substr(0, good.size() - 1),
                                  good + "\n",
                                  good + "x\n",
                                  "a\n\nx\n",
                                  "a\n\n- k AAAAAAA=\n",
                                  "a\n\n\u2014k AAAAAAA=\n",
                                  "a\n\n\u2014 k\n",
                                  "a\n\n\u2014  AAAAAAA=\n",
                                  "a\n\n\u2014 k+l AAAAAAA=\n",
                                  "a\n\n\u2014 k\u00a0l AAAAAAA=\n",
                                  "a\n\n\u2014 k\u3000 AAAAAAA=\n",
                                  "a\n\n\u2014 k AAAAAAA\n",
                                  "a\n\n\u2014 k AAAAAAB=\n",
                                  "a\n\n\u2014 k AAAAAA==\n",
                                  "a\n\n\u2014 k \n",
                                  "a\n\n\u2014 k AAAAAAA= x\n",
                                  "a\r\n\n" + line,
                                  "a\t\n\n" + line,
                                  "\xFF\n\n" + line,
                                  std::string("\0\n\n", 3) + line,
                                  std::string(kNoteSizeMax, 'a') + "\n\n" + line}) {
        EXPECT_FALSE(parse_note(note)) << note;
    }
}

TEST(ParseNote, TakesAHundredSignaturesAndNoMore) {
    std::string note = "a\n\n";
    for (int i = 0; i < 100; ++i) note += "\u2014 k AAAAAAA=\n";
    EXPECT_EQ(parse_note(note)->signatures.size(), 100U);
    EXPECT_FALSE(parse_note(note + "\u2014 k AAAAAAA=\n"));
}

TEST(VerifyNote, FollowsTheRules) {
    const auto ours = signer();
    const auto other = signer(100);
    const VerifierKey our_key = golden_key();
    const VerifierKey other_key = make_verifier_key("other", other->public_key());
    const auto note = *parse_note(golden_note());
    EXPECT_TRUE(verify_note(note, {our_key}));
    EXPECT_TRUE(verify_note(note, {other_key, our_key}));
    EXPECT_FALSE(verify_note(note, {}));
    EXPECT_FALSE(verify_note(note, {other_key}));
    EXPECT_FALSE(verify_note(note, {make_verifier_key("same.key", ours->public_key())}));

    // An unknown signature, even nonsense, changes nothing.
    Note more = note;
    more.signatures.push_back({"grease", 0x12345678, Bytes(3, 0)});
    more.signatures.push_back({kOrigin, our_key.key_id + 1, Bytes(64, 0)});
    EXPECT_TRUE(verify_note(more, {our_key}));

    // A known one that fails spoils the note, whatever else verifies.
    Note spoilt = note;
    spoilt.signatures.push_back({"other", other_key.key_id, Bytes(64, 0)});
    EXPECT_TRUE(verify_note(spoilt, {our_key}));
    EXPECT_FALSE(verify_note(spoilt, {our_key, other_key}));

    Note changed = note;
    changed.text[0] = 'A';
    EXPECT_FALSE(verify_note(changed, {our_key}));
}

TEST(VerifyNote, OfSeveralSigners) {
    const auto ours = signer();
    const auto other = signer(100);
    const auto note = *parse_note(*sign_note("a\n", "log", {ours.get(), other.get()}));
    ASSERT_EQ(note.signatures.size(), 2U);
    EXPECT_TRUE(verify_note(note, {make_verifier_key("log", ours->public_key()),
                                   make_verifier_key("log", other->public_key())}));
}

TEST(NoteText, NoByteOfASignedNoteCanChange) {
    const std::string good = golden_note();
    testing::feed_mutations(good, 3'000, [&](const std::string& text) {
        const auto note = parse_note(text);
        if (note && text != good) {
            EXPECT_FALSE(verify_note(*note, {golden_key()})) << text;
        }
    });
}

// The example of C2SP tlog-cosignature.md, whose witness's key is not published with it.
TEST(Cosignature, ReadsTheLineOfTheSpecification) {
    const auto note = parse_note(
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN"
        "7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dl"
        "rDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n");
    ASSERT_TRUE(note) << note.error().message;
    const auto unknown = verify_cosignature(*note, make_cosigner_key("w", signer()->public_key()));
    ASSERT_TRUE(unknown);
    EXPECT_FALSE(*unknown);
    const VerifierKey other{"witness.example.com/w1", 0x8d66cf3f, signer()->public_key()};
    EXPECT_FALSE(verify_cosignature(*note, other)) << "known and false is an error";
}

TEST(Cosignature, IsOverTimeAndCheckpoint) {
    const auto witness = signer(0x40);
    const VerifierKey key = make_cosigner_key("w.example", witness->public_key());
    const auto bare = parse_note(golden_note());
    const auto line = cosign_note(*bare, "w.example", 1'679'315'147, *witness);
    ASSERT_TRUE(line);
    const auto note = parse_note(golden_note() + *line);
    ASSERT_TRUE(note);
    const auto seen = verify_cosignature(*note, key);
    ASSERT_TRUE(seen);
    EXPECT_EQ(*seen, 1'679'315'147u);
    EXPECT_TRUE(verify_note(*note, {golden_key()})) << "an unknown key's line does no harm";
    Bytes message{};
    append(message, as_bytes("cosignature/v1\ntime 1679315147\n" + bare->text));
    EXPECT_TRUE(crypto::verify(witness->public_key(), message,
                               ByteView(note->signatures.back().signature).subspan(8)));
    testing::feed_mutations(*line, 2'000, [&](const std::string& text) {
        const auto changed = parse_note(golden_note() + text);
        if (!changed || text == *line) return;
        const auto time = verify_cosignature(*changed, key);
        EXPECT_TRUE(!time || !*time) << text;
    });
}

TEST(Cosignature, KeysAreOfAlgorithmFour) {
    const auto vkey = [](const Bytes& key) {
        const Hash id = crypto::sha256({as_bytes("w"), as_bytes("\n"), key});
        return "w+" + to_hex(ByteView(id.bytes).first(4)) + "+" + to_base64(key);
    };
    Bytes four{0x04};
    append(four, signer()->public_key());
    const auto key = parse_cosigner_vkey(vkey(four));
    ASSERT_TRUE(key && *key);
    EXPECT_EQ((*key)->key_id, make_cosigner_key("w", signer()->public_key()).key_id);
    EXPECT_FALSE(parse_vkey(vkey(four)));
    Bytes six{0x06};
    six.resize(1 + 1'312);
    const auto lattice = parse_cosigner_vkey(vkey(six));
    ASSERT_TRUE(lattice);
    EXPECT_FALSE(*lattice);
    six.pop_back();
    EXPECT_FALSE(parse_cosigner_vkey(vkey(six)));
    EXPECT_FALSE(parse_cosigner_vkey(format_vkey(golden_key())));
}

TEST(Checkpoint, ReadsExactlyThreeLines) {
    const std::string text = format_checkpoint(golden_checkpoint());
    const auto checkpoint = parse_checkpoint(text);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->origin, kOrigin);
    EXPECT_EQ(checkpoint->size, TreeSize(1));
    EXPECT_EQ(to_hex(checkpoint->root), kGoldenRoot);
    EXPECT_FALSE(parse_checkpoint(text + "extension\n"));
    EXPECT_FALSE(parse_checkpoint(text + "\n"));
    EXPECT_FALSE(parse_checkpoint("Bad Origin" + text.substr(kOrigin.size())));
    testing::feed_mutations(text, 10'000, [](const std::string& changed) {
        if (const auto parsed = parse_checkpoint(changed)) {
            EXPECT_EQ(format_checkpoint(*parsed), changed);
        }
    });
}

TEST(Checkpoint, OfAnEmptyTreeHasTheEmptyRoot) {
    EXPECT_TRUE(
        parse_checkpoint(format_checkpoint({kOrigin, TreeSize(0), crypto::sha256(ByteView())})));
    EXPECT_FALSE(parse_checkpoint(format_checkpoint({kOrigin, TreeSize(0), Hash()})));
    EXPECT_FALSE(parse_checkpoint(format_checkpoint({kOrigin, TreeSize(kIntegerMax + 1), Hash()})));
}

TEST(SealPayload, Is130BytesInTheOrderOfTheFormat) {
    Hash log;
    Hash merkle;
    Hash history;
    log.bytes.fill(1);
    merkle.bytes.fill(2);
    history.bytes.fill(3);
    const Bytes payload = seal_payload(log, BatchId(0x0102), merkle, history, WallTime{0x0304});
    EXPECT_EQ(payload.size(), 130U);
    EXPECT_EQ(to_hex(payload), to_hex(as_bytes("anchorlog/seal/v1")) + "00" + to_hex(log) +
                                   "0000000000000102" + to_hex(merkle) + to_hex(history) +
                                   "0000000000000304");
    EXPECT_EQ(log_id_of("abc"), crypto::sha256(as_bytes("abc")));
}

// A checkpoint of Sigstore's Rekor log, and that log's key.
const std::string kRekorKey =
    "rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5"
    "AW5i0hrZLOC96l+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc=";
const std::string kRekorNote =
    "Rekor\n798034\nf+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=\n\n\u2014 rekor.sigstore.dev "
    "wNI9ajBEAiARInWIWyCdyG27CO6LPnPekyw20qO0YJfoaPaowGp/XgIgc+qEHS3+GKVClgqq20uDLet7MCoTURUCRdxwWB"
    "HHufk=\n";

TEST(HardwareVkey, ReadsAnotherLogsKeyAndItsSignature) {
    const auto key = parse_hardware_vkey(kRekorKey);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->name, "rekor.sigstore.dev");
    EXPECT_EQ(key->key_id, 0xc0d23d6aU);
    EXPECT_EQ(format_vkey(*key), kRekorKey);
    const auto note = parse_note(kRekorNote);
    ASSERT_TRUE(note);
    EXPECT_TRUE(verify_hardware(*note, {*key}));
    Note other = *note;
    other.text[0] = 'B';
    EXPECT_FALSE(verify_hardware(other, {*key}));
}

TEST(HardwareVkey, AnyBytesAreRefusedOrReadBackTheSame) {
    testing::feed_mutations(kRekorKey, 5'000, [](const std::string& text) {
        if (const auto key = parse_hardware_vkey(text)) {
            EXPECT_EQ(format_vkey(*key), text);
        }
    });
    EXPECT_FALSE(parse_hardware_vkey(format_vkey(golden_key())));
    EXPECT_FALSE(parse_vkey(kRekorKey));
}

TEST(HardwareLine, StandsBesideTheLogsOwn) {
    const auto device = anchorlog::testing::hardware_key_from_seed(1);
    const HardwareKey key = make_hardware_key(kOrigin, device->public_key());
    const std::string text = format_checkpoint(golden_checkpoint());
    const std::string line = hardware_line(key, *device->sign(as_bytes(text)));
    const auto both = parse_note(golden_note() + line);
    ASSERT_TRUE(both);
    EXPECT_TRUE(verify_note(*both, {golden_key()})) << "who does not know the key ignores its line";
    EXPECT_TRUE(verify_hardware(*both, {key}));
    EXPECT_TRUE(verify_hardware(*both, {}));

    const auto alone = parse_note(golden_note());
    EXPECT_FALSE(verify_hardware(*alone, {key}));
    const std::string other_text =
        format_checkpoint({kOrigin, TreeSize(2), golden_checkpoint().root});
    const std::string moved = hardware_line(key, *device->sign(as_bytes(other_text)));
    EXPECT_FALSE(verify_hardware(*parse_note(golden_note() + moved), {key}));
    EXPECT_FALSE(verify_hardware(*parse_note(golden_note() + line + moved), {key}))
        << "a true line does not excuse a false one";
    EXPECT_FALSE(verify_hardware(*parse_note(golden_note() + moved + line), {key}));
    const HardwareKey renamed = make_hardware_key("other.example/log", device->public_key());
    EXPECT_FALSE(verify_hardware(*both, {renamed}));
}

}  // namespace
}  // namespace anchorlog::wire
