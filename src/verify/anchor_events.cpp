#include <algorithm>

#include "verify/anchor_audit.h"

namespace anchorlog::verify {
namespace {

Hash keccak_of_nothing() {
    static const Hash kHash =
        *hash_from_hex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    return kHash;
}

}  // namespace

void AnchorAudit::ask_chain(ChainView& chain, const Hash& log_id) {
    auto chain_id = chain.chain_id();
    if (!chain_id) {
        undecided_.push_back("the chain does not answer: " + chain_id.error().message);
        return;
    }
    for (const TrustedBlock& block : trust_.blocks) {
        if (block.chain_id != *chain_id) continue;
        auto hash = chain.block_hash(block.number);
        if (!hash) {
            undecided_.push_back("the chain does not answer: " + hash.error().message);
            return;
        }
        if (*hash == block.hash) continue;
        Fault fault;
        fault.kind = "chain";
        fault.phrase = "the node's block " + std::to_string(block.number) +
                       " is not the one the trust file names";
        fault.expected = to_hex(block.hash);
        fault.found = *hash ? to_hex(**hash) : "no such block";
        faults_.add(std::move(fault));
    }
    chain_name_ = chain.name();
    bool any = false;
    for (const TrustedAnchor& anchor : trust_.anchors) {
        if (anchor.chain_id != *chain_id) continue;
        any = true;
        ask_contract(chain, anchor, log_id);
    }
    if (!any) {
        undecided_.push_back("the node serves chain " + std::to_string(*chain_id) +
                             ", for which the trust file has no anchor line");
    }
}

void AnchorAudit::ask_contract(ChainView& chain, const TrustedAnchor& anchor, const Hash& log_id) {
    const std::string name = eth::format_address(anchor.contract);
    auto code = chain.code_hash(anchor.contract);
    if (!code) {
        undecided_.push_back("the chain does not answer: " + code.error().message);
        return;
    }
    if (*code == keccak_of_nothing() && *code != anchor.code_hash) {
        undecided_.push_back("there is no contract at " + name +
                             " on the node's chain: another chain, or one that was reset");
        return;
    }
    if (*code != anchor.code_hash) {
        Fault fault;
        fault.kind = "code_hash";
        fault.phrase = "the contract " + name + " is not the one the trust file trusts";
        fault.expected = "code hash " + to_hex(anchor.code_hash);
        fault.found = to_hex(*code);
        faults_.add(std::move(fault));
        return;
    }
    auto events = chain.anchored_events(anchor.contract, log_id);
    if (!events) {
        undecided_.push_back("the chain does not answer: " + events.error().message);
        return;
    }
    asked_.insert(&anchor);
    for (const eth::Log& log : *events) add_event(log, anchor, log_id);
    for (const Index index : book_.by_batch()) {
        Claim& claim = book_[index];
        if (claim.from == AnchorClaim::From::receipt && is_of(claim, anchor)) {
            compare_with_chain(claim);
        }
    }
}

void AnchorAudit::add_event(const eth::Log& log, const TrustedAnchor& anchor, const Hash& log_id) {
    auto event = eth::decode_anchored(log);
    if (!event || log.address != anchor.contract || event->log_id != log_id) {
        undecided_.push_back("the node answers with an event that is not of this log" +
                             (event ? std::string() : ": " + event.error().message));
        return;
    }
    AnchorClaim claim;
    claim.from = AnchorClaim::From::chain;
    claim.record = eth::record_of_event(*event);
    claim.from_batch = event->from_batch;
    claim.chain_id = anchor.chain_id;
    claim.contract = anchor.contract;
    claim.block_number = log.block_number;
    claim.block_hash = log.block_hash;
    claim.transaction = log.transaction_hash;
    claim.counts = true;
    book_.keep(std::move(claim));
}

// A receipt the log shows must be on the chain too, unless it was superseded.
void AnchorAudit::compare_with_chain(Claim& claim) {
    if (claim.superseded) return;
    const auto all = book_.of_batch(claim.batch);
    const auto same = std::find_if(all.begin(), all.end(), [&](Index index) {
        const Claim& event = book_[index];
        return event.from == AnchorClaim::From::chain && event.record == claim.record &&
               event.from_batch == claim.from_batch &&
               book_.route(event).chain_id == book_.route(claim).chain_id &&
               book_.route(event).contract == book_.route(claim).contract;
    });
    const auto receipt = whole(claim);
    if (same == all.end()) {
        line_fault(place_of(claim), "a receipt in anchors/ is not on the chain",
                   "the node has no such event" + (receipt ? " for " + range_of(*receipt) : ""));
        claim.counts = false;
        return;
    }
    Claim& event = book_[*same];
    const auto on_chain = whole(event);
    if (!receipt || !on_chain) {
        claim.counts = false;
        return;
    }
    if (on_chain->block_hash != receipt->block_hash) {
        const LinePlace place = place_of(claim);
        notes_.push_back(place.segment + " line " + std::to_string(place.line) +
                         ": the event is now in another block (a reorganisation)");
        claim.counts = false;
        return;
    }
    claim.counts = true;
    claim.on_chain = event.on_chain = true;
}

}  // namespace anchorlog::verify
