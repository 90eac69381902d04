#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

class VerifyConsistency : public ::testing::Test {
protected:
    VerifyConsistency() {
        log.fill(2, 5);
        kept = log.checkpoint();
        log.fill(3, 5);
    }

    ConsistencyReport check(const LogBuilder& now, const std::string& note) const {
        MapFileSystem fs;
        now.write(fs, "store", {100, 2, 100}, false);
        return verify_consistency(fs, "store", note, trust_of_first(log));
    }
    static LogBuilder other_history(std::uint64_t batches) {
        LogBuilder forged;
        forged.add_alert("cam-9");
        forged.seal();
        forged.fill(batches, 5);
        return forged;
    }

    LogBuilder log;
    std::string kept;  // of size 3
};

TEST_F(VerifyConsistency, ALogThatGrewPasses) {
    const ConsistencyReport report = check(log, kept);
    ASSERT_EQ(report.verdict, Verdict::pass) << to_text(report);
    EXPECT_EQ(report.origin, LogBuilder::kOrigin);
    EXPECT_EQ(report.kept->size, 3u);
    EXPECT_EQ(report.kept->checkpoint, kept);
    EXPECT_EQ(report.root_then, report.kept->root);
    EXPECT_EQ(report.store->size, 6u);
    EXPECT_EQ(report.store->checkpoint, log.checkpoint());
    EXPECT_EQ(check(log, log.checkpoint()).verdict, Verdict::pass) << "nothing since";
    EXPECT_NE(to_text(report).find("PASS CONSISTENT: from 3 to 6 batches"), std::string::npos);
}

TEST_F(VerifyConsistency, ALogThatWasSetBackFailsWithBothHeads) {
    const std::string newest = log.checkpoint();
    LogBuilder old;
    old.fill(2, 5);
    const ConsistencyReport report = check(old, newest);
    ASSERT_EQ(report.verdict, Verdict::fail) << to_text(report);
    ASSERT_EQ(report.faults.size(), 1u);
    EXPECT_EQ(report.faults[0].kind, "rolled_back");
    EXPECT_EQ(report.faults[0].batch, 3u);
    EXPECT_EQ(report.faults[0].batch_last, 5u);
    EXPECT_EQ(report.kept->size, 6u);
    EXPECT_EQ(report.store->size, 3u);
    EXPECT_FALSE(report.root_then);
    const std::string text = to_text(report);
    EXPECT_NE(text.find(to_hex(report.kept->root)), std::string::npos);
    EXPECT_NE(text.find(to_hex(report.store->root)), std::string::npos);
}

TEST_F(VerifyConsistency, ALogThatWasSetBackAndGrewAgainFails) {
    const LogBuilder again = other_history(8);
    const ConsistencyReport report = check(again, kept);
    ASSERT_EQ(report.verdict, Verdict::fail) << to_text(report);
    EXPECT_EQ(report.faults.at(0).kind, "forked");
    EXPECT_EQ(report.store->size, 10u);
    ASSERT_TRUE(report.root_then);
    EXPECT_NE(*report.root_then, report.kept->root);
}

TEST_F(VerifyConsistency, AnAlteredHeaderFailsByItself) {
    auto& line = log.batches[1];
    line.replace(line.find("\"count\":5"), 9, "\"count\":4");
    const ConsistencyReport report = check(log, kept);
    EXPECT_EQ(report.verdict, Verdict::fail) << to_text(report);
    EXPECT_EQ(report.faults.at(0).batch, 1u);
    EXPECT_FALSE(report.root_then) << "no root can be made of an altered header";
}

TEST_F(VerifyConsistency, ACheckpointNobodyTrustedSignedDecidesNothing) {
    LogBuilder theirs(9);
    theirs.fill(7, 5);
    for (const std::string& note : {theirs.checkpoint(), std::string("no note"), std::string()}) {
        const ConsistencyReport report = check(log, note);
        EXPECT_EQ(report.verdict, Verdict::undecided) << to_text(report);
        EXPECT_TRUE(report.faults.empty());
        EXPECT_EQ(report.undecided.size(), 1u);
    }
    std::string altered = kept;
    altered[altered.find("\n3\n") + 1] = '4';
    EXPECT_EQ(check(log, altered).verdict, Verdict::undecided);
}

TEST_F(VerifyConsistency, AnEmptyStoreWasSetBack) {
    MapFileSystem fs;
    fs.files["store/batches/00000000000000000000.ndjson"] = "";
    const auto report = verify_consistency(fs, "store", kept, trust_of(log));
    EXPECT_EQ(report.verdict, Verdict::fail) << to_text(report);
    EXPECT_EQ(report.faults.at(0).kind, "rolled_back");
    MapFileSystem nothing;
    EXPECT_EQ(verify_consistency(nothing, "store", kept, trust_of(log)).verdict,
              Verdict::undecided);
}

TEST_F(VerifyConsistency, KeysOfTheirTimeCount) {
    log.change_key(7);
    log.fill(2, 5);
    const std::string by_new = log.checkpoint();
    log.fill(1, 5);
    EXPECT_EQ(check(log, kept).verdict, Verdict::pass) << "signed by the key before";
    EXPECT_EQ(check(log, by_new).verdict, Verdict::pass) << "signed by the key the log changed to";
    const LogBuilder again = other_history(20);
    const ConsistencyReport unknown = check(again, by_new);
    EXPECT_EQ(unknown.verdict, Verdict::undecided) << "that history never had this key";
}

TEST_F(VerifyConsistency, AReplacedKeysNoteIsSaidToBeOne) {
    const LogBuilder old_key = other_history(20);
    log.change_key(7);
    log.fill(20, 5);
    const ConsistencyReport report = check(log, old_key.checkpoint());
    ASSERT_EQ(report.verdict, Verdict::fail) << to_text(report);
    EXPECT_NE(report.faults.at(0).detail.find("had replaced"), std::string::npos);
}

}  // namespace
}  // namespace anchorlog::verify
