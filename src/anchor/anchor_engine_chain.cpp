#include <algorithm>
#include <limits>

#include "anchor/anchor_engine.h"
#include "anchor/chain_proof.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/transaction.h"

namespace anchorlog::anchor {

namespace {

constexpr std::uint64_t kGasFloor = 80'000;
constexpr std::uint64_t kGasMax = 1'000'000;       // an anchor takes 58,000
constexpr std::uint64_t kAnchorsInBalanceMin = 2;  // below, anchoring is held back

std::string hex(const Hash& hash) { return "0x" + to_hex(hash); }

// Saturating: more than 18 ether is enough in any case.
std::uint64_t saturated(const std::string& decimal) {
    std::uint64_t value = 0;
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    for (const char c : decimal) {
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (kMax - digit) / 10) return kMax;
        value = value * 10 + digit;
    }
    return value;
}

// Nodes want at least a tenth more on both fees; an eighth leaves room for their rounding.
std::uint64_t bumped(std::uint64_t fee) { return fee + fee / 8 + 1; }

}  // namespace

// Gates hold back anchoring, never ingest (design §5).
Result<Event> AnchorEngine::execute(const CheckGates&) {
    auto refusal = check_chain();
    if (!refusal) return refusal.error();
    if (!refusal->empty()) return Event(GatesChecked{*refusal, 0, true});
    const auto newest = batches_.newest();
    if (!newest) return newest.error();
    if (!*newest) return Event(GatesChecked{});
    const Hash& log_id = (*newest)->log_id;
    const auto head = chain_.log_head(target_.contract, log_id);
    if (!head) return head.error();
    const std::string place = chain_.endpoint() + ": log 0x" + to_hex(log_id);
    if (head->submitter != key_.address()) {
        return Event(GatesChecked{place + ": the contract's submitter is " +
                                      eth::format_address(head->submitter) + ", our key is " +
                                      eth::format_address(key_.address()),
                                  0, true});
    }
    if (head->frozen) return Event(GatesChecked{place + " is frozen", 0, true});
    refusal = check_balance();
    if (!refusal) return refusal.error();
    if (!refusal->empty()) return Event(GatesChecked{*refusal, 0, true});
    const auto is_ours = is_newest_ours(head->next_batch);
    if (!is_ours) return is_ours.error();
    return Event(GatesChecked{"", head->next_batch, *is_ours});
}

Result<std::string> AnchorEngine::check_chain() {
    const auto chain_id = chain_.chain_id();
    if (!chain_id) return chain_id.error();
    if (*chain_id != target_.chain_id) {
        return chain_.endpoint() + ": chain id " + std::to_string(target_.chain_id) +
               " expected, found " + std::to_string(*chain_id);
    }
    const auto genesis = chain_.genesis_hash();
    if (!genesis) return genesis.error();
    if (!genesis_) genesis_ = *genesis;
    if (*genesis != *genesis_) {
        return chain_.endpoint() + ": genesis block " + hex(*genesis_) + " expected, found " +
               hex(*genesis) + "; was the chain started anew?";
    }
    const auto code = chain_.code_hash(target_.contract);
    if (!code) return code.error();
    if (*code == target_.code_hash) return std::string();
    const bool is_empty = *code == crypto::keccak256({});
    return chain_.endpoint() + ": contract " + eth::format_address(target_.contract) +
           ": code hash " + hex(target_.code_hash) + " expected, found " +
           (is_empty ? "no contract; was the chain started anew?" : hex(*code));
}

Result<std::string> AnchorEngine::check_balance() {
    const auto balance = chain_.balance_wei(key_.address());
    if (!balance) return balance.error();
    const auto fees = chain_.fees();
    if (!fees) return fees.error();
    const std::uint64_t fee = std::min(fees->max_fee, target_.max_fee_cap_wei);
    const std::uint64_t one = std::max<std::uint64_t>(cost_max(kGasFloor, fee), 1);
    note_balance(saturated(*balance) / one);
    if (*anchors_in_purse_ >= kAnchorsInBalanceMin) return std::string();
    return chain_.endpoint() + ": account " + eth::format_address(key_.address()) + ": at least " +
           std::to_string(cost_max(kAnchorsInBalanceMin * kGasFloor, fee)) +
           " wei expected, found " + *balance;
}

