#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/sim_chain.h"

namespace anchorlog::testing {

// One node of a SimChain, with a name and faults of its own. What they share is the chain; what a
// node adds is that it is out, behind, of another chain, or showing a block of its own making.
struct SimNodeState {
    std::string name;
    SimChain* chain = nullptr;
    bool is_out = false;
    std::uint64_t lag = 0;  // blocks behind the chain's head
    std::optional<std::uint64_t> chain_id_answer;
    std::optional<Hash> genesis_answer;
    std::optional<Hash> forged_block;  // hash of every block it shows
    std::optional<anchor::SendAnswer> send_answer;
    std::int64_t retry_after_ms = 0;
    std::uint64_t calls = 0;

    void heal() {
        SimNodeState whole;
        whole.name = name;
        whole.chain = chain;
        *this = std::move(whole);
    }
};

class SimNode final : public anchor::ChainClient {
public:
    explicit SimNode(std::shared_ptr<SimNodeState> state) : state_(std::move(state)) {}

    [[nodiscard]] std::string endpoint() const override { return state_->name; }
    [[nodiscard]] Result<std::uint64_t> chain_id() override {
        if (const auto error = call()) return *error;
        if (state_->chain_id_answer) return *state_->chain_id_answer;
        return state_->chain->chain_id();
    }
    [[nodiscard]] Result<Hash> genesis_hash() override {
        if (const auto error = call()) return *error;
        if (state_->genesis_answer) return *state_->genesis_answer;
        return state_->chain->genesis_hash();
    }
    [[nodiscard]] Result<std::uint64_t> head_number() override {
        if (const auto error = call()) return *error;
        const auto head = state_->chain->head_number();
        if (!head) return head;
        return *head - std::min(*head, state_->lag);
    }
    [[nodiscard]] Result<std::optional<std::uint64_t>> tagged_number(
        std::string_view tag) override {
        if (const auto error = call()) return *error;
        return state_->chain->tagged_number(tag);
    }
    [[nodiscard]] Result<Hash> code_hash(const eth::Address& contract) override {
        if (const auto error = call()) return *error;
        return state_->chain->code_hash(contract);
    }
    [[nodiscard]] Result<std::uint64_t> nonce(const eth::Address& account) override {
        if (const auto error = call()) return *error;
        return state_->chain->nonce(account);
    }
    [[nodiscard]] Result<std::string> balance_wei(const eth::Address& account) override {
        if (const auto error = call()) return *error;
        return state_->chain->balance_wei(account);
    }
    [[nodiscard]] Result<anchor::FeeSuggestion> fees() override {
        if (const auto error = call()) return *error;
        return state_->chain->fees();
    }
    [[nodiscard]] Result<std::uint64_t> estimate_gas(const eth::Address& from,
                                                     const eth::Address* to,
                                                     ByteView data) override {
        if (const auto error = call()) return *error;
        return state_->chain->estimate_gas(from, to, data);
    }
    [[nodiscard]] Result<anchor::SendAnswer> send_raw(ByteView raw) override {
        if (const auto error = call()) return *error;
        if (state_->send_answer) return *state_->send_answer;
        return state_->chain->send_raw(raw);
    }
    [[nodiscard]] Result<std::optional<anchor::ChainReceipt>> receipt(
        const Hash& transaction) override {
        if (const auto error = call()) return *error;
        return state_->chain->receipt(transaction);
    }
    [[nodiscard]] Result<std::optional<anchor::ChainBlock>> block(std::uint64_t number) override {
        if (const auto error = call()) return *error;
        const auto head = state_->chain->head_number();
        if (head && number + state_->lag > *head) return std::optional<anchor::ChainBlock>();
        auto block = state_->chain->block(number);
        if (block && *block && state_->forged_block) (*block)->hash = *state_->forged_block;
        return block;
    }
    [[nodiscard]] Result<std::vector<anchor::ChainReceipt>> receipts(
        const Hash& block_hash) override {
        if (const auto error = call()) return *error;
        return state_->chain->receipts(block_hash);
    }
    [[nodiscard]] Result<anchor::LogHead> log_head(const eth::Address& contract,
                                                   const Hash& log_id) override {
        if (const auto error = call()) return *error;
        return state_->chain->log_head(contract, log_id);
    }
    [[nodiscard]] Result<Hash> record_of(const eth::Address& contract, const Hash& log_id,
                                         BatchId batch) override {
        if (const auto error = call()) return *error;
        return state_->chain->record_of(contract, log_id, batch);
    }
    [[nodiscard]] Result<std::vector<eth::Log>> anchored_events(const eth::Address& contract,
                                                                const Hash& log_id,
                                                                std::uint64_t from_block,
                                                                std::uint64_t to_block) override {
        if (const auto error = call()) return *error;
        return state_->chain->anchored_events(contract, log_id, from_block, to_block);
    }
    [[nodiscard]] std::int64_t retry_after_ms() const override { return state_->retry_after_ms; }
    void abort() override { state_->is_out = true; }

private:
    std::optional<Error> call() {
        ++state_->calls;
        if (state_->is_out || state_->retry_after_ms > 0) {
            return Error{Errc::unavailable, state_->name + ": out"};
        }
        return std::nullopt;
    }

    std::shared_ptr<SimNodeState> state_;
};

}  // namespace anchorlog::testing
