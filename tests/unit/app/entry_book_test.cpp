#include "app/entry_book.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>

#include <nlohmann/json.hpp>

#include "anchorlog/verify/evidence.h"
#include "anchorlog/wire/pruned_lines.h"
#include "support/log_machine.h"

namespace anchorlog::app {
namespace {

using testing::LogMachine;

class EntryBookTest : public ::testing::Test {
protected:
    // Four batches, of which the state has the first two in its database; behind them one alert
    // that is not sealed. In each epoch the first alert bears the id of epoch 0's.
    void SetUp() override {
        machine.options.run_entries = 12;
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
            for (std::uint64_t number = 1; number <= 6; ++number) add(number, epoch);
            ASSERT_TRUE(machine.commit());
            ASSERT_TRUE(machine.seal());
        }
        add(7, 3);
        ASSERT_TRUE(machine.commit());
        open();
    }

    void add(std::uint64_t number, std::uint64_t epoch) {
        const std::int64_t at_ms = machine.clock().now().wall.ms;
        std::string text = testing::make_alert("cam-1", number, at_ms, epoch);
        if (number == 1) {
            const std::string shared = testing::make_alert("cam-1", 1, at_ms);
            const std::string member = "\"entry_id\":\"";
            const std::size_t id_size = 36;
            text.replace(text.find(member) + member.size(), id_size, shared,
                         shared.find(member) + member.size(), id_size);
        }
        std::string arena;
        wire::AlertParser parser;
        const auto parsed = parser.parse(text, arena);
        ASSERT_TRUE(std::holds_alternative<wire::Alert>(parsed));
        const auto admission = machine.sequencer().admit(
            {std::get<wire::Alert>(parsed), arena, "gw-01", {}}, machine.clock().now());
        ASSERT_EQ(admission.kind, ledger::Admission::Kind::admitted);
    }
    void open() {
        auto& store = machine.store();
        sealed = std::make_unique<SealedBook>(*store.state, *store.batches, LogMachine::kOrigin,
                                              key.key, [] { return std::uint64_t{5}; });
        book = std::make_unique<EntryBook>(*store.state, *store.log, *sealed);
    }
    std::string id_of(std::uint64_t index) {
        const auto lines = machine.lines(*machine.store().log);
        const auto entry = wire::parse_entry_line(lines.at(index));
        return wire::format_entry_id(wire::alert_key(entry->body)->entry_id);
    }
    net::HttpReply get(const std::string& rest) { return entries_page(*book, "/entries/" + rest); }
    nlohmann::json places(const std::string& id) {
        const auto reply = get(id);
        EXPECT_EQ(reply.content_type, "application/json") << reply.body;
        return nlohmann::json::parse(reply.body);
    }

    LogMachine machine;
    wire::VerifierKey key = wire::make_verifier_key(
        LogMachine::kOrigin, crypto::signer_from_seed({1, 2, 3})->public_key());
    std::unique_ptr<SealedBook> sealed;
    std::unique_ptr<EntryBook> book;
};

// Every line of the log against every answer, wherever the index keeps it.
TEST_F(EntryBookTest, ListsEverySealedEntryOfAnIdAndNoOther) {
    std::map<std::string, std::vector<std::uint64_t>> all;
    for (std::uint64_t index = 0; index < 24; ++index) all[id_of(index)].push_back(index);
    EXPECT_EQ(all[id_of(0)], (std::vector<std::uint64_t>{0, 6, 12, 18}));
    for (int ingested = 0; ingested < 2; ++ingested) {
        for (const auto& [id, indexes] : all) {
            const auto page = places(id);
            EXPECT_EQ(page["entry_id"], id);
            EXPECT_EQ(page["found"], indexes.size());
            ASSERT_EQ(page["entries"].size(), indexes.size());
            for (std::size_t i = 0; i < indexes.size(); ++i) {
                EXPECT_EQ(page["entries"][i]["index"], indexes[i]);
                EXPECT_EQ(page["entries"][i]["batch_id"], indexes[i] / 6 + 1);
            }
        }
        ASSERT_TRUE(machine.store().state->ingest());
    }
}

TEST_F(EntryBookTest, ProvesEachOfThem) {
    verify::Trust trust;
    trust.logs.push_back({key, ""});
    for (const std::uint64_t index : {0u, 5u, 12u, 23u}) {
        const auto reply = get(id_of(index) + "/" + std::to_string(index));
        ASSERT_EQ(reply.status, 200u) << reply.body;
        const auto report = verify::verify_evidence(reply.body, trust, nullptr);
        EXPECT_EQ(report.verdict, verify::Verdict::pass) << verify::to_text(report);
        ASSERT_EQ(report.hits.size(), 1u);
        EXPECT_EQ(report.hits[0].index, index);
    }
}

TEST_F(EntryBookTest, WhatIsNotSealedIsNotFoundYet) {
    const std::string id = id_of(24);
    EXPECT_EQ(get(id).status, 404u);
    EXPECT_EQ(places(id)["found"], 0u);
    EXPECT_EQ(get(id + "/24").status, 404u);
    ASSERT_TRUE(machine.seal());
    EXPECT_EQ(get(id).status, 200u);
    EXPECT_EQ(get(id + "/24").status, 200u);
}

TEST_F(EntryBookTest, SaysThatAnEntryIsPrunedAndProvesItsNeighbours) {
    const std::string gone = id_of(2);
    const std::string kept = id_of(3);
    ASSERT_TRUE(machine.seal());
    const std::string path = "/store/log/00000000000000000000.ndjson";
    std::string text = machine.files().content(path);
    const std::string line = machine.acked()[2];
    std::string erased;
    wire::append_erased_line(erased, {EntryIndex(2), merkle::hash_leaf(as_bytes(line))});
    ASSERT_NE(text.find(line), std::string::npos);
    text.replace(text.find(line), line.size() + 1, erased);
    machine.files().set_content(path, text);
    EXPECT_EQ(get(gone + "/2").status, 410u) << get(gone + "/2").body;
    EXPECT_NE(get(gone + "/2").body.find("entry 2 is pruned"), std::string::npos);
    verify::Trust trust;
    trust.logs.push_back({key, ""});
    const auto reply = get(kept + "/3");
    ASSERT_EQ(reply.status, 200u) << reply.body;
    EXPECT_EQ(verify::verify_evidence(reply.body, trust, nullptr).verdict, verify::Verdict::pass);
}

TEST_F(EntryBookTest, RefusesWhatIsNoIdAndNoIndex) {
    const std::string id = id_of(0);
    std::string upper = id;
    std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
    for (const std::string& bad :
         {std::string(), std::string("x"), id.substr(1), id + "0", upper, "/" + id,
          std::string("00000000-0000-4000-8000-000000000000"), id + "/", id + "/x", id + "/-1",
          id + "/+1", id + "/ 1", id + "/1x", id + "/1/", id + "/99999999999999999999"}) {
        EXPECT_EQ(get(bad).status, 400u) << bad;
    }
    EXPECT_EQ(get("01900000-0000-7000-8000-000000000000").status, 404u);
    EXPECT_EQ(get(id + "/1").status, 404u) << "another id's entry";
    EXPECT_EQ(get(id + "/18446744073709551615").status, 404u);
}

}  // namespace
}  // namespace anchorlog::app
