#include <algorithm>

#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

using Kinds = std::vector<std::string>;

class VerifyLog : public ::testing::Test {
protected:
    VerifyLog() { log.fill(5, 10); }

    LogBuilder log;
    FakeChain chain;
};

TEST_F(VerifyLog, CleanLogPassesAsSealedAndSaysWhatThatIsWorth) {
    const Report report = audit(log, trust_of(log));
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.level, Level::sealed);
    EXPECT_EQ(report.label, "");
    EXPECT_EQ(report.checked.entries, 50u);
    EXPECT_EQ(report.checked.batches, 6u);
    EXPECT_EQ(report.unprotected, 50u);
    const std::string text = to_text(report);
    EXPECT_NE(text.find("proves nothing against whoever holds the log key"), std::string::npos);
    EXPECT_NE(text.find("not checked the chain (offline)"), std::string::npos);
    EXPECT_NE(text.find("\nPASS SEALED: 50 entries in 6 batches\n"), std::string::npos) << text;
}

TEST_F(VerifyLog, SegmentsAuditsGapsAndManySourcesPass) {
    log.add_audit();
    log.add_alert("cam-1", 3);
    log.seal();
    for (std::uint64_t i = 0; i < 40; ++i) {
        log.add_alert("dev-" + std::to_string(i % 20), i % 3);
    }
    log.seal();
    log.add_alert();
    for (const std::size_t lines : {1u, 7u, 10u, 50u}) {
        const Report report = audit(log, trust_of(log), nullptr, true, lines);
        EXPECT_EQ(report.verdict, Verdict::pass) << lines << all_faults(report);
        EXPECT_EQ(report.unsealed, 1u);
        EXPECT_EQ(report.checked.audits, 1u);
    }
    const Report report = audit(log, trust_of(log));
    EXPECT_TRUE(std::any_of(report.notes.begin(), report.notes.end(), [](const auto& note) {
        return note.find("cam-1: 3 numbers") != std::string::npos;
    }));
}

TEST_F(VerifyLog, AlteredEntryIsNamedExactlyWithLeafHashes) {
    log.entries[23].replace(log.entries[23].find("cam-2"), 5, "cam-9");
    const Report report = audit(log, trust_of(log), nullptr, true, 20);
    ASSERT_EQ(report.faults.size(), 1u) << all_faults(report);
    const Fault& fault = report.faults[0];
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_EQ(fault.kind, "altered");
    EXPECT_EQ(fault.index, 23u);
    EXPECT_EQ(fault.batch, 3u);
    EXPECT_EQ(fault.segment, "log/00000000000000000020.ndjson");
    EXPECT_EQ(fault.line, 4u);
    EXPECT_EQ(
        describe(fault).find("entry 23 of batch 3 altered: log/00000000000000000020.ndjson line 4, "
                             "its batch holds entries 20-29"),
        0u);
}

TEST_F(VerifyLog, AlteredEntryIsNarrowedToItsBatchWithoutLeafHashes) {
    log.entries[23].replace(log.entries[23].find("cam-2"), 5, "cam-9");
    const Report report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"batch_altered"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].batch, 3u);
    EXPECT_EQ(report.faults[0].line, 21u);
}

TEST_F(VerifyLog, UnreadableLineIsNamedWithoutLeafHashes) {
    log.entries[23][0] = '[';
    const Report report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"altered"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].index, 23u);
}

TEST_F(VerifyLog, AlteredIndexMemberIsNamed) {
    auto& line = log.entries[23];
    line.replace(line.find("\"index\":23"), 10, "\"index\":43");
    for (const bool leaves : {false, true}) {
        const Report report = audit(log, trust_of(log), nullptr, leaves);
        ASSERT_EQ(kinds(report), Kinds{"altered"}) << all_faults(report);
        EXPECT_EQ(report.faults[0].index, 23u);
    }
}

TEST_F(VerifyLog, DeletedLinesAreNamedAndNothingElse) {
    log.entries.erase(log.entries.begin() + 18, log.entries.begin() + 22);
    for (const bool leaves : {false, true}) {
        const Report report = audit(log, trust_of(log), nullptr, leaves);
        ASSERT_EQ(kinds(report), Kinds{"missing"}) << all_faults(report);
        EXPECT_EQ(report.faults[0].index, 18u);
        EXPECT_EQ(report.faults[0].index_last, 21u);
        EXPECT_EQ(report.faults[0].batch, 2u);
        EXPECT_EQ(report.faults[0].batch_last, 3u);
    }
}

