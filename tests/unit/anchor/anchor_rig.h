#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "anchor/anchor_engine.h"
#include "anchor/chain_proof.h"
#include "anchor/endpoint_set.h"
#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/note.h"
#include "support/sim_chain.h"
#include "support/sim_clock.h"
#include "support/sim_file_system.h"
#include "support/sim_node.h"

namespace anchorlog::testing {

// Sealed batches with true seals.
class RigBatches final : public anchor::SealedBatches {
public:
    explicit RigBatches(std::string origin = "anchorlog.example/rig")
        : origin_(std::move(origin)), log_id_(wire::log_id_of(origin_)),
          signer_(crypto::signer_from_seed({1, 2, 3})) {}

    // The record of a batch; another `story` is another history under the same key.
    [[nodiscard]] anchor::SealedRecord make(std::uint64_t id, const std::string& story = "") const {
        anchor::SealedRecord out;
        const std::string text = story + " batch " + std::to_string(id);
        out.log_id = log_id_;
        out.batch_id = BatchId(id);
        out.merkle_root = crypto::sha256(as_bytes("merkle" + text));
        out.history_root = crypto::sha256(as_bytes("history" + text));
        out.sealed_at = {SimClock::kStart.ms + static_cast<std::int64_t>(id) * 1'000};
        out.signer_key.bytes = signer_->public_key();
        const auto seal = signer_->sign(wire::seal_payload(
            out.log_id, out.batch_id, out.merkle_root, out.history_root, out.sealed_at));
        std::copy_n(seal->begin(), 32, out.sig_r.bytes.begin());
        std::copy_n(seal->begin() + 32, 32, out.sig_s.bytes.begin());
        return out;
    }
    void seal_to(std::uint64_t id) { count_ = id + 1; }
    bool unreadable = false;
    [[nodiscard]] const Hash& log_id() const { return log_id_; }

    [[nodiscard]] Result<std::optional<anchor::SealedRecord>> newest() const override {
        if (unreadable) return Error{Errc::io, "batches/ cannot be read"};
        return count_ == 0 ? std::nullopt : std::optional(make(count_ - 1));
    }
    [[nodiscard]] Result<anchor::SealedRecord> get(BatchId batch) const override {
        if (batch.value >= count_) return Error{Errc::not_found, "no such batch"};
        return make(batch.value);
    }
    [[nodiscard]] Result<std::string> checkpoint(BatchId batch) const override {
        const auto record = get(batch);
        if (!record) return record.error();
        return wire::sign_note(
            wire::format_checkpoint({origin_, TreeSize(batch.value + 1), record->history_root}),
            origin_, {signer_.get()});
    }

private:
    std::string origin_;
    Hash log_id_;
    std::unique_ptr<crypto::Signer> signer_;
    std::uint64_t count_ = 0;
};

// One anchor target in virtual time: files, chain and clock are the test's.
class Rig {
public:
    Rig() : key_(std::move(*crypto::account_key_from_secret(crypto::keccak256(as_bytes("rig"))))) {
        chain.add_account(*key_, "1000000000000000000");
        chain.create_log(batches.log_id(), key_->address());
        target.id = "eth";
        target.chain_id = SimChain::kChainId;
        target.contract = chain.contract();
        target.code_hash = eth::log_anchor_code_hash();
        batches.seal_to(0);
    }

    void start() {
        auto opened =
            store::Journal::open(fs, "anchors", {64u << 10, 16u << 10, 64u << 10, 64u << 10},
                                 [](std::uint64_t, std::string_view text) -> Result<void> {
                                     const auto step = wire::parse_anchor_step(text);
                                     return step ? Result<void>() : Result<void>(step.error());
                                 });
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        journal = std::move(*opened);
        ASSERT_TRUE(journal->settle().has_value());
        anchors = std::make_unique<anchor::AnchorJournal>(*journal);
        auto made = make();
        ASSERT_TRUE(made.has_value()) << made.error().message;
        engine = std::move(*made);
        is_waiting_ = false;
    }
    Result<std::unique_ptr<anchor::AnchorEngine>> make() {
        return anchor::AnchorEngine::create(
            target, *key_, nodes ? static_cast<anchor::ChainClient&>(*nodes) : chain,
            anchor::TargetBase{*anchors, batches, clock},
            [this](const std::string& what) { forks.push_back(what); }, 7);
    }

    // From the next start() on the chain is reached through so many nodes.
    void use_nodes(std::size_t count) {
        std::vector<std::unique_ptr<anchor::ChainClient>> clients;
        for (std::size_t i = 0; i < count; ++i) {
            node.push_back(std::make_shared<SimNodeState>());
            node.back()->name = "sim://" + std::to_string(i);
            node.back()->chain = &chain;
            clients.push_back(std::make_unique<SimNode>(node.back()));
        }
        nodes = std::make_unique<anchor::EndpointSet>(std::move(clients), target.chain_id,
                                                      target.genesis_hash, clock);
    }

