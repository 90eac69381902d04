#include "verify/stamp_audit.h"

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/verify/evidence.h"
#include "anchorlog/wire/evidence.h"
#include "support/sim_tsa.h"
#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

class Stamps : public ::testing::Test {
protected:
    Stamps() {
        log.fill(2, 10);
        log.stamp_file();
        log.fill(1, 10);
        log.stamp_file();
    }

    LogBuilder log;
};

TEST_F(Stamps, AFileIsListedAndProvesNothing) {
    const Report report = audit(log, trust_of(log));
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.level, Level::sealed);
    EXPECT_EQ(report.unprotected, report.entries);
    ASSERT_EQ(report.targets.size(), 1u);
    EXPECT_EQ(report.targets[0].target, "copy");
    EXPECT_EQ(report.targets[0].state, "self");
    EXPECT_EQ(report.targets[0].covered_to, 3u);
    EXPECT_NE(to_text(report).find("\ntarget copy file self: 2 checkpoints, batches 0-3;"),
              std::string::npos)
        << to_text(report);
    EXPECT_NE(to_json(report).find("\"targets\""), std::string::npos);
}

TEST_F(Stamps, AnotherCheckpointThanTheSealedOneIsAFault) {
    std::string& line = log.anchors[0];
    const std::size_t at = line.find("\"hash\":\"") + 8;
    line[at] = line[at] == '0' ? '1' : '0';
    const Report report = audit(log, trust_of(log));
    EXPECT_EQ(kinds(report), std::vector<std::string>{"anchor_conflict"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].batch, 2u);
    EXPECT_EQ(report.faults[0].line, 1u);
    EXPECT_EQ(report.targets[0].state, "failed");
}

TEST_F(Stamps, AStampOfABatchThatIsGoneIsARollback) {
    log.batches.pop_back();
    log.entries.resize(log.entries.size() - 10);
    const Report report = audit(log, trust_of(log));
    EXPECT_EQ(kinds(report), std::vector<std::string>{"rolled_back"}) << all_faults(report);
}

TEST_F(Stamps, EveryTargetHasItsLine) {
    FakeChain chain;
    log.anchor(chain);
    Trust trust = trust_of(log);
    Report report = audit(log, trust);
    ASSERT_EQ(report.targets.size(), 2u);
    EXPECT_EQ(report.targets[0].type, "ethereum");
    EXPECT_EQ(report.targets[0].state, "untrusted");
    trust_blocks(trust, chain);
    report = audit(log, trust);
    EXPECT_EQ(report.targets[0].state, "verified");
    EXPECT_EQ(report.targets[0].covered_to, 3u);
}

// Tokens of a real signer in the test's time.
class Tokens : public ::testing::Test {
protected:
    void stamp(std::int64_t after_ms = 1'000) {
        log.stamp_token(
            tsa.token(crypto::sha256(as_bytes(log.checkpoint())), {log.now_ms() + after_ms}));
    }
    [[nodiscard]] Trust trust(bool is_public = true) const {
        Trust out = trust_of(log);
        out.authorities.push_back({"clock", tsa.ca(), is_public});
        return out;
    }

    LogBuilder log;
    testing::SimTsa tsa{"Clock House"};
};

TEST_F(Tokens, DateTheHistoryUpToTheirBatch) {
    log.fill(2, 10);
    stamp();
    log.fill(2, 10);
    stamp();
    log.fill(1, 7);
    Report report = audit(log, trust());
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.level, Level::timestamped);
    EXPECT_EQ(report.label, "public");
    EXPECT_EQ(report.unprotected, 7u);
    ASSERT_EQ(report.targets.size(), 1u);
    EXPECT_EQ(report.targets[0].state, "verified");
    EXPECT_EQ(report.targets[0].covered_to, 4u);
    EXPECT_NE(to_text(report).find("timestamped: batches 0-4 existed by "), std::string::npos)
        << to_text(report);
    EXPECT_EQ(audit(log, trust(false)).label, "private");
    report = audit(log, trust_of(log));
    EXPECT_EQ(report.level, Level::sealed);
    EXPECT_EQ(report.targets[0].state, "untrusted");
    FakeChain chain;
    log.anchor(chain);
    Trust both = trust();
    trust_blocks(both, chain);
    EXPECT_EQ(audit(log, both).level, Level::anchored);
}

