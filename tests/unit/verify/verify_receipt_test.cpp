#include "anchorlog/verify/receipt.h"

#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

class VerifyReceipt : public ::testing::Test {
protected:
    VerifyReceipt() { log.fill(2, 5); }

    // What the log would have said of an entry when it became durable.
    std::string receipt_of(std::uint64_t index, std::uint8_t key_seed = 1) const {
        std::array<std::uint8_t, 32> seed{};
        seed.fill(key_seed);
        const auto signer = crypto::signer_from_seed(seed);
        wire::Receipt receipt;
        receipt.device_id = "cam-1";
        receipt.seq_no = SeqNo(1);
        receipt.index = EntryIndex(index);
        receipt.leaf = merkle::hash_leaf(as_bytes(log.entries.at(index)));
        receipt.received_at = WallTime{log.now_ms()};
        receipt.signer = wire::format_key_id(
            wire::make_verifier_key(LogBuilder::kOrigin, signer->public_key()).key_id);
        receipt.sig =
            *signer->sign(wire::receipt_payload(wire::log_id_of(LogBuilder::kOrigin), receipt.index,
                                                receipt.leaf, receipt.received_at));
        return wire::format_receipt(receipt);
    }
    ReceiptReport check(const LogBuilder& now, const std::string& receipt,
                        bool with_leaves = false) const {
        MapFileSystem fs;
        now.write(fs, "store", 1000, with_leaves);
        return verify_receipt(fs, "store", receipt, trust_of_first(log));
    }

    LogBuilder log;
};

TEST_F(VerifyReceipt, IsKeptByTheSealedLine) {
    const std::string receipt = receipt_of(7);
    const ReceiptReport report = check(log, receipt);
    ASSERT_EQ(report.verdict, Verdict::pass) << to_text(report);
    EXPECT_EQ(report.batch, 2u);
    EXPECT_EQ(report.leaf, report.receipt->leaf);
    EXPECT_TRUE(report.proof_line.empty());
    EXPECT_NE(to_text(report).find("PASS KEPT: entry 7"), std::string::npos);
    EXPECT_EQ(check(log, receipt + "\n").verdict, Verdict::pass) << "as a line of a file";
}

TEST_F(VerifyReceipt, IsUndecidedUntilASealHadToReachIt) {
    log.add_alert();
    const std::string receipt = receipt_of(10);
    EXPECT_EQ(check(log, receipt).verdict, Verdict::undecided);
    LogBuilder late;  // the same log, and the promised entry never gets into it
    late.fill(2, 5);
    late.wait_ms(kReceiptGraceMs);
    late.seal_control("note", "{}");
    const ReceiptReport in_time = check(late, receipt);
    const bool is_in_time =
        late.headers.back().sealed_at.ms - in_time.receipt->received_at.ms <= kReceiptGraceMs;
    EXPECT_EQ(in_time.verdict, is_in_time ? Verdict::undecided : Verdict::fail);
    late.wait_ms(kReceiptGraceMs);
    late.seal_control("note", "{}");
    const ReceiptReport broken = check(late, receipt);
    ASSERT_EQ(broken.verdict, Verdict::fail) << to_text(broken);
    EXPECT_EQ(broken.faults.at(0).kind, "receipt_broken");
    EXPECT_EQ(broken.proof_line, late.batches.back());
    EXPECT_TRUE(broken.proof_path.empty());
}

TEST_F(VerifyReceipt, IsBrokenByAnotherLineInItsPlace) {
    const std::string receipt = receipt_of(7);
    LogBuilder other;
    other.add_alert("cam-9");
    other.seal();
    other.fill(2, 5);
    const ReceiptReport report = check(other, receipt);
    ASSERT_EQ(report.verdict, Verdict::fail) << to_text(report);
    EXPECT_EQ(report.faults.at(0).kind, "receipt_broken");
    EXPECT_EQ(report.faults[0].expected, to_hex(report.receipt->leaf));
    // Whoever has receipt and proof needs nothing of us.
    const auto line = wire::parse_batch_line(report.proof_line);
    ASSERT_TRUE(line);
    const auto header = wire::parse_header(line->header);
    EXPECT_TRUE(merkle::verify_inclusion(7 - header->first_index.value, TreeSize(header->count),
                                         *report.leaf, report.proof_path, header->merkle_root));
    EXPECT_TRUE(wire::verify_note(*wire::parse_note(line->checkpoint), {other.vkey()}));
    EXPECT_NE(to_json(report).find("batch_line"), std::string::npos);
}

TEST_F(VerifyReceipt, AnAlteredStoreIsNotTheLogsDoing) {
    const std::string receipt = receipt_of(7);
    auto& entry = log.entries[8];
    entry.replace(entry.find("cam-"), 5, "cam-9");
    EXPECT_EQ(check(log, receipt).verdict, Verdict::undecided) << "which line was altered?";
    EXPECT_EQ(check(log, receipt, true).verdict, Verdict::pass) << "the leaf hashes tell";
    // Nor can somebody else put up a header that the promise would be broken by.
    LogBuilder stranger(9);
    stranger.fill(2, 5);
    stranger.wait_ms(10 * kReceiptGraceMs);
    stranger.seal_control("note", "{}");
    log.add_alert();
    const std::string open = receipt_of(10);
    log.batches.push_back(stranger.batches.back());
    const ReceiptReport framed = check(log, open);
    EXPECT_EQ(framed.verdict, Verdict::undecided) << to_text(framed);
}

TEST_F(VerifyReceipt, WhatNobodySignedPromisesNothing) {
    std::string altered = receipt_of(7);
    altered.replace(altered.find("\"index\":7"), 9, "\"index\":6");
    for (const std::string& text : {std::string("{}"), receipt_of(7, 9), altered}) {
        const ReceiptReport report = check(log, text);
        EXPECT_EQ(report.verdict, Verdict::undecided) << to_text(report);
        EXPECT_TRUE(report.faults.empty());
    }
}

TEST_F(VerifyReceipt, TheKeyThatTheLogChangedToCounts) {
    log.change_key(7);
    log.fill(1, 5);
    EXPECT_EQ(check(log, receipt_of(12, 7)).verdict, Verdict::pass);
    EXPECT_EQ(check(log, receipt_of(2)).verdict, Verdict::pass);
    const ReceiptReport late = check(log, receipt_of(12));
    EXPECT_EQ(late.verdict, Verdict::undecided) << "by the key that was replaced";
    EXPECT_NE(to_text(late).find("was replaced before entry 10"), std::string::npos);
}

}  // namespace
}  // namespace anchorlog::verify