    // One action; sleeps first when the engine asked for it.
    void step() {
        const std::int64_t rest = until_.ms - clock.now().steady.ms;
        if (is_waiting_ && rest > 0) clock.advance_ms(rest);
        if (mine_every_ms > 0 && clock.now().steady.ms >= next_block_.ms) {
            chain.mine();
            next_block_ = {clock.now().steady.ms + mine_every_ms};
        }
        until_ = engine->run_one();
        is_waiting_ = true;
    }
    void run_for(std::int64_t ms) {
        const std::int64_t end = clock.now().steady.ms + ms;
        for (int i = 0; i < kStepsMax && clock.now().steady.ms < end; ++i) step();
    }
    // To that very moment, as a worker lives it: asleep for as long as the engine asked.
    void run_to(std::int64_t end_ms) {
        for (int i = 0; i < kStepsMax; ++i) {
            const std::int64_t rest = end_ms - clock.now().steady.ms;
            if (rest <= 0) return;
            if (is_waiting_ && until_.ms > end_ms) return clock.advance_ms(rest);
            step();
        }
        FAIL() << "more than " << kStepsMax << " steps in " << end_ms << " ms";
    }
    // A batch was sealed: the worker does not sleep on.
    void wake() { is_waiting_ = false; }
    // Until it is confirmed, with a bound.
    bool run_until_covered(std::uint64_t batch) {
        for (int i = 0; i < kStepsMax; ++i) {
            if (engine->status().covered_to == BatchId(batch)) return true;
            step();
        }
        return false;
    }
    void crash(std::uint64_t seed) {
        engine.reset();
        anchors.reset();
        journal.reset();
        fs.crash(seed);
        start();
    }

    [[nodiscard]] std::vector<wire::AnchorStep> lines() const {
        std::vector<wire::AnchorStep> out;
        EXPECT_TRUE(journal
                        ->for_each(0,
                                   [&](std::uint64_t, std::string_view text, auto) {
                                       auto step = wire::parse_anchor_step(text);
                                       EXPECT_TRUE(step.has_value());
                                       out.push_back(std::move(*step));
                                       return Result<void>();
                                   })
                        .has_value());
        return out;
    }
    template <class Line>
    [[nodiscard]] std::vector<Line> lines_of() const {
        std::vector<Line> out;
        for (const auto& step : lines()) {
            if (const auto* line = std::get_if<Line>(&step)) out.push_back(*line);
        }
        return out;
    }
    // Every batch at most once.
    void expect_events(const std::vector<std::uint64_t>& batch_ids) const {
        std::vector<std::uint64_t> found;
        for (const auto& event : chain.events(batches.log_id())) {
            found.push_back(event.batch_id.value);
        }
        EXPECT_EQ(found, batch_ids);
    }
    // Somebody who holds the submitter's key anchors another history.
    void anchor_foreign(const anchor::SealedRecord& record) {
        eth::Transaction transaction;
        transaction.chain_id = SimChain::kChainId;
        transaction.nonce = *chain.nonce(key_->address());
        transaction.max_fee = 10'000'000'000;
        transaction.priority_fee = 5'000'000'000;
        transaction.gas = 100'000;
        transaction.to = chain.contract();
        transaction.data = eth::anchor_call(anchor::to_record(record));
        const auto made = eth::sign_transaction(transaction, *key_);
        ASSERT_EQ(chain.send_raw(made->raw)->kind, anchor::SendClass::accepted);
    }
    // Somebody who holds the submitter's key pays somebody with it.
    void send_foreign() {
        eth::Transaction transaction;
        transaction.chain_id = SimChain::kChainId;
        transaction.nonce = chain.next_nonce(key_->address());
        transaction.max_fee = 50'000'000'000;
        transaction.priority_fee = 50'000'000'000;
        transaction.gas = 21'000;
        transaction.to = key_->address();
        const auto made = eth::sign_transaction(transaction, *key_);
        ASSERT_TRUE(made.has_value());
        chain.inject(made->raw);
    }
    [[nodiscard]] std::string state() const { return engine->status().state; }
    [[nodiscard]] std::string reason() const { return engine->status().reason; }
    [[nodiscard]] const crypto::AccountKey& key() const { return *key_; }

    static constexpr int kStepsMax = 5'000;

    std::unique_ptr<crypto::AccountKey> key_;  // before the chain, which holds on to it
    SimClock clock;
    SimFileSystem fs;
    SimChain chain;
    RigBatches batches;
    anchor::EthereumTarget target;
    std::vector<std::string> forks;
    std::unique_ptr<anchor::EndpointSet> nodes;  // before the engine, which holds on to it
    std::unique_ptr<store::Journal> journal;
    std::unique_ptr<anchor::AnchorJournal> anchors;
    std::unique_ptr<anchor::AnchorEngine> engine;
    std::int64_t mine_every_ms = 0;
    std::vector<std::shared_ptr<SimNodeState>> node;

private:
    SteadyTime until_;
    SteadyTime next_block_;
    bool is_waiting_ = false;
};

}  // namespace anchorlog::testing
