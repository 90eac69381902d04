#include "support/sim_chain.h"

#include <algorithm>

#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/block_header.h"
#include "anchorlog/eth/receipt.h"
#include "anchorlog/eth/trie.h"

namespace anchorlog::testing {

namespace {

using anchor::SendAnswer;
using anchor::SendClass;

constexpr std::uint64_t kAnchorGas = 58'331;
constexpr std::uint64_t kPriorityFee = 1'000'000'000;

// As a node would tell it, so that the header is a real one.
Bytes make_header(const Hash& parent, const Hash& receipts_root, std::uint64_t number,
                  std::uint64_t salt) {
    const auto hex64 = [](std::uint64_t value) {
        Bytes bytes;
        append_u64be(bytes, value);
        return "0x" + to_hex(bytes);
    };
    const std::string zero_hash = "0x" + to_hex(Hash{});
    const std::map<std::string, std::string, std::less<>> members = {
        {"parentHash", "0x" + to_hex(parent)},
        {"sha3Uncles", zero_hash},
        {"miner", "0x" + to_hex(eth::Address{})},
        {"stateRoot", zero_hash},
        {"transactionsRoot", zero_hash},
        {"receiptsRoot", "0x" + to_hex(receipts_root)},
        {"logsBloom", "0x" + to_hex(Bytes(eth::kBloomSize))},
        {"difficulty", "0x0"},
        {"number", hex64(number)},
        {"gasLimit", hex64(30'000'000)},
        {"gasUsed", "0x0"},
        {"timestamp", hex64(1'767'225'600 + 12 * number)},
        {"extraData", hex64(salt)},
        {"mixHash", zero_hash},
        {"nonce", hex64(0)},
    };
    auto header = eth::encode_block_header([&](std::string_view name) {
        const auto found = members.find(name);
        return found == members.end() ? std::nullopt : std::optional(found->second);
    });
    ANCHORLOG_ASSERT(header.has_value());
    return std::move(*header);
}

Error reverted(const std::string& why) { return {Errc::refused, "execution reverted: " + why}; }

}  // namespace

SimChain::SimChain() {
    contract_.fill(0xc0);
    mine_block({});
}

void SimChain::add_account(const crypto::AccountKey& key, std::string balance_wei) {
    state_.accounts[key.address()] = {&key, 1, std::move(balance_wei)};
}

void SimChain::create_log(const Hash& log_id, const eth::Address& submitter) {
    state_.logs[log_id].submitter = submitter;
}

void SimChain::freeze(const Hash& log_id) { state_.logs[log_id].frozen = true; }

void SimChain::wipe() {
    blocks_.clear();
    pool_.clear();
    for (auto& [address, account] : state_.accounts) account.nonce = 0;
    state_.logs.clear();
    state_.has_contract = false;
    mine_block({});
}

std::optional<Error> SimChain::fault(std::string_view method) {
    return on_call ? on_call(method) : std::nullopt;
}

// The key is known by signing again: signatures are deterministic.
std::optional<eth::Address> SimChain::sender_of(const eth::Transaction& fields,
                                                ByteView raw) const {
    for (const auto& [address, account] : state_.accounts) {
        const auto again = eth::sign_transaction(fields, *account.key);
        if (again && std::equal(raw.begin(), raw.end(), again->raw.begin(), again->raw.end())) {
            return address;
        }
    }
    return std::nullopt;
}

SendAnswer SimChain::take(ByteView raw) {
    const auto parsed = eth::parse_transaction(raw);
    if (!parsed) return {SendClass::unknown, parsed.error().message};
    if (parsed->fields.chain_id != kChainId) return {SendClass::wrong_chain, "invalid chain id"};
    const auto from = sender_of(parsed->fields, raw);
    if (!from) return {SendClass::funds, "insufficient funds"};
    const Account& account = state_.accounts[*from];
    if (account.balance_wei == "0") return {SendClass::funds, "insufficient funds"};
    if (parsed->fields.nonce < account.nonce) return {SendClass::nonce_low, "nonce too low"};
    if (parsed->fields.max_fee < base_fee) {
        return {SendClass::fee_cap, "max fee per gas less than block base fee"};
    }
    const auto rival = std::find_if(pool_.begin(), pool_.end(), [&](const Pooled& pooled) {
        return pooled.from == *from && pooled.fields.nonce == parsed->fields.nonce;
    });
    const Pooled pooled{parsed->fields, *from, parsed->hash};
    if (rival == pool_.end()) {
        pool_.push_back(pooled);
    } else {
        if (rival->hash == pooled.hash) return {SendClass::known, "already known"};
        const auto is_enough = [](std::uint64_t next, std::uint64_t old) {
            return next >= old + old / 10;
        };
        if (!is_enough(pooled.fields.max_fee, rival->fields.max_fee) ||
            !is_enough(pooled.fields.priority_fee, rival->fields.priority_fee)) {
            return {SendClass::underpriced, "replacement transaction underpriced"};
        }
        *rival = pooled;
    }
    if (mines_at_once) mine();
    return {SendClass::accepted, ""};
}

Result<std::optional<eth::AnchoredEvent>> SimChain::run_anchor(State& state,
                                                               const eth::Address& from,
                                                               ByteView data) const {
    const auto call = eth::parse_anchor_call(data);
    if (!call) return reverted(call.error().message);
    const auto found = state.logs.find(call->log_id);
    if (found == state.logs.end() || found->second.submitter != from) {
        return reverted("NotAuthorised()");
    }
    LogState& log = found->second;
    const Hash record = eth::record_hash(*call);
    if (call->batch_id.value < log.next_batch) {
        const auto have = log.records.find(call->batch_id.value);
        if (have == log.records.end()) {
            return reverted("Covered(" + std::to_string(log.next_batch) + ")");
        }
        if (have->second != record) return reverted("Conflict(0x" + to_hex(have->second) + ")");
        return std::optional<eth::AnchoredEvent>();
    }
    if (log.frozen) return reverted("Frozen()");
    const BatchId from_batch(log.next_batch);
    log.next_batch = call->batch_id.value + 1;
    log.records[call->batch_id.value] = record;
    return std::optional(eth::AnchoredEvent{call->log_id, call->batch_id, call->history_root,
                                            from_batch, call->merkle_root, call->sealed_at_ms,
                                            call->signer_key, call->sig_r, call->sig_s});
}

anchor::ChainReceipt SimChain::execute(const Pooled& transaction, std::uint64_t index,
                                       std::uint64_t& gas) {
    anchor::ChainReceipt out;
    out.transaction_hash = transaction.hash;
    out.block_number = blocks_.size();
    out.transaction_index = index;
    out.succeeded = true;
    out.gas_used = kAnchorGas;
    ++state_.accounts[transaction.from].nonce;
    if (!transaction.fields.to) {
        out.contract = contract_;
        state_.has_contract = true;
    } else if (*transaction.fields.to == contract_ && state_.has_contract) {
        State after = state_;
        const auto ran = run_anchor(after, transaction.from, transaction.fields.data);
        const bool creates = !transaction.fields.data.empty() &&
                             !eth::parse_anchor_call(transaction.fields.data).has_value();
        out.succeeded = ran.has_value() || creates;
        if (ran) state_ = std::move(after);
        if (ran && *ran) out.logs.push_back(eth::encode_anchored(contract_, **ran));
    }
    gas += kAnchorGas;
    eth::Receipt receipt;
    receipt.succeeded = out.succeeded;
    receipt.cumulative_gas = gas;
    receipt.logs = out.logs;
    out.encoded = eth::encode_receipt(receipt);
    return out;
}

void SimChain::mine_block(std::vector<Pooled> transactions) {
    Block block;
    block.state_before = state_;
    std::uint64_t gas = 0;
    std::vector<Bytes> encoded;
    for (const Pooled& transaction : transactions) {
        block.receipts.push_back(execute(transaction, block.receipts.size(), gas));
        encoded.push_back(block.receipts.back().encoded);
    }
    block.transactions = std::move(transactions);
    anchor::ChainBlock& header = block.header;
    header.number = blocks_.size();
    header.receipts_root = eth::list_trie_root(encoded);
    const Hash parent = blocks_.empty() ? Hash{} : blocks_.back().header.hash;
    header.header = make_header(parent, header.receipts_root, header.number, ++salt_);
    header.hash = crypto::keccak256(header.header);
    for (anchor::ChainReceipt& receipt : block.receipts) {
        receipt.block_hash = header.hash;
        for (std::size_t i = 0; i < receipt.logs.size(); ++i) {
            receipt.logs[i].block_number = header.number;
            receipt.logs[i].block_hash = header.hash;
            receipt.logs[i].transaction_hash = receipt.transaction_hash;
            receipt.logs[i].log_index = i;
        }
    }
    blocks_.push_back(std::move(block));
}

void SimChain::mine(std::uint64_t blocks) {
    std::vector<Pooled> taken;
    std::map<eth::Address, std::uint64_t> next;
    for (bool found = true; found;) {
        found = false;
        for (auto it = pool_.begin(); it != pool_.end(); ++it) {
            std::uint64_t& nonce =
                next.try_emplace(it->from, state_.accounts[it->from].nonce).first->second;
            if (it->fields.nonce != nonce || it->fields.max_fee < base_fee) continue;
            ++nonce;
            taken.push_back(*it);
            pool_.erase(it);
            found = true;
            break;
        }
    }
    mine_block(std::move(taken));
    for (std::uint64_t i = 1; i < blocks; ++i) mine_block({});
}

void SimChain::reorg(std::uint64_t blocks, bool keeps_transactions) {
    for (std::uint64_t i = 0; i < blocks && blocks_.size() > 1; ++i) {
        Block gone = std::move(blocks_.back());
        blocks_.pop_back();
        state_ = std::move(gone.state_before);
        if (!keeps_transactions) continue;
        pool_.insert(pool_.begin(), gone.transactions.begin(), gone.transactions.end());
    }
}

std::vector<eth::AnchoredEvent> SimChain::events(const Hash& log_id) const {
    std::vector<eth::AnchoredEvent> out;
    for (const Block& block : blocks_) {
        for (const anchor::ChainReceipt& receipt : block.receipts) {
            for (const eth::Log& log : receipt.logs) {
                const auto event = eth::decode_anchored(log);
                if (event && event->log_id == log_id) out.push_back(*event);
            }
        }
    }
    return out;
}

Result<std::uint64_t> SimChain::chain_id() {
    if (auto error = fault("chain_id")) return *error;
    return chain_id_answer.value_or(kChainId);
}

Result<Hash> SimChain::genesis_hash() {
    if (auto error = fault("genesis_hash")) return *error;
    return blocks_.front().header.hash;
}

Result<std::uint64_t> SimChain::head_number() {
    if (auto error = fault("head_number")) return *error;
    return blocks_.size() - 1;
}

Result<std::optional<std::uint64_t>> SimChain::tagged_number(std::string_view) {
    if (auto error = fault("tagged_number")) return *error;
    return finalized;
}

Result<Hash> SimChain::code_hash(const eth::Address& contract) {
    if (auto error = fault("code_hash")) return *error;
    if (code_hash_answer) return *code_hash_answer;
    const bool is_there = state_.has_contract && contract == contract_;
    return is_there ? eth::log_anchor_code_hash() : crypto::keccak256({});
}

Result<std::uint64_t> SimChain::nonce(const eth::Address& account) {
    if (auto error = fault("nonce")) return *error;
    return state_.accounts[account].nonce;
}

Result<std::string> SimChain::balance_wei(const eth::Address& account) {
    if (auto error = fault("balance_wei")) return *error;
    return state_.accounts[account].balance_wei;
}

Result<anchor::FeeSuggestion> SimChain::fees() {
    if (auto error = fault("fees")) return *error;
    return anchor::FeeSuggestion{kPriorityFee + 2 * base_fee, kPriorityFee};
}

Result<std::uint64_t> SimChain::estimate_gas(const eth::Address& from, const eth::Address* to,
                                             ByteView data) {
    if (auto error = fault("estimate_gas")) return *error;
    if (to != nullptr && *to == contract_ && eth::parse_anchor_call(data)) {
        State scratch = state_;
        const auto ran = run_anchor(scratch, from, data);
        if (!ran) return ran.error();
    }
    return kAnchorGas;
}

Result<SendAnswer> SimChain::send_raw(ByteView raw) {
    if (auto error = fault("send_raw")) return *error;
    if (scripted_answer) return *scripted_answer;
    ++sends_;
    sent_.emplace_back(raw.begin(), raw.end());
    const SendAnswer answer = take(raw);
    if (answers_to_lose > 0) {
        --answers_to_lose;
        return Error{Errc::unavailable, "the answer was lost"};
    }
    return answer;
}

Result<std::optional<anchor::ChainReceipt>> SimChain::receipt(const Hash& transaction) {
    if (auto error = fault("receipt")) return *error;
    for (const Block& block : blocks_) {
        for (const anchor::ChainReceipt& receipt : block.receipts) {
            if (receipt.transaction_hash == transaction) return std::optional(receipt);
        }
    }
    return std::optional<anchor::ChainReceipt>();
}

Result<std::optional<anchor::ChainBlock>> SimChain::block(std::uint64_t number) {
    if (auto error = fault("block")) return *error;
    if (number >= blocks_.size()) return std::optional<anchor::ChainBlock>();
    return std::optional(blocks_[number].header);
}

Result<std::vector<anchor::ChainReceipt>> SimChain::receipts(const Hash& block_hash) {
    if (auto error = fault("receipts")) return *error;
    for (const Block& block : blocks_) {
        if (block.header.hash != block_hash) continue;
        auto out = block.receipts;
        if (forges_receipts && !out.empty()) out[0].encoded.back() ^= 1;
        return out;
    }
    return Error{Errc::invalid_input, "the block is gone"};
}

Result<anchor::LogHead> SimChain::log_head(const eth::Address&, const Hash& log_id) {
    if (auto error = fault("log_head")) return *error;
    const auto found = state_.logs.find(log_id);
    if (found == state_.logs.end()) return anchor::LogHead{};
    return anchor::LogHead{found->second.submitter, found->second.next_batch, found->second.frozen};
}

Result<Hash> SimChain::record_of(const eth::Address&, const Hash& log_id, BatchId batch) {
    if (auto error = fault("record_of")) return *error;
    const auto found = state_.logs.find(log_id);
    if (found == state_.logs.end()) return Hash{};
    const auto record = found->second.records.find(batch.value);
    return record == found->second.records.end() ? Hash{} : record->second;
}

Result<std::vector<eth::Log>> SimChain::anchored_events(const eth::Address&, const Hash& log_id,
                                                        std::uint64_t from_block,
                                                        std::uint64_t to_block) {
    if (auto error = fault("anchored_events")) return *error;
    std::vector<eth::Log> out;
    for (std::uint64_t i = from_block; i <= to_block && i < blocks_.size(); ++i) {
        for (const anchor::ChainReceipt& receipt : blocks_[i].receipts) {
            for (const eth::Log& log : receipt.logs) {
                if (log.topics.size() == 4 && log.topics[1] == log_id) out.push_back(log);
            }
        }
    }
    return out;
}

}  // namespace anchorlog::testing
