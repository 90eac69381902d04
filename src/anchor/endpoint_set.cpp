#include "anchor/endpoint_set.h"

#include <algorithm>
#include <iterator>

#include "anchorlog/base/assert.h"
#include "anchorlog/base/log.h"

namespace anchorlog::anchor {

namespace {

// The best of what several nodes said to the same bytes: one that took them decides.
int rank(SendClass kind) {
    switch (kind) {
        case SendClass::accepted:
            return 0;
        case SendClass::known:
            return 1;
        case SendClass::rate_limited:
        case SendClass::busy:
        case SendClass::unknown:
            return 3;
        default:
            return 2;  // a reason about the transaction says more than one about the node
    }
}

}  // namespace

EndpointSet::EndpointSet(std::vector<std::unique_ptr<ChainClient>> nodes, std::uint64_t chain_id,
                         std::optional<Hash> genesis, const Clock& clock)
    : nodes_(nodes.size()), chain_id_(chain_id), clock_(clock), genesis_(genesis) {
    ANCHORLOG_ASSERT(!nodes.empty());
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes_[i].client = std::move(nodes[i]);
}

std::string EndpointSet::endpoint() const { return nodes_[used_].client->endpoint(); }

void EndpointSet::abort() {
    for (Node& node : nodes_) node.client->abort();
}

void EndpointSet::bench(Node& node, const Error& error) {
    const SteadyTime now = clock_.now().steady;
    last_error_ = error;
    node.is_checked = false;
    if (node.failures++ == 0 && nodes_.size() > 1) {
        log(LogLevel::warn, "rpc_endpoint_out",
            {{"endpoint", node.client->endpoint()}, {"reason", error.message}});
    }
    const unsigned doublings = std::min(node.failures - 1, 7u);
    std::int64_t rest_ms = std::min(kBenchMinMs << doublings, kBenchMaxMs);
    const std::int64_t asked_ms = std::min(node.client->retry_after_ms(), kRetryAfterMaxMs);
    node.was_asked = asked_ms > 0;
    rest_ms = std::max(rest_ms, asked_ms);
    node.retry_at = SteadyTime{now.ms + rest_ms};
}

void EndpointSet::note_good(Node& node) {
    used_ = static_cast<std::size_t>(&node - nodes_.data());
    if (node.failures > 0 && nodes_.size() > 1) {
        log(LogLevel::info, "rpc_endpoint_back", {{"endpoint", node.client->endpoint()}});
    }
    node.failures = 0;
}

// Another chain's node would answer everything, and every answer would be about nothing of ours.
Result<void> EndpointSet::check(Node& node) {
    if (node.is_checked) return {};
    node.wrong_id.reset();
    node.wrong_genesis.reset();
    const std::string name = node.client->endpoint();
    const auto id = node.client->chain_id();
    if (!id) return id.error();
    if (*id != chain_id_) {
        node.wrong_id = *id;
        return Error{Errc::refused, name + ": chain id " + std::to_string(chain_id_) +
                                        " expected, found " + std::to_string(*id)};
    }
    const auto genesis = node.client->genesis_hash();
    if (!genesis) return genesis.error();
    if (!genesis_) genesis_ = *genesis;
    if (*genesis != *genesis_) {
        node.wrong_genesis = *genesis;
        return Error{Errc::refused, name + ": genesis block 0x" + to_hex(*genesis_) +
                                        " expected, found 0x" + to_hex(*genesis)};
    }
    node.is_checked = true;
    return {};
}

// Of the chain and not benched. When none is left, those that merely failed are asked once more.
std::vector<EndpointSet::Node*> EndpointSet::usable() {
    const SteadyTime now = clock_.now().steady;
    std::vector<Node*> out;
    const auto take = [&](const auto& is_wanted) {
        for (Node& node : nodes_) {
            if (!is_wanted(node)) continue;
            if (const auto checked = check(node); checked) {
                out.push_back(&node);
            } else {
                bench(node, checked.error());
            }
        }
    };
    take([&](const Node& node) { return node.retry_at.ms <= now.ms; });
    if (out.empty()) {
        take([&](const Node& node) { return node.retry_at.ms > now.ms && !node.was_asked; });
    }
    return out;
}

void EndpointSet::refresh_heads() {
    if (nodes_.size() == 1) return;
    const SteadyTime now = clock_.now().steady;
    if (heads_at_ && now.ms - heads_at_->ms < kHeadsFreshMs) return;
    heads_at_ = now;
    for (Node* node : usable()) {
        const auto head = node->client->head_number();
        if (head) {
            node->head = *head;
        } else {
            bench(*node, head.error());
        }
    }
}

// Fresh ones as configured, stale ones last: better an old answer than none.
std::vector<EndpointSet::Node*> EndpointSet::in_order() {
    refresh_heads();
    const std::vector<Node*> all = usable();
    std::uint64_t best = 0;
    for (const Node* node : all) best = std::max(best, node->head);
    std::vector<Node*> out;
    for (const bool fresh : {true, false}) {
        std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](const Node* node) {
            return (node->head + kHeadLagMax >= best) == fresh;
        });
    }
    return out;
}

template <class T, class Call>
Result<T> EndpointSet::read(const Call& call) {
    for (Node* node : in_order()) {
        Result<T> result = call(*node->client);
        // The contract's own no would be every node's.
        if (result || result.error().code == Errc::refused) {
            note_good(*node);
            return result;
        }
        bench(*node, result.error());
    }
    return last_error_;
}

