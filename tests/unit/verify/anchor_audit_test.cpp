#include "anchorlog/wire/anchor_step.h"
#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

using Kinds = std::vector<std::string>;

class Anchors : public ::testing::Test {
protected:
    Anchors() {
        log.fill(2, 10);
        log.anchor(chain);
        log.fill(3, 10);
        log.anchor(chain);
    }

    LogBuilder log;
    FakeChain chain;
};

TEST_F(Anchors, OfflineProofsCountUnderTrustedBlocksOnly) {
    Trust trust = trust_of(log);
    Report report = audit(log, trust);
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.level, Level::sealed);
    ASSERT_EQ(report.anchors.size(), 2u);
    EXPECT_EQ(report.anchors[0].state, "block_untrusted");
    trust_blocks(trust, chain);
    report = audit(log, trust);
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.level, Level::anchored);
    EXPECT_EQ(report.label, "private");
    EXPECT_EQ(report.anchored_to, 5u);
    EXPECT_EQ(report.unprotected, 0u);
    EXPECT_EQ(report.anchors[1].state, "verified");
    trust.anchors[0].is_public = true;
    EXPECT_EQ(audit(log, trust).label, "public");
    trust.anchors[0].chain_id = 1;
    EXPECT_EQ(audit(log, trust).level, Level::sealed);
}

TEST_F(Anchors, NewestBlockAloneLeavesEarlierBatchesSealed) {
    Trust trust = trust_of(log);
    const auto& newest = chain.anchored().back();
    trust.blocks.insert({FakeChain::kChainId, newest.block_number, newest.block_hash});
    const Report report = audit(log, trust);
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.level, Level::sealed);
    EXPECT_NE(to_text(report).find("batches 0-2 have no verified anchor"), std::string::npos)
        << to_text(report);
}

TEST_F(Anchors, ChainAnswersForTheWholeLog) {
    log.fill(1, 4);
    FakeChainView view(chain);
    Report report = audit(log, trust_of(log), &view);
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.level, Level::anchored);
    EXPECT_EQ(report.unprotected, 4u);
    EXPECT_EQ(report.anchors.size(), 2u);
    EXPECT_NE(to_text(report).find("as honest as http://node.example"), std::string::npos);
    log.anchors.clear();
    report = audit(log, trust_of(log), &view);
    EXPECT_EQ(report.level, Level::anchored) << all_faults(report);
}

TEST_F(Anchors, SilentChainOrAnotherChainIsUndecided) {
    FakeChainView view(chain);
    view.down = true;
    EXPECT_EQ(audit(log, trust_of(log), &view).verdict, Verdict::undecided);
    view.down = false;
    view.id = 1;
    EXPECT_EQ(audit(log, trust_of(log), &view).verdict, Verdict::undecided);
    view.id = FakeChain::kChainId;
    view.code = Hash{};
    EXPECT_EQ(kinds(audit(log, trust_of(log), &view)), Kinds{"code_hash"});
}

TEST_F(Anchors, RolledBackLogFailsAgainstTheChainAndAgainstItsOwnAnchors) {
    log.batches.resize(4);
    const Report own = audit(log, trust_of(log));
    EXPECT_EQ(own.verdict, Verdict::fail);
    EXPECT_EQ(own.faults[0].kind, "rolled_back");
    log.anchors.resize(2);
    log.entries.resize(30);
    EXPECT_EQ(audit(log, trust_of(log)).verdict, Verdict::pass);
    FakeChainView view(chain);
    const Report online = audit(log, trust_of(log), &view);
    EXPECT_EQ(online.verdict, Verdict::fail);
    EXPECT_EQ(online.faults[0].kind, "rolled_back") << all_faults(online);
}

