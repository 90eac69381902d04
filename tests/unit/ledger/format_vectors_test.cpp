#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/ledger/retention.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/pruned_lines.h"

// The example log of tests/vectors/formats.json, made anew by the code that makes every log.
namespace anchorlog::ledger {
namespace {

using nlohmann::json;

std::string text(const json& value) { return value.get<std::string>(); }

class FormatVectors : public ::testing::Test {
protected:
    void SetUp() override {
        std::ifstream file(std::string(ANCHORLOG_VECTORS) + "/formats.json");
        vectors = json::parse(file);
        signer = crypto::signer_from_seed(hash_from_hex(text(vectors["log_key"]["seed"]))->bytes);
        const auto made =
            make_genesis(text(vectors["origin"]), *signer, {},
                         *hash_from_hex(text(vectors["log"]["nonce"])), now("genesis").wall);
        ASSERT_TRUE(made);
        genesis = *made;
    }
    [[nodiscard]] Now now(const char* name) const {
        return {*parse_server_time(text(vectors["log"]["times"][name])), SteadyTime{0}};
    }
    [[nodiscard]] std::string entries() const {
        std::string lines;
        for (const json& line : vectors["log"]["entries"]) lines += text(line) + '\n';
        return lines;
    }
    void admit(Sequencer& sequencer, const std::string& frame) const {
        std::string arena;
        const auto parsed = wire::AlertParser().parse(frame, arena);
        const auto* alert = std::get_if<wire::Alert>(&parsed);
        ASSERT_NE(alert, nullptr);
        wire::CertFingerprint cert{};
        const auto bytes = from_hex(text(vectors["cert"]));
        std::copy(bytes->begin(), bytes->end(), cert.begin());
        const Admission admission =
            sequencer.admit({*alert, arena, "gw-01", cert}, now("received"));
        EXPECT_EQ(admission.kind, Admission::Kind::admitted) << admission.detail;
    }

    json vectors;
    std::shared_ptr<const crypto::Signer> signer;
    SealedBatch genesis;
};

TEST_F(FormatVectors, Genesis) {
    const json& expected = vectors["log"]["batches"][0];
    EXPECT_EQ(genesis.line, text(expected["line"]) + '\n');
    EXPECT_EQ(to_hex(genesis.history_root), text(expected["history_root"]));
    EXPECT_EQ(to_hex(merkle::empty_root()), text(vectors["empty_root"]));
}

TEST_F(FormatVectors, EntriesAndTheirBatch) {
    Sequencer sequencer({text(vectors["origin"]), 30'000, 4u << 20, {}}, signer);
    merkle::CompactRange history;
    history.append(merkle::hash_leaf(as_bytes(genesis.header_text)));
    sequencer.restore_sealed(BatchId(1), EntryIndex(0), history);

    std::string lines;
    const auto commit = [&] {
        Group group = sequencer.take_group();
        hash_group(group);
        lines += group.lines;
        sequencer.committed(group, SteadyTime{0});
    };
    const WallTime start = now("start").wall;
    sequencer.add_audit({"start", "daemon", "{\"version\":\"0.1.0\"}", 1, start, start},
                        now("start"));
    commit();
    admit(sequencer, text(vectors["alert"]["sent"]));
    admit(sequencer, text(vectors["signed_alert"]["canonical"]));
    commit();
    EXPECT_EQ(lines, entries());

    const auto batch = sequencer.seal(SealReason::age, now("sealed"));
    ASSERT_TRUE(batch);
    const json& expected = vectors["log"]["batches"][1];
    EXPECT_EQ(batch->header_text, text(expected["header"]));
    EXPECT_EQ(batch->line, text(expected["line"]) + '\n');
    EXPECT_EQ(to_hex(batch->history_root), text(expected["history_root"]));
    EXPECT_EQ(to_hex(batch->header.merkle_root), text(vectors["log"]["merkle_root"]));
    EXPECT_EQ(batch->leaves.size(), vectors["log"]["leaves"].size());
    for (std::size_t i = 0; i < batch->leaves.size(); ++i) {
        EXPECT_EQ(to_hex(batch->leaves[i]), text(vectors["log"]["leaves"][i]));
    }
}

HistoryEnd end_of(const json& log) {
    HistoryEnd end{BatchId(2), EntryIndex(3), {}};
    for (const json& batch : log["batches"]) {
        end.history.append(merkle::hash_leaf(as_bytes(text(batch["header"]))));
    }
    return end;
}

TEST_F(FormatVectors, AChangeOfTheKey) {
    const json& expected = vectors["key_change"];
    const auto next = crypto::signer_from_seed(hash_from_hex(text(expected["seed"]))->bytes);
    const auto batch =
        make_key_change(text(vectors["origin"]), *signer, *next, "planned", end_of(vectors["log"]),
                        *parse_server_time(text(expected["at"])));
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_EQ(batch->line, text(expected["line"]) + '\n');
    EXPECT_EQ(to_hex(batch->history_root), text(expected["history_root"]));
}

TEST_F(FormatVectors, PrunedEntries) {
    const json& pruned = vectors["pruned"];
    std::string devices;
    const auto header = wire::parse_header(text(vectors["log"]["batches"][1]["header"]));
    ASSERT_TRUE(header);
    for (const wire::Source& source : header->sources) {
        wire::append_source_line(devices, header->batch_id, source);
    }
    EXPECT_EQ(devices, text(pruned["devices"]));
    const wire::PruneRecord record{
        crypto::sha256(as_bytes(devices)), {{EntryIndex(0), EntryIndex(2)}}, "older than a year"};
    const auto batch = make_prune(text(vectors["origin"]), *signer, record, end_of(vectors["log"]),
                                  *parse_server_time(text(pruned["at"])));
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_EQ(batch->header_text, text(pruned["header"]));
    EXPECT_EQ(batch->line, text(pruned["line"]) + '\n');
    for (std::uint64_t index = 0; index < 3; ++index) {
        std::string line;
        const auto leaf = hash_from_hex(text(vectors["log"]["leaves"][index]));
        wire::append_erased_line(line, {EntryIndex(index), *leaf});
        EXPECT_EQ(line, text(pruned["erased"][index]) + '\n');
    }
}

}  // namespace
}  // namespace anchorlog::ledger
