#include "anchor/rpc_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "anchor/rpc_json.h"
#include "anchor/send_class.h"
#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/log_anchor.h"

namespace anchorlog::anchor {

namespace {

using nlohmann::json;

constexpr std::size_t kEventsMax = 100'000;
constexpr std::uint64_t kPriorityFeeDefault = 1'000'000'000;  // for nodes without a suggestion
constexpr long kHttpOk = 200;
constexpr long kTooManyRequests = 429;
// A node that says "too many" and not for how long; doubled by whoever asks again too early.
constexpr std::int64_t kRestUnstatedMs = 500;

// A JSON-RPC answer: a result or the node's own error.
struct Answer {
    long http_status = kHttpOk;
    json result;
    std::optional<RpcError> error;
};

class RpcClient final : public ChainClient {
public:
    explicit RpcClient(std::unique_ptr<HttpPost> http) : http_(std::move(http)) {}

    std::string endpoint() const override { return http_->endpoint(); }
    Result<std::uint64_t> chain_id() override { return quantity("eth_chainId", json::array()); }
    Result<std::uint64_t> head_number() override {
        return quantity("eth_blockNumber", json::array());
    }

    Result<Hash> genesis_hash() override {
        const auto result = call("eth_getBlockByNumber", {"0x0", false});
        if (!result) return result.error();
        if (!result->is_object()) return wrong("eth_getBlockByNumber", bad("no block 0"));
        // Its hash alone: a genesis header may have fields that were made up for one chain.
        return parsed("eth_getBlockByNumber", parse_hash(result->value("hash", json())));
    }

    Result<std::optional<std::uint64_t>> tagged_number(std::string_view tag) override {
        const json params = {std::string(tag), false};
        const auto answer = ask("eth_getBlockByNumber", params);
        if (!answer) return answer.error();
        // "finalized block not found" is how geth says that there is none yet.
        if (answer->error || answer->result.is_null()) return std::optional<std::uint64_t>();
        if (!answer->result.is_object()) return wrong("eth_getBlockByNumber", bad("no object"));
        const auto number = parse_quantity(answer->result.value("number", json()));
        if (!number) return wrong("eth_getBlockByNumber", number.error());
        return std::optional<std::uint64_t>(*number);
    }

    Result<Hash> code_hash(const eth::Address& contract) override {
        const auto result = call("eth_getCode", {to_data(contract), "latest"});
        if (!result) return result.error();
        const auto code = parse_data(*result);
        if (!code) return wrong("eth_getCode", code.error());
        return crypto::keccak256(*code);
    }

    Result<std::uint64_t> nonce(const eth::Address& account) override {
        return quantity("eth_getTransactionCount", {to_data(account), "latest"});
    }

    Result<std::string> balance_wei(const eth::Address& account) override {
        const auto result = call("eth_getBalance", {to_data(account), "latest"});
        if (!result) return result.error();
        return parsed("eth_getBalance", parse_wei(*result));
    }

    Result<FeeSuggestion> fees() override {
        const auto latest = call("eth_getBlockByNumber", {"latest", false});
        if (!latest) return latest.error();
        const json base_text =
            latest->is_object() ? latest->value("baseFeePerGas", json()) : json();
        const auto base = parse_quantity(base_text);
        if (!base) return wrong("eth_getBlockByNumber", base.error().in("baseFeePerGas"));
        FeeSuggestion out;
        out.priority_fee = kPriorityFeeDefault;
        const auto tip = ask("eth_maxPriorityFeePerGas", json::array());
        if (!tip) return tip.error();
        if (!tip->error) {
            const auto suggested = parse_quantity(tip->result);
            if (!suggested) return wrong("eth_maxPriorityFeePerGas", suggested.error());
            out.priority_fee = *suggested;
        }
        constexpr std::uint64_t kFeeMax = std::uint64_t{1} << 60;
        if (*base > kFeeMax || out.priority_fee > kFeeMax) {
            return wrong("eth_maxPriorityFeePerGas", bad("an absurd fee"));
        }
        out.max_fee = out.priority_fee + 2 * *base;
        return out;
    }

    Result<std::uint64_t> estimate_gas(const eth::Address& from, const eth::Address* to,
                                       ByteView data) override {
        json request = {{"from", to_data(from)}, {"data", to_data(data)}};
        if (to != nullptr) request["to"] = to_data(*to);
        return quantity("eth_estimateGas", json::array({request}));
    }

    Result<SendAnswer> send_raw(ByteView raw) override {
        const json params = json::array({to_data(raw)});
        const auto answer = ask("eth_sendRawTransaction", params);
        if (!answer) return answer.error();
        if (answer->error) {
            const RpcError& error = *answer->error;
            return SendAnswer{classify_send(answer->http_status, error.code, error.message),
                              error.message};
        }
        const auto hash = parse_hash(answer->result);
        if (!hash || *hash != crypto::keccak256(raw)) {
            return SendAnswer{SendClass::unknown, "the node answered another transaction's hash"};
        }
        return SendAnswer{SendClass::accepted, ""};
    }