void EndpointSet::forget_checks() {
    for (Node& node : nodes_) {
        node.is_checked = false;
        if (node.wrong_id || node.wrong_genesis) node.retry_at = {};
    }
}

Result<std::uint64_t> EndpointSet::chain_id() {
    forget_checks();
    if (const auto nodes = usable(); !nodes.empty()) {
        note_good(*nodes.front());
        return chain_id_;
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].wrong_genesis) return chain_id_;
        if (!nodes_[i].wrong_id) continue;
        used_ = i;
        return *nodes_[i].wrong_id;
    }
    return last_error_;
}

Result<Hash> EndpointSet::genesis_hash() {
    if (const auto nodes = usable(); !nodes.empty()) {
        note_good(*nodes.front());
        return *genesis_;
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i].wrong_genesis) continue;
        used_ = i;
        return *nodes_[i].wrong_genesis;
    }
    return last_error_;
}

Result<std::uint64_t> EndpointSet::head_number() {
    return read<std::uint64_t>([](ChainClient& client) { return client.head_number(); });
}

Result<std::optional<std::uint64_t>> EndpointSet::tagged_number(std::string_view tag) {
    return read<std::optional<std::uint64_t>>(
        [&](ChainClient& client) { return client.tagged_number(tag); });
}

Result<Hash> EndpointSet::code_hash(const eth::Address& contract) {
    return read<Hash>([&](ChainClient& client) { return client.code_hash(contract); });
}

Result<std::uint64_t> EndpointSet::nonce(const eth::Address& account) {
    return read<std::uint64_t>([&](ChainClient& client) { return client.nonce(account); });
}

Result<std::string> EndpointSet::balance_wei(const eth::Address& account) {
    return read<std::string>([&](ChainClient& client) { return client.balance_wei(account); });
}

Result<FeeSuggestion> EndpointSet::fees() {
    return read<FeeSuggestion>([](ChainClient& client) { return client.fees(); });
}

Result<std::uint64_t> EndpointSet::estimate_gas(const eth::Address& from, const eth::Address* to,
                                                ByteView data) {
    return read<std::uint64_t>(
        [&](ChainClient& client) { return client.estimate_gas(from, to, data); });
}

Result<SendAnswer> EndpointSet::send_raw(ByteView raw) {
    std::optional<SendAnswer> best;
    for (Node* node : in_order()) {
        auto answer = node->client->send_raw(raw);
        if (!answer) {
            bench(*node, answer.error());
            continue;
        }
        if (answer->kind == SendClass::rate_limited) {
            bench(*node, {Errc::unavailable, node->client->endpoint() + ": " + answer->message});
        } else {
            note_good(*node);
        }
        if (!best || rank(answer->kind) < rank(best->kind)) best = std::move(*answer);
    }
    if (!best) return last_error_;
    return std::move(*best);
}

Result<std::optional<ChainReceipt>> EndpointSet::receipt(const Hash& transaction) {
    return read<std::optional<ChainReceipt>>(
        [&](ChainClient& client) { return client.receipt(transaction); });
}

// One node alone could show us a branch of its own making.
Result<std::optional<ChainBlock>> EndpointSet::block(std::uint64_t number) {
    std::optional<ChainBlock> first;
    std::string first_from;
    bool was_answered = false;
    for (Node* node : in_order()) {
        auto block = node->client->block(number);
        if (!block) {
            bench(*node, block.error());
            continue;
        }
        note_good(*node);
        was_answered = true;
        if (!*block) continue;
        if (!first) {
            first = std::move(*block);
            first_from = node->client->endpoint();
            continue;
        }
        if (first->hash == (*block)->hash) return first;
        return Error{Errc::unavailable, first_from + " and " + node->client->endpoint() +
                                            " disagree about block " + std::to_string(number) +
                                            ": 0x" + to_hex(first->hash) + " and 0x" +
                                            to_hex((*block)->hash)};
    }
    if (!was_answered) return last_error_;
    return first;
}

Result<std::vector<ChainReceipt>> EndpointSet::receipts(const Hash& block_hash) {
    return read<std::vector<ChainReceipt>>(
        [&](ChainClient& client) { return client.receipts(block_hash); });
}

Result<LogHead> EndpointSet::log_head(const eth::Address& contract, const Hash& log_id) {
    return read<LogHead>([&](ChainClient& client) { return client.log_head(contract, log_id); });
}

Result<Hash> EndpointSet::record_of(const eth::Address& contract, const Hash& log_id,
                                    BatchId batch) {
    return read<Hash>(
        [&](ChainClient& client) { return client.record_of(contract, log_id, batch); });
}

Result<std::vector<eth::Log>> EndpointSet::anchored_events(const eth::Address& contract,
                                                           const Hash& log_id,
                                                           std::uint64_t from_block,
                                                           std::uint64_t to_block) {
    return read<std::vector<eth::Log>>([&](ChainClient& client) {
        return client.anchored_events(contract, log_id, from_block, to_block);
    });
}

std::unique_ptr<ChainClient> make_endpoint_set(const std::vector<RpcOptions>& nodes,
                                               std::uint64_t chain_id, std::optional<Hash> genesis,
                                               const Clock& clock) {
    std::vector<std::unique_ptr<ChainClient>> clients;
    for (const RpcOptions& node : nodes) clients.push_back(make_rpc_client(node));
    return std::make_unique<EndpointSet>(std::move(clients), chain_id, genesis, clock);
}

}  // namespace anchorlog::anchor
