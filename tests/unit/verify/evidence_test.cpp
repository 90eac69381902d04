#include "anchorlog/verify/evidence.h"

#include <functional>

#include "anchorlog/wire/evidence.h"
#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

ExportedEvidence make_evidence(const LogBuilder& log, std::uint64_t index,
                               const Trust* trust = nullptr) {
    MapFileSystem fs;
    log.write(fs, "store", 20);
    return export_evidence(fs, "store", EntryIndex(index), trust);
}

std::string last_step(const EntryReport& report) {
    return report.hits.empty() || report.hits[0].steps.empty() ? ""
                                                               : report.hits[0].steps.back().name;
}

// Batches 0-2 under one anchor, 3-4 under another, 5 under none; ten entries a batch.
class EvidenceFile : public ::testing::Test {
protected:
    EvidenceFile() {
        log.fill(2, 10);
        log.anchor(chain);
        log.fill(2, 10);
        log.anchor(chain);
        log.fill(1, 10);
        trust = trust_of(log);
        trust_blocks(trust, chain);
    }

    EntryReport check(const std::string& file, ChainView* view = nullptr) {
        return verify_evidence(file, trust, view);
    }
    wire::Evidence evidence_of(std::uint64_t index) {
        const std::string file = make_evidence(log, index).file;
        EXPECT_FALSE(file.empty());
        return *wire::parse_evidence(file);
    }
    EntryReport check(const wire::Evidence& evidence, ChainView* view = nullptr) {
        return check(wire::format_evidence(evidence), view);
    }

    LogBuilder log;
    FakeChain chain;
    Trust trust;
};

TEST_F(EvidenceFile, GoesFromTheLineToTheAnchorWithoutAStore) {
    for (const std::uint64_t index : {0u, 13u, 19u, 20u, 39u}) {
        const ExportedEvidence made = make_evidence(log, index);
        ASSERT_EQ(made.report.verdict, Verdict::pass) << to_text(made.report);
        EXPECT_EQ(made.report.level, Level::sealed) << "its own keys are no trust in a chain";
        const EntryReport report = check(made.file);
        ASSERT_EQ(report.verdict, Verdict::pass) << to_text(report);
        EXPECT_EQ(report.level, Level::anchored);
        EXPECT_EQ(report.label, "private");
        EXPECT_EQ(report.hits.at(0).index, index);
        EXPECT_EQ(report.hits[0].text, log.entries[index]);
        EXPECT_FALSE(report.basis.empty()) << "never a PASS without what it rests on";
    }
    EXPECT_EQ(check(make_evidence(log, 45).file).level, Level::sealed);
}

TEST_F(EvidenceFile, TheTrustFileAloneDecidesTheLevel) {
    const std::string file = make_evidence(log, 13).file;
    const auto level = [&] {
        const EntryReport report = check(file);
        EXPECT_EQ(report.verdict, Verdict::pass) << to_text(report);
        return report.level;
    };
    trust.anchors[0].is_public = true;
    EXPECT_EQ(check(file).label, "public");
    const std::set<TrustedBlock> blocks = std::exchange(trust.blocks, {});
    EXPECT_EQ(level(), Level::sealed) << "no trusted block";
    EXPECT_NE(to_text(check(file)).find("a signature alone proves nothing"), std::string::npos);
    trust.blocks = {*std::next(blocks.begin())};
    EXPECT_EQ(level(), Level::sealed) << "another batch's block";
    trust.blocks = blocks;
    trust.anchors[0].contract[3] ^= 1;
    EXPECT_EQ(level(), Level::sealed) << "another contract";
    trust.anchors.clear();
    EXPECT_EQ(level(), Level::sealed);
    LogBuilder stranger(9);
    trust = trust_of(stranger);
    EXPECT_EQ(check(file).verdict, Verdict::fail);
    EXPECT_EQ(last_step(check(file)), "checkpoint");
}

// Each change, and the step at which it is found.
using Change = std::function<void(wire::Evidence&)>;

class TamperedEvidence : public EvidenceFile {
protected:
    void expect_caught(const std::vector<std::pair<std::string, Change>>& changes) {
        const wire::Evidence good = evidence_of(13);
        ASSERT_EQ(check(good).level, Level::anchored);
        for (std::size_t i = 0; i < changes.size(); ++i) {
            wire::Evidence changed = good;
            changes[i].second(changed);
            const EntryReport report = check(changed);
            EXPECT_EQ(report.verdict, Verdict::fail) << i << to_text(report);
            EXPECT_EQ(last_step(report), changes[i].first) << i << to_text(report);
            EXPECT_EQ(report.still.size(), 1u) << i;
        }
    }
};

