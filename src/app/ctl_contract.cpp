#include <cstdio>

#include "anchorlog/anchor/deploy.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/note.h"
#include "app/ctl.h"

namespace anchorlog::app {
namespace {

Result<Hash> log_of(const CtlCall& call) {
    auto origin = call.need("--origin");
    if (!origin) return std::move(origin).error();
    if (!wire::is_origin(*origin)) {
        return Error{Errc::invalid_input, "--origin must be at most 255 bytes of [a-z0-9./_-]"};
    }
    return wire::log_id_of(*origin);
}

Result<std::unique_ptr<anchor::ChainClient>> chain_of(const CtlCall& call) {
    auto url = call.need("--rpc");
    if (!url) return std::move(url).error();
    return anchor::make_rpc_client({.url = *url});
}

Result<std::unique_ptr<crypto::AccountKey>> key_of(const CtlCall& call, const char* option) {
    auto path = call.need(option);
    if (!path) return std::move(path).error();
    return crypto::load_account_key(*path);
}

Result<eth::Address> contract_of(const CtlCall& call) {
    auto text = call.need("--contract");
    if (!text) return std::move(text).error();
    auto address = eth::parse_address(*text);
    if (!address) return Error{Errc::invalid_input, "--contract " + address.error().message};
    return *address;
}

}  // namespace

Result<void> contract_deploy(const CtlCall& call) {
    auto chain = chain_of(call);
    if (!chain) return std::move(chain).error();
    auto key = key_of(call, "--key");
    if (!key) return std::move(key).error();
    auto log_id = log_of(call);
    if (!log_id) return std::move(log_id).error();
    auto deployed = anchor::deploy_log_anchor(**chain, **key, *log_id);
    if (!deployed) return std::move(deployed).error();
    const std::string address = eth::format_address(deployed->contract);
    const std::string code_hash = "0x" + to_hex(deployed->code_hash);
    const auto chain_id = static_cast<unsigned long long>(deployed->chain_id);
    std::printf("address %s\ncode_hash %s\nchain_id %llu\ngenesis_hash 0x%s\n", address.c_str(),
                code_hash.c_str(), chain_id, to_hex(deployed->genesis_hash).c_str());
    std::printf("trust anchor eip155:%llu:%s %s private\n", chain_id, address.c_str(),
                code_hash.c_str());
    return {};
}

Result<void> contract_show(const CtlCall& call) {
    auto chain = chain_of(call);
    if (!chain) return std::move(chain).error();
    const auto contract = contract_of(call);
    if (!contract) return contract.error();
    const auto log_id = log_of(call);
    if (!log_id) return log_id.error();
    const auto chain_id = (*chain)->chain_id();
    if (!chain_id) return chain_id.error();
    const auto code = (*chain)->code_hash(*contract);
    if (!code) return code.error();
    const bool is_ours = *code == eth::log_anchor_code_hash();
    std::printf("chain_id %llu\ncode_hash 0x%s\ncode %s\n",
                static_cast<unsigned long long>(*chain_id), to_hex(*code).c_str(),
                is_ours ? "LogAnchor of this version" : "another program: trust nothing below");
    const auto head = (*chain)->log_head(*contract, *log_id);
    if (!head) return head.error();
    if (head->submitter == eth::Address{}) {
        return Error{Errc::not_found, "the contract knows no log of this origin"};
    }
    const auto balance = (*chain)->balance_wei(head->submitter);
    if (!balance) return balance.error();
    std::printf("submitter %s\nbalance_wei %s\nnext_batch %llu\nfrozen %s\n",
                eth::format_address(head->submitter).c_str(), balance->c_str(),
                static_cast<unsigned long long>(head->next_batch), head->frozen ? "yes" : "no");
    return {};
}

Result<void> contract_rotate_submitter(const CtlCall& call) {
    auto chain = chain_of(call);
    if (!chain) return std::move(chain).error();
    const auto contract = contract_of(call);
    if (!contract) return contract.error();
    const auto log_id = log_of(call);
    if (!log_id) return log_id.error();
    const auto owner = key_of(call, "--key");
    if (!owner) return owner.error();
    const auto next = key_of(call, "--new-key");
    if (!next) return next.error();
    auto done = anchor::rotate_submitter(**chain, *contract, *log_id, **owner, **next);
    if (!done) return done;
    std::printf("submitter %s\n", eth::format_address((*next)->address()).c_str());
    return {};
}

}  // namespace anchorlog::app