TEST_F(Tokens, AHistoryStampedLongAfterItWasSealedIsTold) {
    log.fill(3, 10);
    stamp(41 * 86'400'000LL);
    const Report report = audit(log, trust());
    EXPECT_EQ(report.verdict, Verdict::pass);
    EXPECT_NE(to_text(report).find("the longest from a seal to its token is 41 d"),
              std::string::npos)
        << to_text(report);
}

TEST_F(Tokens, ATokenThatContradictsItselfIsAFaultForEverybody) {
    log.fill(1, 10);
    Bytes token = tsa.token(crypto::sha256(as_bytes(log.checkpoint())), {log.now_ms()});
    token.back() ^= 1;
    log.stamp_token(token);
    EXPECT_EQ(kinds(audit(log, trust())), std::vector<std::string>{"anchor_line"});
    EXPECT_EQ(kinds(audit(log, trust_of(log))), std::vector<std::string>{"anchor_line"});
    log.anchors.clear();
    log.stamp_token(tsa.token(crypto::sha256(as_bytes("another")), {log.now_ms()}));
    EXPECT_EQ(kinds(audit(log, trust())), std::vector<std::string>{"anchor_line"});
}

TEST_F(Tokens, GoWithTheEvidenceOfAnEntry) {
    log.fill(2, 10);
    stamp(5'000);
    log.fill(2, 10);
    stamp(9'000);
    MapFileSystem fs;
    log.write(fs, "store");
    const Trust trusted = trust();
    const EntryReport report = verify_entry(fs, "store", EntryIndex(3), trusted, nullptr);
    EXPECT_EQ(report.verdict, Verdict::pass) << to_text(report);
    EXPECT_EQ(report.level, Level::timestamped) << to_text(report);
    EXPECT_EQ(report.label, "public");
    const auto exported = export_evidence(fs, "store", EntryIndex(3), nullptr);
    ASSERT_FALSE(exported.file.empty()) << to_text(exported.report);
    EntryReport alone = verify_evidence(exported.file, trusted, nullptr);
    EXPECT_EQ(alone.level, Level::timestamped) << to_text(alone);
    EXPECT_NE(to_text(alone).find("timestamped: batches 0-2 existed by"), std::string::npos)
        << to_text(alone);
    alone = verify_evidence(exported.file, trust_of(log), nullptr);
    EXPECT_EQ(alone.verdict, Verdict::pass);
    EXPECT_EQ(alone.level, Level::sealed);
    auto evidence = *wire::parse_evidence(exported.file);
    ASSERT_EQ(evidence.stamps.size(), 1u);
    EXPECT_EQ(evidence.stamps[0].token.batch_id, BatchId(2));
    EXPECT_EQ(wire::format_evidence(evidence), exported.file);
    const auto refused = [&](const wire::Evidence& changed) {
        return verify_evidence(wire::format_evidence(changed), trusted, nullptr).verdict;
    };
    auto changed = evidence;
    changed.stamps[0].token.token.back() ^= 1;
    EXPECT_EQ(refused(changed), Verdict::fail);
    changed = evidence;
    changed.stamps[0].token.hash.bytes[0] ^= 1;
    EXPECT_EQ(refused(changed), Verdict::fail);
    changed = evidence;
    changed.stamps[0].path[0].bytes[0] ^= 1;
    EXPECT_EQ(refused(changed), Verdict::fail);
    changed = evidence;
    changed.stamps[0].checkpoint = evidence.checkpoint;
    EXPECT_EQ(refused(changed), Verdict::fail);
}

}  // namespace
}  // namespace anchorlog::verify