Result<bool> AnchorEngine::is_newest_ours(std::uint64_t next_batch) {
    if (next_batch == 0) return true;
    const BatchId top(next_batch - 1);
    const auto newest = batches_.newest();
    if (!newest) return newest.error();
    if (!*newest || (*newest)->batch_id < top) return true;  // not to be judged: it is above ours
    const auto sealed = batches_.get(top);
    if (!sealed) return sealed.error();
    const auto record = chain_.record_of(target_.contract, (*newest)->log_id, top);
    if (!record) return record.error();
    return *record == eth::record_hash(to_record(*sealed));
}

Result<FeeSuggestion> AnchorEngine::choose_fees(const Prepare& action) {
    auto fees = chain_.fees();
    if (!fees) return fees.error();
    if (action.replaces) {
        fees->max_fee = std::max(fees->max_fee, bumped(action.replaces->max_fee));
        fees->priority_fee = std::max(fees->priority_fee, bumped(action.replaces->priority_fee));
        if (fees->max_fee > target_.max_fee_cap_wei) {
            return Error{Errc::refused, "a higher fee would pass max_fee_cap_wei (" +
                                            std::to_string(target_.max_fee_cap_wei) + ")"};
        }
    }
    fees->max_fee = std::min(fees->max_fee, target_.max_fee_cap_wei);
    fees->priority_fee = std::min(fees->priority_fee, fees->max_fee);
    return fees;
}

Result<Event> AnchorEngine::execute(const Prepare& action) {
    std::uint64_t nonce = 0;
    if (action.replaces) {
        nonce = action.replaces->nonce;
    } else {
        const auto next = chain_.nonce(key_.address());
        if (!next) return next.error();
        nonce = *next;
    }
    const auto fees = choose_fees(action);
    if (!fees) {
        if (fees.error().code == Errc::refused && action.replaces) {
            return Event(PrepareRefused{fees.error().message});
        }
        return fees.error();
    }
    const auto sealed = batches_.get(action.batch);
    if (!sealed) return sealed.error();
    eth::AnchorRecord record = to_record(*sealed);
    if (!action.replaces) {
        // The node may have taken its time, and what was sealed meanwhile is covered just as well.
        const auto newest = batches_.newest();
        if (!newest) return newest.error();
        if (*newest) record = to_record(**newest);
    }
    const auto estimate =
        chain_.estimate_gas(key_.address(), &target_.contract, eth::anchor_call(record));
    if (!estimate) {
        if (estimate.error().code != Errc::refused) return estimate.error();
        return Event(PrepareRefused{estimate.error().message});
    }
    if (*estimate > kGasMax) {
        return Event(PrepareRefused{chain_.endpoint() + ": an anchor would take " +
                                    std::to_string(*estimate) + " gas, more than " +
                                    std::to_string(kGasMax)});
    }
    const std::uint64_t gas = std::max(kGasFloor, *estimate + *estimate / 4);
    if (auto refusal = check_spending(nonce, cost_max(gas, fees->max_fee)); !refusal.empty()) {
        return Event(PrepareRefused{std::move(refusal)});
    }
    return sign(record, nonce, gas, *fees);
}

