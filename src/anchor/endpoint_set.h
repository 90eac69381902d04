#pragma once

#include <memory>
#include <string>
#include <vector>

#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/base/clock.h"

namespace anchorlog::anchor {

// A node this far behind the best head is not read from.
inline constexpr std::uint64_t kHeadLagMax = 2;
inline constexpr std::int64_t kHeadsFreshMs = 2'000;
// A node that fails is left alone for so long, doubled with each failure in a row.
inline constexpr std::int64_t kBenchMinMs = 500;
inline constexpr std::int64_t kBenchMaxMs = 60'000;
// No node may hold anchoring back for longer by its Retry-After.
inline constexpr std::int64_t kRetryAfterMaxMs = 600'000;

// Several nodes of one chain as one ChainClient. Reads come from the first node in the given order
// that answers, is of the configured chain and within kHeadLagMax of the best head; a sent
// transaction goes to all of them (the same bytes, so twice is harmless); a block is believed when
// two nodes that have it agree, where two can be asked. A node that fails, lies about the form of
// its answer or asks to be left alone (Retry-After) is benched; when all are, the ones that did
// not ask for it are tried all the same, so that an outage ends with the outage.
class EndpointSet final : public ChainClient {
public:
    // At least one node. `clock` outlives the set.
    EndpointSet(std::vector<std::unique_ptr<ChainClient>> nodes, std::uint64_t chain_id,
                std::optional<Hash> genesis, const Clock& clock);

    // Of the node the last answer is from.
    [[nodiscard]] std::string endpoint() const override;
    // These two look at every node anew. When none is of the chain, they give what a wrong one
    // said, so that the gates can name it.
    [[nodiscard]] Result<std::uint64_t> chain_id() override;
    [[nodiscard]] Result<Hash> genesis_hash() override;
    [[nodiscard]] Result<std::uint64_t> head_number() override;
    [[nodiscard]] Result<std::optional<std::uint64_t>> tagged_number(std::string_view tag) override;
    [[nodiscard]] Result<Hash> code_hash(const eth::Address& contract) override;
    [[nodiscard]] Result<std::uint64_t> nonce(const eth::Address& account) override;
    [[nodiscard]] Result<std::string> balance_wei(const eth::Address& account) override;
    [[nodiscard]] Result<FeeSuggestion> fees() override;
    [[nodiscard]] Result<std::uint64_t> estimate_gas(const eth::Address& from,
                                                     const eth::Address* to,
                                                     ByteView data) override;
    [[nodiscard]] Result<SendAnswer> send_raw(ByteView raw) override;
    [[nodiscard]] Result<std::optional<ChainReceipt>> receipt(const Hash& transaction) override;
    [[nodiscard]] Result<std::optional<ChainBlock>> block(std::uint64_t number) override;
    [[nodiscard]] Result<std::vector<ChainReceipt>> receipts(const Hash& block_hash) override;
    [[nodiscard]] Result<LogHead> log_head(const eth::Address& contract,
                                           const Hash& log_id) override;
    [[nodiscard]] Result<Hash> record_of(const eth::Address& contract, const Hash& log_id,
                                         BatchId batch) override;
    [[nodiscard]] Result<std::vector<eth::Log>> anchored_events(const eth::Address& contract,
                                                                const Hash& log_id,
                                                                std::uint64_t from_block,
                                                                std::uint64_t to_block) override;
    [[nodiscard]] std::int64_t retry_after_ms() const override { return 0; }
    void abort() override;

private:
    struct Node {
        std::unique_ptr<ChainClient> client;
        bool is_checked = false;                // of this chain, since it last failed
        std::optional<std::uint64_t> wrong_id;  // what it said instead
        std::optional<Hash> wrong_genesis;      // what it said instead
        std::uint64_t head = 0;
        unsigned failures = 0;  // in a row
        SteadyTime retry_at;
        bool was_asked = false;  // retry_at is the node's own wish
    };

    template <class T, class Call>
    Result<T> read(const Call& call);
    [[nodiscard]] std::vector<Node*> usable();
    [[nodiscard]] std::vector<Node*> in_order();
    void refresh_heads();
    void forget_checks();
    [[nodiscard]] Result<void> check(Node& node);
    void bench(Node& node, const Error& error);
    void note_good(Node& node);

    std::vector<Node> nodes_;
    const std::uint64_t chain_id_;
    const Clock& clock_;
    std::optional<Hash> genesis_;  // as given, else of the first node that was of the chain
    std::optional<SteadyTime> heads_at_;
    std::size_t used_ = 0;
    Error last_error_{Errc::unavailable, "no endpoint was asked yet"};
};

}  // namespace anchorlog::anchor