    Result<std::optional<ChainReceipt>> receipt(const Hash& transaction) override {
        const auto result = call("eth_getTransactionReceipt", {to_data(transaction.bytes)});
        if (!result) return result.error();
        if (result->is_null()) return std::optional<ChainReceipt>();
        auto receipt = parse_chain_receipt(*result);
        if (!receipt) return wrong("eth_getTransactionReceipt", receipt.error());
        if (receipt->transaction_hash != transaction) {
            return wrong("eth_getTransactionReceipt", bad("another transaction's receipt"));
        }
        return std::optional<ChainReceipt>(std::move(*receipt));
    }

    Result<std::optional<ChainBlock>> block(std::uint64_t number) override {
        const auto result = call("eth_getBlockByNumber", {to_quantity(number), false});
        if (!result) return result.error();
        if (result->is_null()) return std::optional<ChainBlock>();
        auto block = parse_block(*result);
        if (!block) return wrong("eth_getBlockByNumber", block.error());
        if (block->number != number) {
            return wrong("eth_getBlockByNumber", bad("another block's number"));
        }
        return std::optional<ChainBlock>(std::move(*block));
    }

    Result<std::vector<ChainReceipt>> receipts(const Hash& block_hash) override {
        if (has_block_receipts_) {
            const json params = json::array({to_data(block_hash.bytes)});
            const auto answer = ask("eth_getBlockReceipts", params);
            if (!answer) return answer.error();
            if (!answer->error) return parse_receipts(answer->result, block_hash);
            if (!is_unknown_method(*answer->error)) {
                return refused("eth_getBlockReceipts", *answer->error);
            }
            has_block_receipts_ = false;  // Ganache; asking once is enough
        }
        return receipts_one_by_one(block_hash);
    }

    Result<LogHead> log_head(const eth::Address& contract, const Hash& log_id) override {
        const auto data = read_contract(contract, eth::head_call(log_id));
        if (!data) return data.error();
        const auto head = eth::parse_head_answer(*data);
        if (!head) return wrong("head", head.error());
        return LogHead{head->submitter, head->next_batch.value, head->frozen};
    }

    Result<Hash> record_of(const eth::Address& contract, const Hash& log_id,
                           BatchId batch) override {
        const auto data = read_contract(contract, eth::record_of_call(log_id, batch));
        if (!data) return data.error();
        return parsed("recordOf", eth::parse_record_of_answer(*data));
    }

    Result<std::vector<eth::Log>> anchored_events(const eth::Address& contract, const Hash& log_id,
                                                  std::uint64_t from_block,
                                                  std::uint64_t to_block) override {
        const json filter = {
            {"address", to_data(contract)},
            {"fromBlock", to_quantity(from_block)},
            {"toBlock", to_quantity(to_block)},
            {"topics", {to_data(eth::anchored_topic().bytes), to_data(log_id.bytes)}}};
        const auto result = call("eth_getLogs", json::array({filter}));
        if (!result) return result.error();
        if (!result->is_array() || result->size() > kEventsMax) {
            return wrong("eth_getLogs", bad("a list of events expected"));
        }
        std::vector<eth::Log> out;
        for (const json& item : *result) {
            auto log = parse_chain_log(item);
            if (!log) return wrong("eth_getLogs", log.error());
            // Nodes were seen to ignore filters.
            const bool is_asked_for = log->address == contract && log->topics.size() == 4 &&
                                      log->topics[0] == eth::anchored_topic() &&
                                      log->topics[1] == log_id;
            if (is_asked_for) out.push_back(std::move(*log));
        }
        return out;
    }

    std::int64_t retry_after_ms() const override { return retry_after_ms_; }
    void abort() override { http_->abort(); }

private:
    static Error bad(const std::string& why) { return {Errc::invalid_input, why}; }

    Error at(std::string_view method, Errc code, const std::string& why) const {
        return {code, http_->endpoint() + ": " + std::string(method) + ": " + why};
    }
    Error wrong(std::string_view method, const Error& error) const {
        return at(method, Errc::invalid_input, error.message);
    }
    Error refused(std::string_view method, const RpcError& error) const {
        const auto reason = eth::describe_revert(error.revert_data);
        return at(method, Errc::refused, error.message + (reason ? ": " + *reason : ""));
    }
    template <class T>
    Result<T> parsed(std::string_view method, Result<T> value) const {
        if (!value) return wrong(method, value.error());
        return value;
    }