TEST_F(VerifyLog, ReorderedLinesAreNamed) {
    std::reverse(log.entries.begin() + 32, log.entries.begin() + 36);
    Report report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"reordered"}) << all_faults(report);
    EXPECT_EQ(describe(report.faults[0]).find("entries 32-35 of batch 4 re-ordered"), 0u)
        << describe(report.faults[0]);
    std::reverse(log.entries.begin() + 32, log.entries.begin() + 36);
    std::swap(log.entries[19], log.entries[20]);
    report = audit(log, trust_of(log), nullptr, true);
    ASSERT_EQ(kinds(report), Kinds{"reordered"}) << all_faults(report);
}

TEST_F(VerifyLog, MovedLineAndSwappedBatchesOfLinesAreNamed) {
    std::rotate(log.entries.begin() + 3, log.entries.begin() + 44, log.entries.begin() + 45);
    Report report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"reordered"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].index, 44u);
    std::rotate(log.entries.begin() + 3, log.entries.begin() + 4, log.entries.begin() + 45);
    std::swap_ranges(log.entries.begin() + 10, log.entries.begin() + 20, log.entries.begin() + 30);
    report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), (Kinds{"reordered", "reordered"})) << all_faults(report);
    EXPECT_EQ(report.faults[0].index, 10u);
    EXPECT_EQ(report.faults[0].index_last, 19u);
    EXPECT_EQ(report.faults[1].index, 30u);
    EXPECT_EQ(report.faults[1].index_last, 39u);
}

TEST_F(VerifyLog, InsertedAndRepeatedLinesAreNamed) {
    const std::string foreign = log.entries[15];
    log.entries.insert(log.entries.begin() + 15, log.entries[15]);
    Report report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"duplicated"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].index, 15u);
    auto& line = log.entries[15];
    line.replace(line.find("cam-2"), 5, "cam-7");
    for (const bool leaves : {false, true}) {
        report = audit(log, trust_of(log), nullptr, leaves);
        ASSERT_EQ(kinds(report), Kinds{"inserted"}) << all_faults(report);
        EXPECT_EQ(report.faults[0].line, 16u);
    }
    log.entries[15] = "nonsense";
    report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"inserted"}) << all_faults(report);
}

TEST_F(VerifyLog, MissingSegmentsAndRenamedOnesFail) {
    MapFileSystem fs;
    log.write(fs, "store", 10);
    fs.files.erase("store/log/00000000000000000020.ndjson");
    Report report = verify_log(fs, "store", trust_of(log), nullptr);
    ASSERT_EQ(kinds(report), Kinds{"missing"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].index, 20u);
    EXPECT_EQ(report.faults[0].index_last, 29u);
    log.write(fs, "store", 10);
    fs.files["store/log/00000000000000000021.ndjson"] =
        fs.files["store/log/00000000000000000020.ndjson"];
    fs.files.erase("store/log/00000000000000000020.ndjson");
    report = verify_log(fs, "store", trust_of(log), nullptr);
    EXPECT_EQ(kinds(report), Kinds{"segment_name"}) << all_faults(report);
}

TEST_F(VerifyLog, TruncatedLogIsMissingEntries) {
    MapFileSystem fs;
    log.write(fs, "store");
    std::string& bytes = fs.files["store/log/00000000000000000000.ndjson"];
    bytes.resize(bytes.size() / 2);
    const Report report = verify_log(fs, "store", trust_of(log), nullptr);
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_NE(all_faults(report).find("missing"), std::string::npos) << all_faults(report);
}

TEST_F(VerifyLog, BatchLinesLostRepeatedAndSwappedAreNamed) {
    const auto all = log.batches;
    log.batches.erase(log.batches.begin() + 3);
    Report report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"missing"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].batch, 3u);
    log.batches = all;
    log.batches.insert(log.batches.begin() + 3, all[2]);
    report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"duplicated"}) << all_faults(report);
    log.batches = all;
    std::swap(log.batches[2], log.batches[4]);
    report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), Kinds{"reordered"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].batch, 2u);
    EXPECT_EQ(report.faults[0].batch_last, 4u);
}

TEST_F(VerifyLog, AlteredHeaderCheckpointAndSealAreToldApart) {
    const auto all = log.batches;
    const auto alter = [&](const std::string& from, const std::string& to) {
        log.batches = all;
        const std::size_t at = log.batches[3].find(from);
        ASSERT_NE(at, std::string::npos);
        log.batches[3].replace(at, from.size(), to);
    };
    alter("\"reason\":\"count\"", "\"reason\":\"age\"");
    Report report = audit(log, trust_of(log));
    EXPECT_EQ(kinds(report), Kinds{"header"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].batch, 3u);
    alter("gw-01\\n4\\n", "gw-01\\n5\\n");
    report = audit(log, trust_of(log));
    EXPECT_EQ(kinds(report), Kinds{"checkpoint"}) << all_faults(report);
    log.batches = all;
    auto line = wire::parse_batch_line(all[3]);
    line->seal[5] ^= 1;
    log.batches[3] = wire::format_batch_line(*line);
    report = audit(log, trust_of(log));
    EXPECT_EQ(kinds(report), Kinds{"seal"}) << all_faults(report);
}