TEST_F(TamperedEvidence, EntryAndPath) {
    const auto flip = [](auto& bytes) {
        bytes[bytes.size() / 2] ^= 1;
    };
    expect_caught({
        {"batch_path",
         [](auto& e) {
             e.entry.replace(e.entry.find("cam-2"), 5, "cam-3");
         }},
        {"parse",
         [](auto& e) {
             e.entry += " ";
         }},
        {"canonical",
         [](auto& e) {
             e.entry.insert(e.entry.find("\"alert_type\""), " ");
         }},
        {"batch_path",
         [&](auto& e) {
             e.entry = log.entries[14];
         }},
        {"batch_path",
         [&](auto& e) {
             e.entry = log.entries[23];
         }},
        {"batch_path",
         [&](auto& e) {
             flip(e.batch_path[1].bytes);
         }},
        {"batch_path",
         [](auto& e) {
             e.batch_path.pop_back();
         }},
        {"batch_path",
         [](auto& e) {
             e.batch_path.emplace_back();
         }},
        {"batch_path",
         [](auto& e) {
             e.header.replace(e.header.find("\"merkle_root\":\"") + 15, 2, "00");
         }},
    });
}

TEST_F(TamperedEvidence, HistoryCheckpointAndSeal) {
    const auto flip = [](auto& bytes) {
        bytes[bytes.size() / 2] ^= 1;
    };
    expect_caught({
        {"history_path",
         [](auto& e) {
             e.header.replace(e.header.find("\"prev_root\":\"") + 13, 2, "00");
         }},
        {"header",
         [](auto& e) {
             e.header.pop_back();
         }},
        {"header",
         [](auto& e) {
             ++e.batch_id;
         }},
        {"history_path",
         [&](auto& e) {
             flip(e.history_path[0].bytes);
         }},
        {"history_path",
         [](auto& e) {
             e.history_path.clear();
         }},
        {"history_path",
         [](auto& e) {
             e.checkpoint.replace(e.checkpoint.find("\n3\n"), 3, "\n4\n");
         }},
        {"checkpoint",
         [](auto& e) {
             e.checkpoint[e.checkpoint.size() - 9] ^= 1;
         }},
        {"checkpoint",
         [](auto& e) {
             e.checkpoint = "nothing signed\n";
         }},
        {"header",
         [](auto& e) {
             e.checkpoint.replace(e.checkpoint.find("gw-01"), 5, "gw-02");
         }},
        {"seal",
         [&](auto& e) {
             flip(e.seal);
         }},
    });
}

TEST_F(TamperedEvidence, Anchor) {
    const auto flip = [](auto& bytes) {
        bytes[bytes.size() / 2] ^= 1;
    };
    expect_caught({
        {"anchor",
         [&](auto& e) {
             flip(e.anchors[0].path[0].bytes);
         }},
        {"anchor",
         [&](auto& e) {
             flip(e.anchors[0].receipt.block_header);
         }},
        {"anchor",
         [&](auto& e) {
             flip(e.anchors[0].receipt.block_hash.bytes);
         }},
        {"anchor",
         [&](auto& e) {
             flip(e.anchors[0].receipt.receipt_path.back());
         }},
        {"anchor",
         [](auto& e) {
             e.anchors[0].receipt.receipt_path.pop_back();
         }},
        {"anchor",
         [](auto& e) {
             e.anchors[0].receipt.receipt_path.push_back({0xc0});
         }},
        {"anchor",
         [](auto& e) {
             ++e.anchors[0].receipt.transaction_index;
         }},
        {"anchor",
         [](auto& e) {
             ++e.anchors[0].receipt.log_index;
         }},
        {"anchor",
         [](auto& e) {
             ++e.anchors[0].receipt.block_number;
         }},
        {"anchor",
         [](auto& e) {
             ++e.anchors[0].receipt.from_batch;
         }},
        {"anchor",
         [](auto& e) {
             ++e.anchors[0].receipt.batch_id;
         }},
        {"anchor",
         [](auto& e) {
             e.anchors[0].receipt.contract[0] ^= 1;
         }},
    });
}

