#include <nlohmann/json.hpp>

#include <array>
#include <memory>
#include <string>

#include "anchor/rpc_client.h"
#include "anchor/rpc_json.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/block_header.h"
#include "anchorlog/eth/receipt.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

constexpr std::size_t kPostsMax = 64;  // a node could list transactions for ever

// A node that gives the same body to everything that is asked, under the id that was asked for.
class OneAnswer final : public anchor::HttpPost {
public:
    OneAnswer(char kind, std::string_view text) : kind_(kind), text_(text) {}

    Result<anchor::HttpAnswer> post(const std::string& body) override {
        if (++posts_ > kPostsMax) return Error{Errc::unavailable, "enough"};
        if (kind_ == 'b') return anchor::HttpAnswer{200, text_};
        if (kind_ == 'h') return anchor::HttpAnswer{503, text_};
        const std::string id = nlohmann::json::parse(body)["id"].dump();
        return anchor::HttpAnswer{200, "{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"" +
                                           (kind_ == 'e' ? "error" : "result") + "\":" + text_ +
                                           "}"};
    }
    void abort() override {}
    const std::string& endpoint() const override { return endpoint_; }

private:
    char kind_;
    std::string text_;
    std::string endpoint_ = "http://node";
    std::size_t posts_ = 0;
};

template <class T>
void check_error(const Result<T>& answer) {
    require(answer.has_value() || !answer.error().message.empty(), "a refusal says why");
}

// One block or receipt, whatever its number or hash: the client refuses those it did not ask for.
void check_values(std::string_view text) {
    const auto value = anchor::parse_answer(text).value_or(nlohmann::json());
    if (const auto block = anchor::parse_block(value)) {
        const auto header = eth::parse_block_header(block->header);
        require(header && header->number == block->number &&
                    header->receipts_root == block->receipts_root &&
                    crypto::keccak256(block->header) == block->hash,
                "a block is what its header says");
    }
    if (const auto receipt = anchor::parse_chain_receipt(value)) {
        const auto parsed = eth::parse_receipt(receipt->encoded);
        require(parsed && parsed->logs.size() == receipt->logs.size() &&
                    parsed->succeeded == receipt->succeeded,
                "a receipt is encoded as it was told");
    }
    if (const auto wei = anchor::parse_wei(value)) {
        require(wei->size() <= 78 && (wei->size() == 1 || wei->front() != '0'), "wei are decimal");
    }
    if (const auto number = anchor::parse_quantity(value)) {
        require(anchor::to_quantity(*number) == value.get<std::string>(), "a quantity round-trips");
    }
    if (const auto data = anchor::parse_data(value)) {
        require(anchor::to_data(*data) == value.get<std::string>(), "data round-trips");
    }
}

void ask_reads(anchor::ChainClient& node, char method) {
    if (method == '0') check_error(node.chain_id());
    if (method == '1') check_error(node.genesis_hash());
    if (method == '2') check_error(node.tagged_number("finalized"));
    if (method == '3') check_error(node.code_hash({}));
    if (method == '4') check_error(node.balance_wei({}));
    if (method == '5') check_error(node.fees());
    if (method == '6') check_error(node.log_head({}, {}));
    if (method == '7') check_error(node.record_of({}, {}, BatchId(1)));
    if (method == '8') check_error(node.estimate_gas({}, nullptr, {}));
    if (method == '9') check_error(node.send_raw({}));
}

}  // namespace

// First a letter for what is answered (body, HTTP error, error, else result), then one for the
// call, then the text.
void rpc_answer(ByteView input) {
    InputReader reader(input);
    const char kind = static_cast<char>(reader.byte());
    const char method = static_cast<char>(reader.byte());
    const auto node =
        anchor::make_rpc_client_over(std::make_unique<OneAnswer>(kind, as_text(reader.rest())));
    check_values(as_text(reader.rest()));
    ask_reads(*node, method);
    if (method == 'b') check_error(node->block(1));
    if (method == 'r') check_error(node->receipt({}));
    if (method == 'l') {
        const auto receipts = node->receipts({});
        check_error(receipts);
        if (receipts) require(receipts->size() <= kPostsMax, "each receipt was asked for");
    }
    if (method == 'e') {
        const auto events = node->anchored_events({}, {}, 0, 1);
        check_error(events);
        if (!events) return;
        for (const auto& log : *events)
            require(log.topics.size() == 4, "only our events are taken");
    }
}

}  // namespace anchorlog::fuzz
