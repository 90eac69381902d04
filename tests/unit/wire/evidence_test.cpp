#include "anchorlog/wire/evidence.h"

#include <gtest/gtest.h>

#include "anchorlog/wire/tlog_proof.h"
#include "unit/wire/mutations.h"

namespace anchorlog::wire {
namespace {

Evidence sample() {
    Evidence evidence;
    evidence.batch_id = BatchId(4);
    evidence.history_path.resize(2);
    evidence.checkpoint = "a.example/log\n6\nAAAA\n\n\xe2\x80\x94 a.example/log AAAA\n";
    evidence.entry = "{\"alert\":{\"x\":\"\\u0007 \\\" \xc3\xa9\"},\"index\":9}";
    evidence.batch_path.resize(3);
    evidence.batch_path[0].bytes.fill(1);
    evidence.header = "{\"batch_id\":4}";
    evidence.seal.assign(64, 5);
    EvidenceAnchor anchor;
    anchor.path.resize(1);
    anchor.receipt.target = "eth";
    anchor.receipt.batch_id = BatchId(5);
    anchor.receipt.from_batch = BatchId(3);
    anchor.receipt.block_header = {1, 2};
    anchor.receipt.receipt_path = {{3}, {4, 5}};
    evidence.anchors = {anchor, anchor};
    evidence.keys.push_back({"note", "{\"kind\":\"key\"}", {Hash{}}});
    return evidence;
}

// The same file with its extra replaced.
std::string with_extra(const std::string& extra) {
    auto proof = *parse_tlog_proof(format_evidence(sample()));
    proof.extra = extra;
    return format_tlog_proof(proof);
}
std::string extra_of_sample() { return parse_tlog_proof(format_evidence(sample()))->extra; }

TEST(Evidence, IsATlogProofOfTheHeader) {
    const auto proof = parse_tlog_proof(format_evidence(sample()));
    ASSERT_TRUE(proof);
    EXPECT_EQ(proof->index, 4u);
    EXPECT_EQ(proof->path, sample().history_path);
    EXPECT_EQ(proof->checkpoint, sample().checkpoint);
    EXPECT_TRUE(proof->extra.starts_with("{\"anchors\":[{\"path\":[\"00"));
    EXPECT_TRUE(proof->extra.ends_with("\"v\":1}"));
}

TEST(Evidence, ReadsBackEveryMember) {
    const auto read = parse_evidence(format_evidence(sample()));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->entry, sample().entry);
    EXPECT_EQ(read->header, sample().header);
    EXPECT_EQ(read->batch_path, sample().batch_path);
    EXPECT_EQ(read->seal, sample().seal);
    ASSERT_EQ(read->anchors.size(), 2u);
    EXPECT_EQ(read->anchors[1].path, sample().anchors[1].path);
    EXPECT_EQ(read->anchors[1].receipt.receipt_path, sample().anchors[1].receipt.receipt_path);
    ASSERT_EQ(read->keys.size(), 1u);
    EXPECT_EQ(read->keys[0].header, sample().keys[0].header);
    EXPECT_EQ(format_evidence(*read), format_evidence(sample()));
}

TEST(Evidence, WhatReadsWritesBackTheSame) {
    const std::string good = extra_of_sample();
    testing::feed_mutations(good, 10'000, [](const std::string& text) {
        if (text.empty()) return;
        const std::string file = with_extra(text);
        if (const auto evidence = parse_evidence(file)) {
            EXPECT_EQ(format_evidence(*evidence), file);
        }
    });
}

TEST(Evidence, ALaterVersionIsNotJudged) {
    std::string extra = extra_of_sample();
    extra.replace(extra.rfind(":1}"), 3, ":2}");
    const auto later = parse_evidence(with_extra(extra));
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code, Errc::unavailable);
    auto proof = *parse_tlog_proof(format_evidence(sample()));
    proof.extra.clear();
    const auto bare = parse_evidence(format_tlog_proof(proof));
    ASSERT_FALSE(bare);
    EXPECT_EQ(bare.error().code, Errc::invalid_input);
}

TEST(Evidence, RefusesMoreThanItsLimits) {
    Evidence many = sample();
    many.anchors.resize(kEvidenceAnchorsMax, many.anchors[0]);
    EXPECT_TRUE(parse_evidence(format_evidence(many)));
    many.anchors.push_back(many.anchors[0]);
    EXPECT_FALSE(parse_evidence(format_evidence(many)));
    Evidence deep = sample();
    deep.batch_path.resize(kPathHashesMax + 1);
    EXPECT_FALSE(parse_evidence(format_evidence(deep)));
    Evidence attempt = sample();
    std::string extra = extra_of_sample();
    const auto place = extra.find("\"kind\":\"receipt\"");
    extra.replace(place, 16, "\"kind\":\"attempt\"");
    EXPECT_FALSE(parse_evidence(with_extra(extra)));
}

}  // namespace
}  // namespace anchorlog::wire
