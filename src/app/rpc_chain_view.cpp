#include <algorithm>

#include "anchorlog/anchor/chain_client.h"
#include "app/logverify_commands.h"

namespace anchorlog::app {
namespace {

// Events are asked for in steps: nodes refuse ranges that are too long.
constexpr std::uint64_t kEventBlocksStep = 10'000;

// A URL as it may be shown: without user, password and query, which may hold an API key.
std::string shown_url(std::string url) {
    const std::size_t scheme = url.find("://");
    const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
    url = url.substr(0, url.find_first_of("?#"));
    const std::size_t path = url.find('/', host);
    const std::size_t at = url.rfind('@', path);
    if (at != std::string::npos && at >= host) url.erase(host, at + 1 - host);
    return url;
}

class RpcChainView final : public verify::ChainView {
public:
    explicit RpcChainView(const std::string& url)
        : name_(shown_url(url)), client_(anchor::make_rpc_client({.url = url})) {}

    std::string name() const override { return name_; }
    Result<std::uint64_t> chain_id() override { return client_->chain_id(); }
    Result<Hash> code_hash(const eth::Address& contract) override {
        return client_->code_hash(contract);
    }

    Result<std::vector<eth::Log>> anchored_events(const eth::Address& contract,
                                                  const Hash& log_id) override {
        auto head = client_->head_number();
        if (!head) return std::move(head).error();
        std::vector<eth::Log> all;
        for (std::uint64_t from = 0; from <= *head; from += kEventBlocksStep) {
            const std::uint64_t to = std::min(*head, from + kEventBlocksStep - 1);
            auto events = client_->anchored_events(contract, log_id, from, to);
            if (!events) return std::move(events).error();
            for (eth::Log& event : *events) all.push_back(std::move(event));
        }
        return all;
    }

    Result<std::optional<Hash>> block_hash(std::uint64_t number) override {
        auto block = client_->block(number);
        if (!block) return std::move(block).error();
        if (!*block) return std::optional<Hash>();
        return std::optional<Hash>((*block)->hash);
    }

private:
    std::string name_;
    std::unique_ptr<anchor::ChainClient> client_;
};

}  // namespace

std::unique_ptr<verify::ChainView> make_rpc_chain_view(const std::string& url) {
    return std::make_unique<RpcChainView>(url);
}

}  // namespace anchorlog::app