// What nothing protects: the receipt's own notes on when, to whom and by which transaction.
TEST_F(EvidenceFile, EverySingleByteIsProtectedOrWithoutMeaning) {
    const wire::Evidence original = evidence_of(13);
    const std::string good = wire::format_evidence(original);
    const std::string& line = log.entries[13];
    std::size_t tried = 0;
    std::size_t passed = 0;
    for (std::size_t i = 0; i < good.size(); i += 7) {
        for (const int bit : {0, 5}) {
            std::string bad = good;
            bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
            ++tried;
            const EntryReport report = check(bad);
            if (report.verdict != Verdict::pass) continue;
            ++passed;
            EXPECT_EQ(report.hits.at(0).text, line) << "byte " << i;
            const auto read = wire::parse_evidence(bad);
            ASSERT_TRUE(read);
            wire::Evidence same = *read;
            for (std::size_t a = 0; a < same.anchors.size(); ++a) {
                const wire::AnchorReceipt& was = original.anchors[a].receipt;
                same.anchors[a].receipt.at = was.at;
                same.anchors[a].receipt.target = was.target;
                same.anchors[a].receipt.hash = was.hash;
            }
            EXPECT_EQ(wire::format_evidence(same), good) << "byte " << i;
        }
    }
    EXPECT_GT(tried, 500u);
    EXPECT_LT(passed, tried / 20);
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_NE(check(good.substr(0, size)).verdict, Verdict::pass) << size;
    }
}

// The holder of the log key rewrites batches 1 and 2 after they were anchored, goes on, and
// anchors what came later. That anchor's root holds the forged batches too.
class Rewritten : public EvidenceFile {
protected:
    Rewritten() {
        forged.add_alert("cam-9");
        forged.seal();
        forged.fill(4, 10);
        forged.anchor(chain_after);
        trust.blocks.clear();
        trust_blocks(trust, chain_after);
    }

    static FakeChain after_first(const FakeChain& chain) {
        FakeChain out;
        out.anchor(eth::record_of_event(chain.anchored()[0].event));
        return out;
    }

    LogBuilder forged;
    FakeChain chain_after = after_first(chain);
};

TEST_F(Rewritten, AnAnchorCountsOnlyForTheBatchesItIsTheFirstOver) {
    MapFileSystem fs;
    forged.write(fs, "store");
    const EntryReport in_store = verify_entry(fs, "store", EntryIndex(0), trust, nullptr);
    EXPECT_EQ(in_store.level, Level::sealed) << to_text(in_store);
    wire::Evidence later = *wire::parse_evidence(make_evidence(forged, 25).file);
    EXPECT_EQ(later.anchors.at(0).receipt.from_batch, BatchId(3));
    EXPECT_EQ(check(later).level, Level::anchored) << "batch 3 was never anchored before";

    wire::Evidence lie = *wire::parse_evidence(make_evidence(forged, 0).file);
    ASSERT_TRUE(lie.anchors.empty());
    EXPECT_EQ(check(lie).level, Level::sealed) << "and a SEALED proves nothing against the key";
    lie.anchors = later.anchors;
    EntryReport report = check(lie);
    EXPECT_EQ(report.verdict, Verdict::fail) << to_text(report);
    EXPECT_EQ(last_step(report), "anchor");
    EXPECT_NE(describe(report.faults[0]).find("fromBatch <= 1"), std::string::npos);
    lie.anchors[0].receipt.from_batch = BatchId(0);
    EXPECT_EQ(check(lie).verdict, Verdict::fail) << "the event says 3";
    lie.anchors = evidence_of(5).anchors;
    report = check(lie);
    EXPECT_EQ(report.verdict, Verdict::fail) << "the true anchor is over another history";
    EXPECT_EQ(last_step(report), "anchor");
}

TEST_F(Rewritten, TheChainDeniesIt) {
    FakeChainView view(chain_after);
    const wire::Evidence lie = *wire::parse_evidence(make_evidence(forged, 0).file);
    const EntryReport report = check(lie, &view);
    EXPECT_EQ(report.verdict, Verdict::undecided) << to_text(report);
    EXPECT_NE(report.undecided.at(0).find("export it again"), std::string::npos);
    MapFileSystem fs;
    forged.write(fs, "store");
    EXPECT_EQ(verify_entry(fs, "store", EntryIndex(0), trust, &view).verdict, Verdict::fail);
}

TEST_F(EvidenceFile, AsksTheChainWhenItMay) {
    FakeChainView view(chain);
    trust.blocks.clear();
    EntryReport report = check(evidence_of(13), &view);
    EXPECT_EQ(report.verdict, Verdict::pass) << to_text(report);
    EXPECT_EQ(report.level, Level::anchored);
    EXPECT_NE(to_text(report).find("as honest as http://node.example"), std::string::npos);
    FakeChain empty;
    FakeChainView other(empty);
    EXPECT_EQ(check(evidence_of(13), &other).verdict, Verdict::fail) << "not on this chain";
    view.down = true;
    EXPECT_EQ(check(evidence_of(13), &view).verdict, Verdict::undecided);
    view.down = false;
    view.code.bytes[0] ^= 1;
    EXPECT_EQ(check(evidence_of(13), &view).verdict, Verdict::fail) << "another contract's code";
    FakeChainView same(chain);
    wire::Evidence without = evidence_of(13);
    without.anchors.clear();
    report = check(without, &same);
    EXPECT_EQ(report.level, Level::anchored) << "its checkpoint is of the anchored size\n"
                                             << to_text(report);
}

