#include "anchorlog/wire/anchor_step.h"

#include <gtest/gtest.h>

#include <limits>

#include "anchorlog/wire/canonical_json.h"
#include "unit/wire/mutations.h"

namespace anchorlog::wire {
namespace {

constexpr WallTime kNow{1'767'323'045'678};  // 2026-01-02T03:04:05.678Z
const std::string kZeros(64, '0');

AnchorAttempt attempt() {
    AnchorAttempt step;
    step.target = "eth";
    step.batch_id = BatchId(7);
    step.nonce = 3;
    step.gas = 60'000;
    step.max_fee = std::numeric_limits<std::uint64_t>::max();
    step.priority_fee = 0;
    step.raw = {0x02, 0xf8, 0x00};
    step.at = kNow;
    return step;
}

AnchorReceipt receipt() {
    AnchorReceipt step;
    step.target = "eth";
    step.batch_id = BatchId(7);
    step.from_batch = BatchId(5);
    step.chain_id = 1337;
    step.contract.fill(0xc0);
    step.block_number = 12;
    step.block_header = {0xf9, 0x01};
    step.transaction_index = 2;
    step.log_index = 1;
    step.receipt_path = {{0xaa}, {0xbb, 0xcc}};
    step.at = kNow;
    return step;
}

AnchorSuperseded superseded() { return {"eth", BatchId(7), Hash(), "reorg of \"block 12\"", kNow}; }

AnchorToken token() { return {"tsa", BatchId(7), Hash(), {0x30, 0x01, 0xff}, kNow}; }
AnchorWritten written() { return {"copy", BatchId(7), Hash(), kNow}; }

TEST(AnchorStep, WritesWhatTheHeaderDocuments) {
    EXPECT_EQ(format_anchor_step(attempt()),
              R"({"at":"2026-01-02T03:04:05.678Z","batch_id":7,"gas":60000,"hash":")" + kZeros +
                  R"(","kind":"attempt","max_fee":"18446744073709551615","nonce":3,)"
                  R"("priority_fee":"0","raw":"02f800","target":"eth"})");
    std::string contract;
    for (int i = 0; i < 20; ++i) contract += "c0";
    EXPECT_EQ(format_anchor_step(receipt()),
              R"({"at":"2026-01-02T03:04:05.678Z","batch_id":7,"block_hash":")" + kZeros +
                  R"(","block_header":"f901","block_number":12,"chain_id":1337,"contract":")" +
                  contract + R"(","from_batch":5,"hash":")" + kZeros +
                  R"(","kind":"receipt","log_index":1,"receipt_path":["aa","bbcc"],)"
                  R"("target":"eth","transaction_index":2})");
    EXPECT_EQ(format_anchor_step(superseded()),
              R"({"at":"2026-01-02T03:04:05.678Z","batch_id":7,"hash":")" + kZeros +
                  R"(","kind":"superseded","reason":"reorg of \"block 12\"","target":"eth"})");
    EXPECT_EQ(format_anchor_step(token()),
              R"({"at":"2026-01-02T03:04:05.678Z","batch_id":7,"hash":")" + kZeros +
                  R"(","kind":"token","target":"tsa","token":"MAH/"})");
    EXPECT_EQ(format_anchor_step(written()),
              R"({"at":"2026-01-02T03:04:05.678Z","batch_id":7,"hash":")" + kZeros +
                  R"(","kind":"written","target":"copy"})");
    EXPECT_EQ(format_checkpoint_line(BatchId(7), "a\n\n\u2014 b"),
              "{\"batch_id\":7,\"checkpoint\":\"a\\n\\n\u2014 b\"}");
}

TEST(AnchorStep, ReadsBackWhatWasWritten) {
    for (const AnchorStep& step :
         {AnchorStep(attempt()), AnchorStep(receipt()), AnchorStep(superseded()),
          AnchorStep(token()), AnchorStep(written())}) {
        const std::string text = format_anchor_step(step);
        EXPECT_TRUE(is_canonical(text));
        const auto parsed = parse_anchor_step(text);
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(parsed->index(), step.index());
        EXPECT_EQ(format_anchor_step(*parsed), text);
    }
    const auto parsed = parse_anchor_step(format_anchor_step(receipt()));
    EXPECT_EQ(std::get<AnchorReceipt>(*parsed).receipt_path, receipt().receipt_path);
    EXPECT_EQ(std::get<AnchorReceipt>(*parsed).contract, receipt().contract);
}

TEST(AnchorStep, RefusesWhatItDoesNotKnow) {
    const auto refused = [](const AnchorStep& step, std::string_view from, std::string_view to) {
        std::string text = format_anchor_step(step);
        const std::size_t at = text.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        text.replace(at, from.size(), to);
        EXPECT_FALSE(parse_anchor_step(text)) << text;
    };
    refused(attempt(), "attempt", "receipt");
    refused(attempt(), "attempt", "wish");
    refused(attempt(), "\"18446744073709551615\"", "18446744073709551615");
    refused(attempt(), "18446744073709551615", "18446744073709551616");
    refused(attempt(), "\"priority_fee\":\"0\"", "\"priority_fee\":\"00\"");
    refused(attempt(), "\"priority_fee\":\"0\"", "\"priority_fee\":\"\"");
    refused(attempt(), "02f800", "02F800");
    refused(attempt(), "02f800", "0x02f800");
    refused(attempt(), "\"eth\"", "\"\"");
    refused(attempt(), "\"target\":\"eth\"", "\"target\":\"eth\",\"x\":1");
    refused(receipt(), "c0c0", "c0");
    refused(receipt(), "\"from_batch\":5", "\"from_batch\":8");
    refused(receipt(), "[\"aa\"", "[\"a\"");
    refused(receipt(), "[\"aa\"", "[170");
    refused(superseded(), ",\"reason\":\"reorg of \\\"block 12\\\"\"", "");
    refused(token(), "MAH/", "MAH_");
    refused(token(), "MAH/", "");
    refused(token(), "\"kind\":\"token\"", "\"kind\":\"written\"");
    refused(written(), "\"copy\"", "\"copy\",\"token\":\"MAH/\"");
    EXPECT_FALSE(parse_anchor_step(""));
    EXPECT_FALSE(parse_anchor_step("{}"));
    AnchorAttempt large = attempt();
    large.raw.resize(kAnchorStepSizeMax / 2);
    EXPECT_FALSE(parse_anchor_step(format_anchor_step(large)));
}

TEST(AnchorStep, AnyBytesAreRefusedOrReadBackTheSame) {
    for (const AnchorStep& step :
         {AnchorStep(attempt()), AnchorStep(receipt()), AnchorStep(superseded()),
          AnchorStep(token()), AnchorStep(written())}) {
        testing::feed_mutations(format_anchor_step(step), 10'000, [](const std::string& changed) {
            if (const auto parsed = parse_anchor_step(changed)) {
                EXPECT_EQ(format_anchor_step(*parsed), changed);
            }
        });
    }
}

}  // namespace
}  // namespace anchorlog::wire
