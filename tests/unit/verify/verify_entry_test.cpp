#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/entry.h"
#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

class VerifyEntry : public ::testing::Test {
protected:
    VerifyEntry() {
        log.fill(2, 10);
        log.anchor(chain);
        log.fill(3, 10);
        trust = trust_of(log);
        trust_blocks(trust, chain);
    }

    EntryReport check(std::uint64_t index, bool with_leaves = false) {
        MapFileSystem fs;
        log.write(fs, "store", 20, with_leaves);
        return verify_entry(fs, "store", EntryIndex(index), trust, nullptr);
    }

    LogBuilder log;
    FakeChain chain;
    Trust trust;
};

TEST_F(VerifyEntry, GoesFromTheLineToTheAnchor) {
    const EntryReport report = check(13);
    ASSERT_EQ(report.verdict, Verdict::pass) << to_text(report);
    EXPECT_EQ(report.level, Level::anchored);
    EXPECT_EQ(report.label, "private");
    std::vector<std::string> names;
    for (const Step& step : report.hits.at(0).steps) {
        names.push_back(step.name);
        const bool asked = step.name != "witnesses";
        EXPECT_EQ(step.state, asked ? StepState::ok : StepState::skipped) << step.name;
    }
    EXPECT_EQ(names, (std::vector<std::string>{"parse", "canonical", "leaf", "batch_path",
                                               "merkle_root", "header", "history_path",
                                               "checkpoint", "witnesses", "seal", "anchor"}));
    EXPECT_EQ(report.hits[0].batch, 2u);
    EXPECT_EQ(check(33).level, Level::sealed) << to_text(check(33));
}

TEST_F(VerifyEntry, FindsEveryEntryOfAnId) {
    MapFileSystem fs;
    log.write(fs, "store");
    const auto line = wire::parse_entry_line(log.entries[13]);
    const auto key = wire::alert_key(line->body);
    EntryReport report = verify_entry(fs, "store", key->entry_id, trust, nullptr);
    ASSERT_EQ(report.hits.size(), 1u) << to_text(report);
    EXPECT_EQ(report.hits[0].index, 13u);
    EXPECT_EQ(report.verdict, Verdict::pass);
    wire::EntryId other = key->entry_id;
    other[15] ^= 0x77;
    EXPECT_EQ(verify_entry(fs, "store", other, trust, nullptr).verdict, Verdict::undecided);
}

TEST_F(VerifyEntry, NamesTheFirstBrokenLink) {
    log.entries[13].replace(log.entries[13].find("cam-2"), 5, "cam-9");
    EntryReport report = check(13, true);
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_EQ(report.faults.at(0).kind, "batch_path");
    EXPECT_EQ(report.hits[0].steps.back().name, "batch_path");
    EXPECT_EQ(check(14, true).verdict, Verdict::pass) << to_text(check(14, true));
    EXPECT_EQ(check(14, false).verdict, Verdict::fail);
    EXPECT_EQ(check(23, false).verdict, Verdict::pass);
}

TEST_F(VerifyEntry, DamageAfterTheEntryDoesNotBreakIt) {
    log.batches.erase(log.batches.begin() + 4);
    const EntryReport report = check(13);
    EXPECT_EQ(report.verdict, Verdict::pass) << to_text(report);
    EXPECT_NE(to_text(report).find("elsewhere in the store"), std::string::npos);
    EXPECT_EQ(check(45).verdict, Verdict::fail);
}

TEST_F(VerifyEntry, DeletedUnsealedAndUnknownEntries) {
    log.add_alert();
    EXPECT_EQ(check(50).verdict, Verdict::undecided);
    EXPECT_EQ(check(99).verdict, Verdict::undecided);
    log.entries.erase(log.entries.begin() + 7);
    const EntryReport report = check(7);
    EXPECT_EQ(report.verdict, Verdict::fail) << to_text(report);
}

TEST_F(VerifyEntry, ConflictingAnchorDeniesTheEntry) {
    LogBuilder forged;
    forged.add_alert("cam-9");
    forged.seal();
    forged.fill(4, 10);
    MapFileSystem fs;
    forged.write(fs, "store");
    FakeChainView view(chain);
    const EntryReport report = verify_entry(fs, "store", EntryIndex(3), trust, &view);
    EXPECT_EQ(report.verdict, Verdict::fail) << to_text(report);
    EXPECT_EQ(report.hits.at(0).steps.back().name, "anchor");
}

}  // namespace
}  // namespace anchorlog::verify
