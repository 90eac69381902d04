#pragma once

#include <memory>
#include <string>

#include "anchor/anchor_fsm.h"
#include "anchor/spending.h"
#include "anchorlog/anchor/anchor_target.h"
#include "anchorlog/eth/log_anchor.h"

namespace anchorlog::anchor {

// Executes what the state machine asks for: the only place where it meets the chain, the journal
// and the key. One thread. A worker's loop, or a test in virtual time, calls run_one().
class AnchorEngine {
public:
    // Everything outlives the engine. `seed` spreads the back-offs of several gateways.
    [[nodiscard]] static Result<std::unique_ptr<AnchorEngine>> create(
        const EthereumTarget& target, const crypto::AccountKey& key, ChainClient& chain,
        const TargetBase& base, ForkAlarm on_fork, std::uint64_t seed);

    // Does one thing and returns when to come again: a time not after now means at once. Calling
    // earlier is harmless, and right after a batch was sealed.
    SteadyTime run_one();

    [[nodiscard]] AnchorStatus status() const;
    // See AnchorFsm.
    [[nodiscard]] bool has_asked() const { return fsm_.has_asked(); }
    // A sync failed: nothing more may be written, and nothing is sent without being on record.
    [[nodiscard]] bool has_failed() const { return storage_failed_; }

private:
    AnchorEngine(const EthereumTarget& target, Profile profile, const crypto::AccountKey& key,
                 ChainClient& chain, const TargetBase& base, ForkAlarm on_fork, Resume resume,
                 Spending spending, std::uint64_t seed);

    Result<Event> execute(const Wait& action);
    Result<Event> execute(const CheckGates& action);
    Result<Event> execute(const Prepare& action);
    Result<Event> execute(const RecordAttempt& action);
    Result<Event> execute(const Send& action);
    Result<Event> execute(const LookUp& action);
    Result<Event> execute(const FindEvent& action);
    Result<Event> execute(const Harvest& action);
    Result<Event> execute(const RecordReceipt& action);
    Result<Event> execute(const RecordSuperseded& action);
    Result<Event> execute(const Watch& action);
    Result<Event> execute(const Examine& action);
    Result<Event> execute(const RaiseFork& action);

    Result<std::string> check_chain();  // empty: as configured
    Result<std::string> check_balance();
    Result<bool> is_newest_ours(std::uint64_t next_batch);
    Result<std::optional<Looked>> look_at_receipts(const LookUp& action,
                                                   const eth::AnchorRecord& record);
    Result<Looked> look_at_contract(const LookUp& action, const eth::AnchorRecord& record);
    Result<Event> look_at_mined(const Mined& mined);
    // Empty when these bytes may be paid for today.
    std::string check_spending(std::uint64_t nonce, std::uint64_t wei);
    Result<FeeSuggestion> choose_fees(const Prepare& action);
    Result<Event> sign(const eth::AnchorRecord& record, std::uint64_t nonce, std::uint64_t gas,
                       const FeeSuggestion& fees);
    Result<void> write(const wire::AnchorStep& step);
    void note_balance(std::uint64_t anchors);
    void note_change();

    const EthereumTarget target_;
    const Profile profile_;
    const crypto::AccountKey& key_;
    ChainClient& chain_;
    AnchorJournal& journal_;
    const SealedBatches& batches_;
    const Clock& clock_;
    const ForkAlarm on_fork_;
    AnchorFsm fsm_;
    Action next_;
    Spending spending_;
    std::optional<Hash> genesis_;                    // configured, or pinned on first use
    std::optional<std::uint64_t> anchors_in_purse_;  // what the balance pays for
    std::optional<std::uint64_t> head_;
    std::string noted_;  // last state that was logged
    bool was_trouble_ = false;
    std::uint64_t attempts_ = 0;
    std::uint64_t confirmed_ = 0;
    bool storage_failed_ = false;
};

}  // namespace anchorlog::anchor
