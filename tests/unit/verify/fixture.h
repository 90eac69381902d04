#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "anchorlog/verify/verify.h"
#include "support/fake_chain_view.h"
#include "support/log_builder.h"

namespace anchorlog::verify {

using testing::FakeChain;
using testing::FakeChainView;
using testing::LogBuilder;
using testing::MapFileSystem;

inline Trust trust_of(const LogBuilder& log) {
    Trust trust;
    trust.logs.push_back({log.vkey(), ""});
    trust.anchors.push_back(
        {FakeChain::kChainId, FakeChain::contract(), FakeChain::code_hash(), false});
    return trust;
}

// The key that the genesis names, whatever came later.
inline Trust trust_of_first(const LogBuilder& log) {
    Trust trust = trust_of(log);
    trust.logs[0].key = *wire::parse_vkey(log.headers[0].genesis->keys[0]);
    return trust;
}

inline void trust_blocks(Trust& trust, const FakeChain& chain) {
    for (const auto& one : chain.anchored()) {
        trust.blocks.insert({FakeChain::kChainId, one.block_number, one.block_hash});
    }
}

inline Report audit(const LogBuilder& log, const Trust& trust, ChainView* chain = nullptr,
                    bool with_leaves = false, std::size_t segment_lines = 1000) {
    MapFileSystem fs;
    log.write(fs, "store", segment_lines, with_leaves);
    return verify_log(fs, "store", trust, chain);
}

inline std::string all_faults(const Report& report) {
    std::string text;
    for (const Fault& fault : report.faults) text += fault.kind + " | " + describe(fault) + "\n";
    for (const std::string& why : report.undecided) text += "undecided | " + why + "\n";
    return text;
}

inline std::vector<std::string> kinds(const Report& report) {
    std::vector<std::string> all;
    for (const Fault& fault : report.faults) all.push_back(fault.kind);
    return all;
}

}  // namespace anchorlog::verify