TEST_F(VerifyLog, AnotherKeyAndAnotherLogFail) {
    LogBuilder other(2);
    other.fill(2, 5);
    const Report report = audit(other, trust_of(log));
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_EQ(report.level, Level::none);
    Trust stranger = trust_of(log);
    stranger.logs[0].key.name = "anchorlog.example/other";
    EXPECT_EQ(audit(log, stranger).verdict, Verdict::fail);
}

TEST_F(VerifyLog, MissingStoreIsUndecidedAndLogWithoutGenesisFails) {
    MapFileSystem fs;
    Report report = verify_log(fs, "nowhere", trust_of(log), nullptr);
    EXPECT_EQ(report.verdict, Verdict::undecided);
    EXPECT_NE(to_text(report).find("\nUNDECIDED "), std::string::npos) << to_text(report);
    log.write(fs, "store");
    fs.files["store/batches/00000000000000000000.ndjson"].clear();
    report = verify_log(fs, "store", trust_of(log), nullptr);
    EXPECT_NE(report.verdict, Verdict::pass);
}

TEST_F(VerifyLog, TornBatchLineIsUndecidedTornUnsealedEntryIsNot) {
    log.add_alert();
    MapFileSystem fs;
    log.padding_bytes = 0;
    log.write(fs, "store");
    std::string& entries = fs.files["store/log/00000000000000000000.ndjson"];
    entries.resize(entries.size() - 20);
    EXPECT_EQ(verify_log(fs, "store", trust_of(log), nullptr).verdict, Verdict::pass);
    std::string& batches = fs.files["store/batches/00000000000000000000.ndjson"];
    batches.resize(batches.size() - 1);
    EXPECT_EQ(verify_log(fs, "store", trust_of(log), nullptr).verdict, Verdict::undecided);
}

TEST_F(VerifyLog, AChangedKeyIsFollowedAndOnlyThatOne) {
    log.change_key(2);
    log.fill(2, 3);
    const Report report = audit(log, trust_of_first(log));
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_NE(to_text(report).find("batch 6 changes the log's key to "), std::string::npos);
    // The old key's holder goes on signing: nothing of it counts.
    LogBuilder other;
    other.fill(5, 10);
    other.fill(2, 3);
    log.batches.back() = other.batches.back();
    EXPECT_EQ(audit(log, trust_of_first(log)).verdict, Verdict::fail);
}

TEST_F(VerifyLog, AKeyChangeNeedsBothSignatures) {
    log.change_key(2);
    log.fill(1, 3);
    auto line = wire::parse_batch_line(log.batches[6]);
    std::string& note = line->checkpoint;
    note.erase(note.rfind("\u2014"));
    log.batches[6] = wire::format_batch_line(*line);
    const Report report = audit(log, trust_of_first(log));
    ASSERT_FALSE(report.faults.empty());
    EXPECT_NE(describe(report.faults[0]).find("without both keys' signatures"), std::string::npos);
}

TEST_F(VerifyLog, EverySegmentBearsTheNumberOfLinesBeforeIt) {
    log.anchor(chain);
    for (const char* journal : {"log", "batches", "anchors"}) {
        MapFileSystem fs;
        log.write(fs, "store");
        const std::string folder = std::string("store/") + journal + "/";
        fs.files[folder + "00000000000000000099.ndjson"];
        for (auto& [path, bytes] : fs.files) bytes.resize(bytes.find_last_not_of('\0') + 1);
        const Report report = verify_log(fs, "store", trust_of(log), nullptr);
        EXPECT_EQ(kinds(report), Kinds{"segment_name"}) << journal << all_faults(report);
    }
}

TEST_F(VerifyLog, BytesBehindThePaddingFail) {
    MapFileSystem fs;
    log.write(fs, "store");
    fs.files["store/log/00000000000000000000.ndjson"].back() = 'x';
    const Report report = verify_log(fs, "store", trust_of(log), nullptr);
    EXPECT_EQ(report.verdict, Verdict::fail) << all_faults(report);
    log.padding_bytes = 3u << 20;
    log.write(fs, "store");
    EXPECT_EQ(verify_log(fs, "store", trust_of(log), nullptr).verdict, Verdict::pass);
}

TEST_F(VerifyLog, JsonReportHasTheStableMembers) {
    log.entries.erase(log.entries.begin() + 4);
    const std::string json = to_json(audit(log, trust_of(log)));
    for (const char* member :
         {"\"verdict\": \"FAIL\"", "\"faults\"", "\"kind\": \"missing\"", "\"index\": 4",
          "\"not_checked\"", "\"unsealed\"", "\"unprotected\""}) {
        EXPECT_NE(json.find(member), std::string::npos) << member << json;
    }
}

}  // namespace
}  // namespace anchorlog::verify
