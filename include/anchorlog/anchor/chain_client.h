#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/eth/types.h"

namespace anchorlog::anchor {

struct ChainBlock {
    std::uint64_t number = 0;
    Hash hash;
    Bytes header;  // RLP; keccak256(header) == hash was checked
    Hash receipts_root;
};

struct ChainReceipt {
    Hash transaction_hash;
    std::uint64_t block_number = 0;
    Hash block_hash;
    std::uint64_t transaction_index = 0;
    bool succeeded = false;
    std::optional<eth::Address> contract;  // made by a creation
    std::uint64_t gas_used = 0;
    std::vector<eth::Log> logs;
    Bytes encoded;  // the receipt as the receipt trie holds it
};

struct LogHead {  // LogAnchor.head(logId)
    eth::Address submitter{};
    std::uint64_t next_batch = 0;
    bool frozen = false;
};

struct FeeSuggestion {  // wei per gas
    std::uint64_t max_fee = 0;
    std::uint64_t priority_fee = 0;
};

// How a node answered a sent transaction. No class is final by itself: what is on the chain is
// asked before anything is decided (design §5).
enum class SendClass {
    accepted,
    known,
    nonce_low,
    nonce_high,
    underpriced,
    funds,
    fee_cap,
    gas,
    wrong_chain,
    reverted,
    rate_limited,
    busy,
    unknown,
};
struct SendAnswer {
    SendClass kind = SendClass::unknown;
    std::string message;
};

// One Ethereum node, asked over JSON-RPC. Every call has a connect and a total deadline and a
// size limit; a failed call is Errc::unavailable and says which endpoint and method. Errc::refused
// is the node's or the contract's own no (a reverted call), Errc::invalid_input an answer that is
// not what was asked for. One owner thread at a time, but for abort().
class ChainClient {
public:
    virtual ~ChainClient() = default;
    // For messages: scheme, host and port, never a path or a password.
    [[nodiscard]] virtual std::string endpoint() const = 0;
    [[nodiscard]] virtual Result<std::uint64_t> chain_id() = 0;
    [[nodiscard]] virtual Result<Hash> genesis_hash() = 0;
    [[nodiscard]] virtual Result<std::uint64_t> head_number() = 0;
    [[nodiscard]] virtual Result<std::optional<std::uint64_t>> tagged_number(
        std::string_view tag) = 0;  // "safe", "finalized"
    [[nodiscard]] virtual Result<Hash> code_hash(const eth::Address& contract) = 0;
    [[nodiscard]] virtual Result<std::uint64_t> nonce(const eth::Address& account) = 0;  // latest
    // Decimal.
    [[nodiscard]] virtual Result<std::string> balance_wei(const eth::Address& account) = 0;
    [[nodiscard]] virtual Result<FeeSuggestion> fees() = 0;
    [[nodiscard]] virtual Result<std::uint64_t> estimate_gas(const eth::Address& from,
                                                             const eth::Address* to,
                                                             ByteView data) = 0;
    [[nodiscard]] virtual Result<SendAnswer> send_raw(ByteView raw) = 0;
    [[nodiscard]] virtual Result<std::optional<ChainReceipt>> receipt(const Hash& transaction) = 0;
    [[nodiscard]] virtual Result<std::optional<ChainBlock>> block(std::uint64_t number) = 0;
    // All receipts of a block in order, for the receipt trie.
    [[nodiscard]] virtual Result<std::vector<ChainReceipt>> receipts(const Hash& block_hash) = 0;
    // LogAnchor reads at the latest block.
    [[nodiscard]] virtual Result<LogHead> log_head(const eth::Address& contract,
                                                   const Hash& log_id) = 0;
    [[nodiscard]] virtual Result<Hash> record_of(const eth::Address& contract, const Hash& log_id,
                                                 BatchId batch) = 0;
    // Every Anchored event of this log in [from_block, to_block].
    [[nodiscard]] virtual Result<std::vector<eth::Log>> anchored_events(
        const eth::Address& contract, const Hash& log_id, std::uint64_t from_block,
        std::uint64_t to_block) = 0;
    // How long the node's last answer asked to be left alone (HTTP Retry-After); 0: it did not.
    [[nodiscard]] virtual std::int64_t retry_after_ms() const = 0;
    // Any thread: ends a running call soon, and every later one at once, as unavailable.
    virtual void abort() = 0;
};

struct RpcOptions {
    std::string url;
    std::uint32_t connect_timeout_ms = 2'000;
    std::uint32_t total_timeout_ms = 10'000;
    std::uint64_t answer_size_max = 8u << 20;
};
// libcurl. http and https only; TLS is verified; redirects and proxies are not followed.
[[nodiscard]] std::unique_ptr<ChainClient> make_rpc_client(const RpcOptions& options);
// Several nodes of one chain as one; see src/anchor/endpoint_set.h. Without `genesis` the first
// node's counts. `clock` outlives it.
[[nodiscard]] std::unique_ptr<ChainClient> make_endpoint_set(const std::vector<RpcOptions>& nodes,
                                                             std::uint64_t chain_id,
                                                             std::optional<Hash> genesis,
                                                             const Clock& clock);

}  // namespace anchorlog::anchor
