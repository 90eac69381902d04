#include "anchorlog/wire/tlog_proof.h"

#include <gtest/gtest.h>

#include "unit/wire/mutations.h"

namespace anchorlog::wire {
namespace {

TlogProof sample() {
    TlogProof proof;
    proof.extra = "{\"v\":1}";
    proof.index = 73894;
    proof.path.resize(3);
    proof.path[1].bytes.fill(7);
    proof.checkpoint = "example.com/log\n9\nAAAA\n\n\xe2\x80\x94 example.com/log AAAA\n";
    return proof;
}

TEST(TlogProof, IsTheTextOfTheSpecification) {
    const std::string zero(43, 'A');
    EXPECT_EQ(format_tlog_proof(sample()),
              "c2sp.org/tlog-proof@v1\n"
              "extra eyJ2IjoxfQ==\n"
              "index 73894\n" +
                  zero + "=\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n" + zero +
                  "=\n\n"
                  "example.com/log\n9\nAAAA\n\n\xe2\x80\x94 example.com/log AAAA\n");
    TlogProof bare = sample();
    bare.extra.clear();
    bare.path.clear();
    EXPECT_EQ(format_tlog_proof(bare).find("extra"), std::string::npos);
    const auto read = parse_tlog_proof(format_tlog_proof(bare));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(read->extra.empty());
    EXPECT_TRUE(read->path.empty());
}

TEST(TlogProof, WhatReadsWritesBackTheSame) {
    const std::string good = format_tlog_proof(sample());
    ASSERT_TRUE(parse_tlog_proof(good));
    testing::feed_mutations(good, 20'000, [](const std::string& text) {
        if (const auto proof = parse_tlog_proof(text)) {
            EXPECT_EQ(format_tlog_proof(*proof), text);
        }
    });
}

TEST(TlogProof, RefusesWhatIsNoProof) {
    const std::string head = "c2sp.org/tlog-proof@v1\n";
    const std::string hash = std::string(43, 'A') + "=\n";
    EXPECT_TRUE(parse_tlog_proof(head + "index 0\n\nnote"));
    EXPECT_FALSE(parse_tlog_proof("c2sp.org/tlog-proof@v2\nindex 0\n\nnote"));
    EXPECT_FALSE(parse_tlog_proof(head + "index 00\n\nnote"));
    EXPECT_FALSE(parse_tlog_proof(head + "index -1\n\nnote"));
    EXPECT_FALSE(parse_tlog_proof(head + "extra \nindex 0\n\nnote"));
    EXPECT_FALSE(parse_tlog_proof(head + "extra AA==\nextra AA==\nindex 0\n\nnote"));
    EXPECT_FALSE(parse_tlog_proof(head + "index 0\nAAAA\n\nnote"));
    EXPECT_FALSE(parse_tlog_proof(head + "index 0\n\n"));
    EXPECT_FALSE(parse_tlog_proof(head + "index 0\n"));
    std::string longest = head + "index 0\n";
    for (std::size_t i = 0; i < kPathHashesMax; ++i) longest += hash;
    EXPECT_TRUE(parse_tlog_proof(longest + "\nnote"));
    EXPECT_FALSE(parse_tlog_proof(longest + hash + "\nnote"));
    EXPECT_FALSE(parse_tlog_proof(std::string(kTlogProofSizeMax + 1, 'x')));
}

}  // namespace
}  // namespace anchorlog::wire