// The thief of the key writes another past and anchors it behind the first.
TEST_F(Anchors, HistoryRewrittenAndAnchoredLaterFails) {
    LogBuilder forged;
    forged.add_alert("cam-9");
    forged.seal();
    forged.fill(6, 10);
    FakeChainView view(chain);
    forged.anchor(chain);
    Trust trust = trust_of(log);
    trust_blocks(trust, chain);
    const Report offline = audit(forged, trust);
    EXPECT_EQ(offline.verdict, Verdict::fail);
    EXPECT_EQ(kinds(offline), Kinds{"anchor_missing"}) << all_faults(offline);
    const Report online = audit(forged, trust, &view);
    EXPECT_EQ(online.verdict, Verdict::fail);
    EXPECT_EQ(kinds(online), (Kinds{"anchor_conflict", "anchor_conflict"})) << all_faults(online);
    EXPECT_EQ(online.faults[0].batch, 0u);
    EXPECT_EQ(online.faults[0].batch_last, 2u);
    forged.anchors.insert(forged.anchors.begin(), log.anchors.begin(), log.anchors.end());
    EXPECT_EQ(audit(forged, trust).verdict, Verdict::fail);
}

TEST_F(Anchors, TamperedReceiptsAndAttemptsAreNamed) {
    const auto all = log.anchors;
    auto step = wire::parse_anchor_step(all[1]);
    auto receipt = std::get<wire::AnchorReceipt>(*step);
    const auto put = [&](const wire::AnchorReceipt& changed) {
        log.anchors = all;
        log.anchors[1] = wire::format_anchor_step(changed);
        const Report report = audit(log, trust_of(log));
        EXPECT_EQ(report.verdict, Verdict::fail);
        EXPECT_EQ(report.faults[0].kind, "anchor_line") << all_faults(report);
        EXPECT_EQ(report.faults[0].line, 2u);
    };
    auto changed = receipt;
    changed.block_header[40] ^= 1;
    put(changed);
    changed = receipt;
    changed.receipt_path[0].back() ^= 1;
    put(changed);
    changed = receipt;
    changed.transaction_index = 0;
    put(changed);
    changed = receipt;
    changed.from_batch = BatchId(1);
    put(changed);
    changed = receipt;
    changed.block_number += 1;
    put(changed);
    changed = receipt;
    changed.contract[3] ^= 1;
    put(changed);
    changed = receipt;
    changed.chain_id = 1;
    put(changed);
    log.anchors = all;
    log.anchors[0][log.anchors[0].find("\"raw\":\"") + 30] ^= 1;
    EXPECT_EQ(audit(log, trust_of(log)).verdict, Verdict::fail);
}

// Nothing proves the name of a target, so either line may be the altered one.
TEST_F(Anchors, AnAttemptAndItsReceiptThatDisagreeAreBothNamed) {
    auto attempt = std::get<wire::AnchorAttempt>(*wire::parse_anchor_step(log.anchors[0]));
    attempt.target = "eth2";
    log.anchors[0] = wire::format_anchor_step(attempt);
    const Report report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), (Kinds{"anchor_line", "anchor_line"})) << all_faults(report);
    EXPECT_EQ(report.faults[0].line, 2u);
    EXPECT_EQ(report.faults[1].line, 1u);
    EXPECT_EQ(report.faults[1].segment, report.faults[0].segment);
}

// The transaction of a receipt is in no proof, so it can be made to be another anchor's.
TEST_F(Anchors, AReceiptWithTheTransactionOfAnotherAttemptIsNamedWithIt) {
    auto receipt = std::get<wire::AnchorReceipt>(*wire::parse_anchor_step(log.anchors[3]));
    receipt.hash = std::get<wire::AnchorAttempt>(*wire::parse_anchor_step(log.anchors[0])).hash;
    log.anchors[3] = wire::format_anchor_step(receipt);
    const Report report = audit(log, trust_of(log));
    ASSERT_EQ(kinds(report), (Kinds{"anchor_line", "anchor_line"})) << all_faults(report);
    EXPECT_EQ(report.faults[0].line, 4u);
    EXPECT_EQ(report.faults[1].line, 1u);
}

