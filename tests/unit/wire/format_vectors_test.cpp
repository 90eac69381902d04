#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/evidence.h"
#include "anchorlog/wire/frame.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/message.h"
#include "anchorlog/wire/note.h"
#include "anchorlog/wire/receipt.h"
#include "anchorlog/wire/tlog_proof.h"

// The formats against tests/vectors/formats.json, which was made without this code.
namespace anchorlog::wire {
namespace {

using nlohmann::json;

const json& vectors() {
    static const json all = [] {
        std::ifstream file(std::string(ANCHORLOG_VECTORS) + "/formats.json");
        return json::parse(file);
    }();
    return all;
}

std::string text(const json& value) { return value.get<std::string>(); }

crypto::PublicKey public_key(const json& key) { return hash_from_hex(text(key["public"]))->bytes; }

std::unique_ptr<crypto::Signer> signer(const json& key) {
    return crypto::signer_from_seed(hash_from_hex(text(key["seed"]))->bytes);
}

WallTime server_time(const json& value) { return *parse_server_time(text(value)); }

Hash leaf_of(std::string_view line) {
    constexpr std::array<std::uint8_t, 1> kLeaf{0};
    return crypto::sha256({ByteView(kLeaf), as_bytes(line)});
}

TEST(FormatVectors, CanonicalForm) {
    for (const json& pair : vectors()["canonical"]) {
        const auto made = canonicalize(text(pair[0]));
        ASSERT_TRUE(made) << pair;
        EXPECT_EQ(*made, text(pair[1]));
        EXPECT_TRUE(is_canonical(*made));
    }
}

TEST(FormatVectors, AnAlertIsStoredInOneFormHoweverItWasWritten) {
    const json& alert = vectors()["alert"];
    for (const char* name : {"sent", "sent_loosely"}) {
        std::string arena;
        const auto parsed = AlertParser().parse(text(alert[name]), arena);
        const auto* read = std::get_if<Alert>(&parsed);
        ASSERT_NE(read, nullptr) << name;
        EXPECT_EQ(read->canonical.of(arena), text(alert["canonical"])) << name;
        EXPECT_EQ(read->sent_at.of(arena), text(alert["sent_at"])) << name;
    }
}

TEST(FormatVectors, ADeviceSignature) {
    const json& signed_alert = vectors()["signed_alert"];
    const auto payload = alert_signing_payload(text(signed_alert["canonical"]));
    ASSERT_TRUE(payload);
    EXPECT_EQ(to_hex(*payload), text(signed_alert["payload"]));
    const auto sig = signer(vectors()["device_key"])->sign(*payload);
    ASSERT_TRUE(sig);
    EXPECT_EQ(to_base64(*sig), text(signed_alert["sig"]));
    EXPECT_TRUE(crypto::verify(public_key(vectors()["device_key"]), *payload, *sig));
}

TEST(FormatVectors, Refusals) {
    for (const json& refused : vectors()["refused"]) {
        std::string arena;
        const auto parsed = AlertParser().parse(text(refused[1]), arena);
        const auto* refusal = std::get_if<Refusal>(&parsed);
        ASSERT_NE(refusal, nullptr) << refused;
        EXPECT_EQ(to_string(refusal->code), text(refused[0])) << refused;
    }
}

TEST(FormatVectors, Frames) {
    const json& frames = vectors()["frames"];
    const std::pair<const char*, std::string> sent[] = {
        {"hello", text(vectors()["messages"]["hello"])},
        {"ack", text(vectors()["messages"]["ack"])},
        {"alert", text(vectors()["alert"]["sent"])}};
    for (const auto& [name, content] : sent) {
        std::string made;
        append_frame(made, content);
        EXPECT_EQ(to_hex(as_bytes(made)), text(frames[name]));
        FrameDecoder decoder;
        const auto bytes = from_hex(text(frames[name]));
        decoder.push(*bytes);
        EXPECT_EQ(decoder.next(), content);
        EXPECT_TRUE(decoder.at_border());
    }
}

TEST(FormatVectors, MessagesOfTheServer) {
    const json& messages = vectors()["messages"];
    EXPECT_EQ(format_ack("cam-1", Epoch(0), SeqNo(1), EntryIndex(1)), text(messages["ack"]));
    const json reject = json::parse(text(messages["reject"]));
    const Refusal refusal{RejectCode::replay, text(reject["detail"]),
                          AlertNumber{"cam-2", Epoch(1), SeqNo(1)}};
    EXPECT_EQ(format_reject(7, refusal, server_time(reject["now"])), text(messages["reject"]));
    const json& batch = vectors()["log"]["batches"][1];
    Welcome welcome;
    welcome.origin = text(vectors()["origin"]);
    welcome.durable = {{"cam-1", Epoch(0), SeqNo(1)}, {"cam-2", Epoch(1), SeqNo(2)}};
    welcome.entries = 3;
    welcome.checkpoint = text(batch["checkpoint"]);
    welcome.consistency = {*hash_from_hex(text(batch["header_leaf"]))};
    EXPECT_EQ(format_welcome(welcome), text(messages["welcome"]));
}

TEST(FormatVectors, MessagesOfTheSender) {
    std::string arena;
    const json& messages = vectors()["messages"];
    const auto parsed = AlertParser().parse(text(messages["hello_seen"]), arena);
    const auto* hello = std::get_if<Hello>(&parsed);
    ASSERT_NE(hello, nullptr);
    EXPECT_EQ(hello->devices, (std::vector<std::string>{"cam-1", "cam-2"}));
    EXPECT_EQ(hello->seen, text(vectors()["log"]["batches"][0]["checkpoint"]));
    const auto first = AlertParser().parse(text(messages["hello"]), arena);
    EXPECT_TRUE(std::holds_alternative<Hello>(first));
}

TEST(FormatVectors, EntryLinesAndTheirLeaves) {
    const json& log = vectors()["log"];
    for (std::size_t i = 0; i < log["entries"].size(); ++i) {
        const std::string line = text(log["entries"][i]);
        const auto entry = parse_entry_line(line);
        ASSERT_TRUE(entry) << line;
        EXPECT_EQ(entry->index, EntryIndex(i));
        EXPECT_TRUE(is_canonical(line));
        EXPECT_EQ(to_hex(leaf_of(line)), text(log["leaves"][i]));
    }
}

TEST(FormatVectors, HeadersCheckpointsAndSeals) {
    const auto key = signer(vectors()["log_key"]);
    const std::string origin = text(vectors()["origin"]);
    const VerifierKey verifier = make_verifier_key(origin, key->public_key());
    EXPECT_EQ(to_hex(key->public_key()), text(vectors()["log_key"]["public"]));
    EXPECT_EQ(format_vkey(verifier), text(vectors()["log_key"]["vkey"]));
    EXPECT_EQ(to_hex(log_id_of(origin)), text(vectors()["log_id"]));
    for (const json& batch : vectors()["log"]["batches"]) {
        const auto line = parse_batch_line(text(batch["line"]));
        ASSERT_TRUE(line);
        EXPECT_EQ(format_batch_line(*line), text(batch["line"]));
        const auto header = parse_header(line->header);
        ASSERT_TRUE(header);
        EXPECT_EQ(*format_header(*header), text(batch["header"]));
        EXPECT_EQ(to_hex(leaf_of(line->header)), text(batch["header_leaf"]));

        const Hash root = *hash_from_hex(text(batch["history_root"]));
        const std::string note_text =
            format_checkpoint({origin, TreeSize(header->batch_id.value + 1), root});
        EXPECT_EQ(note_text, text(batch["checkpoint_text"]));
        EXPECT_EQ(*sign_note(note_text, origin, {key.get()}), text(batch["checkpoint"]));
        EXPECT_TRUE(verify_note(*parse_note(line->checkpoint), {verifier}));
        const Bytes payload = seal_payload(log_id_of(origin), header->batch_id, header->merkle_root,
                                           root, header->sealed_at);
        EXPECT_EQ(to_hex(payload), text(batch["seal_payload"]));
        EXPECT_EQ(to_base64(*key->sign(payload)), text(batch["seal"]));
    }
    EXPECT_EQ(format_sources(parse_header(text(vectors()["log"]["batches"][1]["header"]))->sources),
              text(vectors()["log"]["sources"]));
}

TEST(FormatVectors, AKeyChangeIsSignedByBothKeys) {
    const json& vector = vectors()["key_change"];
    const std::string origin = text(vectors()["origin"]);
    const auto before = signer(vectors()["log_key"]);
    const auto after = signer(vector);
    const auto line = parse_batch_line(text(vector["line"]));
    ASSERT_TRUE(line);
    EXPECT_EQ(format_batch_line(*line), text(vector["line"]));
    const auto header = parse_header(line->header);
    ASSERT_TRUE(header) << header.error().message;
    ASSERT_TRUE(header->key_change);
    EXPECT_EQ(header->key_change->new_key, text(vector["vkey"]));
    EXPECT_EQ(*format_header(*header), text(vector["header"]));
    EXPECT_EQ(*sign_note(text(vector["checkpoint_text"]), origin, {before.get(), after.get()}),
              text(vector["checkpoint"]));
    EXPECT_EQ(to_base64(*before->sign(*from_hex(text(vector["seal_payload"])))),
              text(vector["seal"]));
}

TEST(FormatVectors, Receipt) {
    const json& vector = vectors()["receipt"];
    const auto receipt = parse_receipt(text(vector["text"]));
    ASSERT_TRUE(receipt) << receipt.error().message;
    EXPECT_EQ(format_receipt(*receipt), text(vector["text"]));
    const Bytes payload = receipt_payload(log_id_of(text(vectors()["origin"])), receipt->index,
                                          receipt->leaf, receipt->received_at);
    EXPECT_EQ(to_hex(payload), text(vector["payload"]));
    const auto key = signer(vectors()["log_key"]);
    EXPECT_TRUE(crypto::verify(key->public_key(), payload, receipt->sig));
}

TEST(FormatVectors, Evidence) {
    const std::string file = text(vectors()["evidence"]["file"]);
    const json& log = vectors()["log"];
    const auto evidence = parse_evidence(file);
    ASSERT_TRUE(evidence) << evidence.error().message;
    EXPECT_EQ(evidence->entry, text(log["entries"][1]));
    EXPECT_EQ(evidence->header, text(log["batches"][1]["header"]));
    EXPECT_EQ(evidence->checkpoint, text(log["batches"][1]["checkpoint"]));
    EXPECT_EQ(to_base64(evidence->seal), text(log["batches"][1]["seal"]));
    EXPECT_EQ(format_evidence(*evidence), file);
    EXPECT_EQ(parse_tlog_proof(file)->extra, text(vectors()["evidence"]["extra"]));
}

}  // namespace
}  // namespace anchorlog::wire