std::string AnchorEngine::check_spending(std::uint64_t nonce, std::uint64_t wei) {
    if (target_.spend_max_wei_per_day == 0) return {};
    const std::uint64_t spent = spending_.of_last_day(clock_.now().wall, nonce);
    if (spent <= target_.spend_max_wei_per_day && wei <= target_.spend_max_wei_per_day - spent) {
        return {};
    }
    return "the day's spending limit is reached: " + std::to_string(spent) +
           " wei at most in the last 24 hours, " + std::to_string(wei) +
           " more would pass spend_max_gwei_per_day (" +
           std::to_string(target_.spend_max_wei_per_day / 1'000'000'000) + ")";
}

Result<Event> AnchorEngine::sign(const eth::AnchorRecord& record, std::uint64_t nonce,
                                 std::uint64_t gas, const FeeSuggestion& fees) {
    eth::Transaction transaction;
    transaction.chain_id = target_.chain_id;
    transaction.nonce = nonce;
    transaction.priority_fee = fees.priority_fee;
    transaction.max_fee = fees.max_fee;
    transaction.gas = gas;
    transaction.to = target_.contract;
    transaction.data = eth::anchor_call(record);
    auto made = eth::sign_transaction(transaction, key_);
    if (!made) return made.error();
    wire::AnchorAttempt attempt;
    attempt.target = target_.id;
    attempt.batch_id = record.batch_id;
    attempt.nonce = nonce;
    attempt.gas = gas;
    attempt.max_fee = fees.max_fee;
    attempt.priority_fee = fees.priority_fee;
    attempt.hash = made->hash;
    attempt.raw = std::move(made->raw);
    attempt.at = clock_.now().wall;
    return Event(Prepared{std::move(attempt)});
}

Result<Event> AnchorEngine::execute(const LookUp& action) {
    if (action.adopted) return look_at_mined(*action.adopted);
    const auto sealed = batches_.get(action.batch);
    if (!sealed) return sealed.error();
    const eth::AnchorRecord record = to_record(*sealed);
    auto seen = look_at_receipts(action, record);
    if (!seen) return seen.error();
    if (*seen && (*seen)->kind == Looked::Kind::mined) return look_at_mined((*seen)->mined);
    auto looked = look_at_contract(action, record);
    if (!looked) return looked.error();
    // A failed attempt matters only when the contract does not hold the record all the same.
    if (looked->kind == Looked::Kind::nothing && *seen) return Event(std::move(**seen));
    return Event(std::move(*looked));
}

// Every attempt is asked for, newest first: an earlier one may be the one that was mined.
Result<std::optional<Looked>> AnchorEngine::look_at_receipts(const LookUp& action,
                                                             const eth::AnchorRecord& record) {
    std::optional<Looked> failed;
    for (std::size_t i = 0; i < action.transactions.size(); ++i) {
        const auto receipt = chain_.receipt(action.transactions[i]);
        if (!receipt) return receipt.error();
        if (!*receipt) continue;
        const ChainReceipt& found = **receipt;
        for (const eth::Log& entry : found.logs) {
            const auto event = eth::decode_anchored(entry);
            const bool is_ours = found.succeeded && entry.address == target_.contract && event &&
                                 eth::record_of_event(*event) == record;
            if (!is_ours) continue;
            Looked out;
            out.kind = Looked::Kind::mined;
            out.mined = {found.transaction_hash, found.block_number, found.block_hash};
            return std::optional(out);
        }
        // Without the event it was mined for nothing. An older attempt's failure says nothing.
        if (i == 0) {
            failed.emplace();
            failed->kind = Looked::Kind::failed;
            failed->detail = chain_.endpoint() + ": transaction " + hex(found.transaction_hash) +
                             (found.succeeded ? " left no event" : " failed") + " in block " +
                             std::to_string(found.block_number);
        }
    }
    return failed;
}

Result<Looked> AnchorEngine::look_at_contract(const LookUp& action,
                                              const eth::AnchorRecord& record) {
    Looked out;
    const auto held = chain_.record_of(target_.contract, record.log_id, action.batch);
    if (!held) return held.error();
    if (*held != Hash{}) {
        out.kind =
            *held == eth::record_hash(record) ? Looked::Kind::ours_elsewhere : Looked::Kind::other;
        return out;
    }
    const auto nonce = chain_.nonce(key_.address());
    if (!nonce) return nonce.error();
    const auto head = chain_.log_head(target_.contract, record.log_id);
    if (!head) return head.error();
    out.nonce = *nonce;
    out.next_batch = head->next_batch;
    return out;
}

Result<Event> AnchorEngine::look_at_mined(const Mined& mined) {
    Looked out;
    const auto head = chain_.head_number();
    if (!head) return head.error();
    head_ = *head;
    const auto block = chain_.block(mined.block_number);
    if (!block) return block.error();
    out.is_canonical = *block && (*block)->hash == mined.block_hash;
    // An adopted event has no receipt to vanish: its block alone tells whether it stands.
    out.kind = Looked::Kind::mined;
    out.mined = mined;
    out.head = *head;
    if (profile_.confirm != ConfirmRule::depth) {
        const auto tagged =
            chain_.tagged_number(profile_.confirm == ConfirmRule::safe ? "safe" : "finalized");
        if (!tagged) return tagged.error();
        out.tagged = *tagged;
    }
    return Event(out);
}

}  // namespace anchorlog::anchor