TEST_F(Anchors, AnAlteredBatchContradictsItsAttemptAndItsReceipt) {
    LogBuilder other;
    other.fill(1, 9);
    other.fill(4, 10);
    other.anchors = log.anchors;
    const Report report = audit(other, trust_of(log));
    Kinds of_two;
    for (const Fault& fault : report.faults) {
        ASSERT_EQ(fault.kind, "anchor_conflict");
        if (fault.batch == 2u || fault.batch_last == 2u)
            of_two.push_back(std::to_string(*fault.line));
    }
    EXPECT_EQ(of_two, (Kinds{"1", "2"})) << all_faults(report);
    other.batches.resize(3);
    other.entries.resize(19);
    const Report cut = audit(other, trust_of(log));
    Kinds gone;
    for (const Fault& fault : cut.faults) {
        if (fault.kind == "rolled_back") gone.push_back(std::to_string(*fault.line));
    }
    EXPECT_EQ(gone, (Kinds{"3", "4"})) << all_faults(cut);
}

TEST_F(Anchors, ATransactionMinedAgainIsStillItsAttempts) {
    log.fill(1, 4);
    log.anchor_after_reorg(chain);
    Trust trust = trust_of(log);
    trust_blocks(trust, chain);
    const Report report = audit(log, trust);
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.anchored_to, 6u);
    for (const std::string& note : report.notes) {
        EXPECT_EQ(note.find("adopted"), std::string::npos) << note;
    }
    ASSERT_GE(report.anchors.size(), 4u);
    EXPECT_EQ(report.anchors[2].state, "superseded");
    EXPECT_EQ(report.anchors[3].state, "verified");
}

TEST_F(Anchors, SupersededReceiptDoesNotCount) {
    Trust trust = trust_of(log);
    trust_blocks(trust, chain);
    const auto receipt = std::get<wire::AnchorReceipt>(*wire::parse_anchor_step(log.anchors[3]));
    wire::AnchorSuperseded gone{receipt.target, receipt.batch_id, receipt.hash, "reorg", {}};
    log.anchors.push_back(wire::format_anchor_step(gone));
    const Report report = audit(log, trust);
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.anchored_to, 2u);
    EXPECT_EQ(report.anchors[1].state, "superseded");
}

std::string superseding(const std::string& receipt_line) {
    const auto receipt = std::get<wire::AnchorReceipt>(*wire::parse_anchor_step(receipt_line));
    return wire::format_anchor_step(
        wire::AnchorSuperseded{receipt.target, receipt.batch_id, receipt.hash, "reorg", {}});
}

// The block of an anchor was replaced and its new one, which the reader trusts, is not on record
// yet; that of the next anchor is.
TEST_F(Anchors, AReorganisationThatIsNotOnRecordYetIsNoFault) {
    log.fill(1, 4);
    log.anchor_after_reorg(chain, false);
    log.fill(1, 4);
    log.anchor(chain);
    Trust trust = trust_of(log);
    trust_blocks(trust, chain);
    const Report report = audit(log, trust);
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.level, Level::sealed) << "batch 6 is not covered, so no cover begins at 0";
    EXPECT_EQ(report.anchored_to, 7u);
    EXPECT_EQ(report.anchors[2].state, "superseded");
    FakeChainView view(chain);
    EXPECT_EQ(audit(log, trust, &view).level, Level::anchored) << "the chain itself knows it";
    std::erase_if(log.anchors, [](const std::string& line) {
        return line.find("\"batch_id\":6,") != std::string::npos &&
               line.find("\"kind\":\"receipt\"") != std::string::npos;
    });
    EXPECT_EQ(kinds(audit(log, trust)), Kinds{"anchor_missing"}) << "nothing is shown any more";
}

// Superseded receipts of the true history do not make up for a past that is not theirs.
TEST_F(Anchors, SupersededReceiptsOfAnotherPastShowNothing) {
    LogBuilder forged;
    forged.add_alert("cam-9");
    forged.seal();
    forged.fill(6, 10);
    forged.anchor(chain);
    for (const std::size_t line : {1u, 3u}) {
        forged.anchors.insert(forged.anchors.begin(),
                              {log.anchors[line], superseding(log.anchors[line])});
    }
    Trust trust = trust_of(log);
    trust_blocks(trust, chain);
    EXPECT_EQ(kinds(audit(forged, trust)), Kinds{"anchor_missing"});
}

}  // namespace
}  // namespace anchorlog::verify