TEST_F(EvidenceFile, WitnessesLiftItWhenTheyAreAQuorum) {
    std::vector<std::unique_ptr<crypto::Signer>> witnesses;
    std::string text = "log " + wire::format_vkey(log.vkey()) + "\n";
    for (std::uint8_t i = 0; i < 3; ++i) {
        std::array<std::uint8_t, 32> seed{};
        seed.fill(static_cast<std::uint8_t>(0x70 + i));
        witnesses.push_back(crypto::signer_from_seed(seed));
        trust.witnesses.push_back(
            {"w" + std::to_string(i),
             wire::make_cosigner_key("w" + std::to_string(i), witnesses[i]->public_key()), ""});
    }
    trust.groups.push_back({"two", 2, {"w0", "w1", "w2"}});
    trust.quorum = "two";
    trust.blocks.clear();
    wire::Evidence evidence = evidence_of(13);
    const auto cosign = [&](std::size_t i) {
        const auto note = wire::parse_note(evidence.checkpoint);
        evidence.checkpoint +=
            *wire::cosign_note(*note, "w" + std::to_string(i), 1'700'000'000, *witnesses[i]);
    };
    EXPECT_EQ(check(evidence).verdict, Verdict::undecided) << "what the reader demands is missing";
    cosign(0);
    EXPECT_EQ(check(evidence).verdict, Verdict::undecided);
    cosign(2);
    EntryReport report = check(evidence);
    EXPECT_EQ(report.verdict, Verdict::pass) << to_text(report);
    EXPECT_EQ(report.level, Level::witnessed);
    EXPECT_NE(to_text(report).find("w0 at 2023-11-14T22:13:20.000Z, w2"), std::string::npos);
    trust_blocks(trust, chain);
    EXPECT_EQ(check(evidence).level, Level::anchored);
    trust.blocks.clear();
    trust.quorum = "none";
    EXPECT_EQ(check(evidence).level, Level::sealed) << "nobody was asked for";
    const std::size_t last = evidence.checkpoint.size() - 10;
    evidence.checkpoint[last] = evidence.checkpoint[last] == 'A' ? 'B' : 'A';
    report = check(evidence);
    EXPECT_EQ(report.verdict, Verdict::fail) << "a known witness's false line";
    EXPECT_EQ(last_step(report), "witnesses");
}

TEST_F(EvidenceFile, IsNotMadeOfWhatDoesNotHold) {
    log.add_alert();
    EXPECT_TRUE(make_evidence(log, 50).file.empty());
    EXPECT_EQ(make_evidence(log, 50).report.verdict, Verdict::undecided);
    EXPECT_TRUE(make_evidence(log, 99).file.empty());
    log.entries[13].replace(log.entries[13].find("cam-2"), 5, "cam-9");
    EXPECT_EQ(make_evidence(log, 13).report.verdict, Verdict::fail);
    EXPECT_TRUE(make_evidence(log, 13).file.empty());
    LogBuilder stranger(9);
    Trust others = trust_of(stranger);
    EXPECT_TRUE(make_evidence(log, 23, &others).file.empty());
}

TEST_F(EvidenceFile, WhatCannotBeReadFails) {
    for (const std::string text : {"", "c2sp.org/tlog-proof@v1\n", "\x00\xff", "{}"}) {
        const EntryReport report = check(text);
        EXPECT_EQ(report.verdict, Verdict::fail);
        EXPECT_EQ(report.faults.at(0).kind, "parse");
    }
}

TEST_F(EvidenceFile, WhatHoldsInSpiteOfABreakIsSaid) {
    wire::Evidence evidence = evidence_of(13);
    evidence.entry.replace(evidence.entry.find("cam-2"), 5, "cam-3");
    EntryReport report = check(evidence);
    EXPECT_NE(report.still.at(0).find("batch 2 as a whole"), std::string::npos);
    EXPECT_NE(report.still[0].find("is ANCHORED"), std::string::npos) << report.still[0];
    evidence.seal[3] ^= 1;
    EXPECT_EQ(check(evidence).still.at(0), "nothing of this evidence");
}

}  // namespace
}  // namespace anchorlog::verify
