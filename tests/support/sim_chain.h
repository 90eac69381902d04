#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/eth/transaction.h"

namespace anchorlog::testing {

// An Ethereum chain with one LogAnchor in memory: accounts with nonces, a pool, blocks whose
// headers and receipt tries are real, mining on command, reorganisations, and scripted faults.
// Forged or reordered answers are made by the test through the hooks. One thread.
class SimChain final : public anchor::ChainClient {
public:
    static constexpr std::uint64_t kChainId = 1337;

    SimChain();

    // --- set-up ---
    // Transactions of this key are known by their sender. Outlives the chain.
    void add_account(const crypto::AccountKey& key, std::string balance_wei);
    void create_log(const Hash& log_id, const eth::Address& submitter);
    [[nodiscard]] const eth::Address& contract() const { return contract_; }

    // --- what a test does to the chain ---
    bool mines_at_once = true;            // else mine() does
    void mine(std::uint64_t blocks = 1);  // all that can be mined goes into the first
    // The last blocks leave the chain; their transactions are lost or wait in the pool again.
    void reorg(std::uint64_t blocks, bool keeps_transactions);
    void drop_pool() { pool_.clear(); }
    void wipe();  // started anew: another genesis, no contract, no account
    void freeze(const Hash& log_id);
    void set_balance(const eth::Address& account, std::string wei) {
        state_.accounts[account].balance_wei = std::move(wei);
    }

    // --- faults ---
    // Asked before every call by its method; an error is what the caller gets.
    std::function<std::optional<Error>(std::string_view method)> on_call;
    std::uint64_t answers_to_lose = 0;  // sends that arrive and whose answer does not
    std::optional<anchor::SendAnswer> scripted_answer;  // to sends, which then do nothing
    std::int64_t retry_after_answer_ms = 0;             // of every answer
    std::optional<std::uint64_t> chain_id_answer;
    std::optional<Hash> code_hash_answer;
    std::optional<std::uint64_t> finalized;  // tag
    std::uint64_t base_fee = 1'000'000'000;
    bool forges_receipts = false;  // receipts(): logs altered, so no root fits

    // --- what a test asks ---
    // Past every call's fault: what another wallet, with a node of its own, sees and sends.
    [[nodiscard]] std::uint64_t next_nonce(const eth::Address& account) const {
        return state_.accounts.at(account).nonce;
    }
    void inject(ByteView raw) { static_cast<void>(take(raw)); }
    [[nodiscard]] std::vector<eth::AnchoredEvent> events(const Hash& log_id) const;
    [[nodiscard]] std::uint64_t sends() const { return sends_; }
    [[nodiscard]] const std::vector<Bytes>& sent() const { return sent_; }
    [[nodiscard]] std::size_t pool_size() const { return pool_.size(); }
    [[nodiscard]] bool is_aborted() const { return aborted_; }

    // --- ChainClient ---
    [[nodiscard]] std::string endpoint() const override { return "sim://chain"; }
    [[nodiscard]] Result<std::uint64_t> chain_id() override;
    [[nodiscard]] Result<Hash> genesis_hash() override;
    [[nodiscard]] Result<std::uint64_t> head_number() override;
    [[nodiscard]] Result<std::optional<std::uint64_t>> tagged_number(std::string_view tag) override;
    [[nodiscard]] Result<Hash> code_hash(const eth::Address& contract) override;
    [[nodiscard]] Result<std::uint64_t> nonce(const eth::Address& account) override;
    [[nodiscard]] Result<std::string> balance_wei(const eth::Address& account) override;
    [[nodiscard]] Result<anchor::FeeSuggestion> fees() override;
    [[nodiscard]] Result<std::uint64_t> estimate_gas(const eth::Address& from,
                                                     const eth::Address* to,
                                                     ByteView data) override;
    [[nodiscard]] Result<anchor::SendAnswer> send_raw(ByteView raw) override;
    [[nodiscard]] Result<std::optional<anchor::ChainReceipt>> receipt(
        const Hash& transaction) override;
    [[nodiscard]] Result<std::optional<anchor::ChainBlock>> block(std::uint64_t number) override;
    [[nodiscard]] Result<std::vector<anchor::ChainReceipt>> receipts(
        const Hash& block_hash) override;
    [[nodiscard]] Result<anchor::LogHead> log_head(const eth::Address& contract,
                                                   const Hash& log_id) override;
    [[nodiscard]] Result<Hash> record_of(const eth::Address& contract, const Hash& log_id,
                                         BatchId batch) override;
    [[nodiscard]] Result<std::vector<eth::Log>> anchored_events(const eth::Address& contract,
                                                                const Hash& log_id,
                                                                std::uint64_t from_block,
                                                                std::uint64_t to_block) override;
    [[nodiscard]] std::int64_t retry_after_ms() const override { return retry_after_answer_ms; }
    void abort() override { aborted_ = true; }

private:
    struct Account {
        const crypto::AccountKey* key = nullptr;
        std::uint64_t nonce = 0;
        std::string balance_wei;
    };
    struct LogState {
        eth::Address submitter{};
        std::uint64_t next_batch = 0;
        bool frozen = false;
        std::map<std::uint64_t, Hash> records;
    };
    struct State {  // as of the head; a copy stands in every block, so a reorg is a return
        std::map<eth::Address, Account> accounts;
        std::map<Hash, LogState> logs;
        bool has_contract = true;
    };
    struct Pooled {
        eth::Transaction fields;
        eth::Address from{};
        Hash hash;
    };
    struct Block {
        anchor::ChainBlock header;
        std::vector<Pooled> transactions;
        std::vector<anchor::ChainReceipt> receipts;
        State state_before;
    };

    std::optional<Error> fault(std::string_view method);
    std::optional<eth::Address> sender_of(const eth::Transaction& fields, ByteView raw) const;
    anchor::SendAnswer take(ByteView raw);
    // Runs a call; the event it leaves, nothing for a record that is there, or the revert.
    Result<std::optional<eth::AnchoredEvent>> run_anchor(State& state, const eth::Address& from,
                                                         ByteView data) const;
    void mine_block(std::vector<Pooled> transactions);
    anchor::ChainReceipt execute(const Pooled& transaction, std::uint64_t index,
                                 std::uint64_t& gas);

    eth::Address contract_{};
    State state_;
    std::vector<Pooled> pool_;
    std::vector<Block> blocks_;
    std::uint64_t salt_ = 0;  // so that no two blocks are alike
    std::uint64_t sends_ = 0;
    std::vector<Bytes> sent_;
    bool aborted_ = false;
};

}  // namespace anchorlog::testing
