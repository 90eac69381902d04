#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchorlog/verify/chain_view.h"
#include "support/log_builder.h"

namespace anchorlog::testing {

// Answers from a FakeChain, or not at all.
class FakeChainView final : public verify::ChainView {
public:
    explicit FakeChainView(const FakeChain& source) : chain(source) {}

    std::string name() const override { return "http://node.example"; }
    Result<std::uint64_t> chain_id() override {
        if (down) return Error{Errc::unavailable, "no answer"};
        return id;
    }
    Result<Hash> code_hash(const eth::Address&) override { return code; }
    Result<std::vector<eth::Log>> anchored_events(const eth::Address& contract,
                                                  const Hash&) override {
        std::vector<eth::Log> all;
        for (const auto& one : chain.anchored()) {
            eth::Log log = eth::encode_anchored(contract, one.event);
            log.block_number = one.block_number;
            log.block_hash = one.block_hash;
            log.transaction_hash = one.transaction;
            all.push_back(std::move(log));
        }
        return all;
    }
    Result<std::optional<Hash>> block_hash(std::uint64_t number) override {
        for (const auto& one : chain.anchored()) {
            if (one.block_number == number) return std::optional<Hash>(one.block_hash);
        }
        return std::optional<Hash>();
    }

    const FakeChain& chain;
    std::uint64_t id = FakeChain::kChainId;
    Hash code = FakeChain::code_hash();
    bool down = false;
};

}  // namespace anchorlog::testing