    // One call. The node's own error is an answer here; what failed below it is unavailable.
    Result<Answer> ask(const char* method, const json& params) {
        const std::uint64_t id = ++last_id_;
        const json request = {
            {"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
        retry_after_ms_ = 0;
        const auto http = http_->post(request.dump());
        if (!http) return Error{http.error().code, http.error().message + " (" + method + ")"};
        retry_after_ms_ = http->retry_after_ms;
        if (http->status == kTooManyRequests) {
            retry_after_ms_ = std::max(retry_after_ms_, kRestUnstatedMs);
        }
        json body = parse_answer(http->body).value_or(json());
        if (!body.is_object() && http->status != kHttpOk) {
            return Answer{http->status, {}, RpcError{0, http_text(http->status), {}}};
        }
        if (!body.is_object())
            return at(method, Errc::unavailable, "the answer is not JSON, or nested deeply");
        Answer answer{http->status, {}, std::nullopt};
        if (const auto error = body.find("error"); error != body.end() && !error->is_null()) {
            answer.error = parse_rpc_error(*error);
            return answer;
        }
        if (http->status != kHttpOk) return at(method, Errc::unavailable, http_text(http->status));
        if (body.value("id", json()) != json(id)) {
            return at(method, Errc::unavailable, "the answer is for another request");
        }
        if (!body.contains("result")) return at(method, Errc::unavailable, "no result");
        answer.result = std::move(body["result"]);
        return answer;
    }

    static std::string http_text(long status) { return "HTTP status " + std::to_string(status); }

    // A call whose answer must be a result. A node that is merely busy is unavailable.
    Result<json> call(const char* method, const json& params) {
        auto answer = ask(method, params);
        if (!answer) return answer.error();
        if (!answer->error) return std::move(answer->result);
        const RpcError& error = *answer->error;
        const SendClass kind = classify_send(answer->http_status, error.code, error.message);
        if (kind == SendClass::rate_limited || kind == SendClass::busy ||
            answer->http_status != kHttpOk) {
            return at(method, Errc::unavailable, error.message);
        }
        return refused(method, error);
    }

    Result<std::uint64_t> quantity(const char* method, const json& params) {
        const auto result = call(method, params);
        if (!result) return result.error();
        return parsed(method, parse_quantity(*result));
    }

    Result<Bytes> read_contract(const eth::Address& contract, const Bytes& data) {
        const json request = {{"to", to_data(contract)}, {"data", to_data(data)}};
        const auto result = call("eth_call", json::array({request, "latest"}));
        if (!result) return result.error();
        return parsed("eth_call", parse_data(*result));
    }

    Result<std::vector<ChainReceipt>> parse_receipts(const json& list, const Hash& block_hash) {
        if (!list.is_array()) return wrong("eth_getBlockReceipts", bad("a list expected"));
        std::vector<ChainReceipt> out;
        for (const json& item : list) {
            auto receipt = parse_chain_receipt(item);
            if (!receipt) return wrong("eth_getBlockReceipts", receipt.error());
            if (receipt->block_hash != block_hash || receipt->transaction_index != out.size()) {
                return wrong("eth_getBlockReceipts", bad("receipts of another block or order"));
            }
            out.push_back(std::move(*receipt));
        }
        return out;
    }

    Result<std::vector<ChainReceipt>> receipts_one_by_one(const Hash& block_hash) {
        const auto block = call("eth_getBlockByHash", {to_data(block_hash.bytes), false});
        if (!block) return block.error();
        if (!block->is_object()) return wrong("eth_getBlockByHash", bad("the block is gone"));
        const json transactions = block->value("transactions", json());
        if (!transactions.is_array()) return wrong("eth_getBlockByHash", bad("no transactions"));
        std::vector<ChainReceipt> out;
        for (const json& item : transactions) {
            const auto hash = parse_hash(item);
            if (!hash) return wrong("eth_getBlockByHash", hash.error());
            auto one = receipt(*hash);
            if (!one) return one.error();
            if (!*one || (*one)->block_hash != block_hash ||
                (*one)->transaction_index != out.size()) {
                return wrong("eth_getTransactionReceipt", bad("the block changed meanwhile"));
            }
            out.push_back(std::move(**one));
        }
        return out;
    }

    std::unique_ptr<HttpPost> http_;
    std::uint64_t last_id_ = 0;
    std::int64_t retry_after_ms_ = 0;
    bool has_block_receipts_ = true;
};

}  // namespace

std::unique_ptr<ChainClient> make_rpc_client(const RpcOptions& options) {
    return make_rpc_client_over(make_http_post(options));
}

std::unique_ptr<ChainClient> make_rpc_client_over(std::unique_ptr<HttpPost> http) {
    return std::make_unique<RpcClient>(std::move(http));
}

}  // namespace anchorlog::anchor
