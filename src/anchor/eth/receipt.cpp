#include "anchorlog/eth/receipt.h"

#include <algorithm>
#include <string>

#include "anchor/eth/rlp.h"

namespace anchorlog::eth {

namespace {

constexpr std::uint8_t kTypedMax = 0x7f;  // EIP-2718; larger bytes start a legacy receipt's list
constexpr std::size_t kReceiptItems = 4;
constexpr std::size_t kDepositItemsMax = 6;
constexpr std::size_t kLogItems = 3;

Error bad(const std::string& why) { return {Errc::invalid_input, "receipt: " + why}; }

Result<Log> parse_log(const RlpItem& item) {
    if (!item.is_list || item.items.size() != kLogItems) return bad("a log has three parts");
    Log log;
    const auto address = rlp_address(item.items[0]);
    if (!address) return address.error().in("receipt: log address");
    log.address = *address;
    const RlpItem& topics = item.items[1];
    if (!topics.is_list || topics.items.size() > kTopicsMax) return bad("malformed topics");
    for (const RlpItem& topic : topics.items) {
        const auto hash = rlp_hash(topic);
        if (!hash) return hash.error().in("receipt: topic");
        log.topics.push_back(*hash);
    }
    const RlpItem& data = item.items[2];
    if (data.is_list) return bad("log data is a list");
    log.data.assign(data.payload.begin(), data.payload.end());
    return log;
}

}  // namespace

Bytes encode_receipt(const Receipt& receipt) {
    Bytes logs;
    for (const Log& log : receipt.logs) {
        Bytes topics;
        for (const Hash& topic : log.topics) append_rlp(topics, topic.bytes);
        Bytes parts;
        append_rlp(parts, log.address);
        append_rlp_list(parts, topics);
        append_rlp(parts, log.data);
        append_rlp_list(logs, parts);
    }
    Bytes items;
    append_rlp_uint(items, receipt.succeeded ? 1 : 0);
    append_rlp_uint(items, receipt.cumulative_gas);
    append_rlp(items, receipt.bloom);
    append_rlp_list(items, logs);
    for (const std::uint64_t number : receipt.deposit) append_rlp_uint(items, number);
    Bytes out;
    if (receipt.type != 0) out.push_back(receipt.type);
    append_rlp_list(out, items);
    return out;
}

Result<Receipt> parse_receipt(ByteView bytes) {
    if (bytes.empty()) return bad("empty");
    Receipt receipt;
    receipt.type = 0;
    if (bytes[0] <= kTypedMax) {
        if (bytes[0] == 0) return bad("type 0 is written without a type byte");
        receipt.type = bytes[0];
        bytes = bytes.subspan(1);
    }
    const auto list = decode_rlp(bytes);
    if (!list) return list.error().in("receipt");
    const std::size_t items_max = receipt.type == kDepositType ? kDepositItemsMax : kReceiptItems;
    if (!list->is_list || list->items.size() < kReceiptItems || list->items.size() > items_max) {
        return bad("four parts expected");
    }
    const auto status = rlp_uint(list->items[0]);
    if (!status || *status > 1) return bad("the status is neither 0 nor 1");
    receipt.succeeded = *status == 1;
    const auto gas = rlp_uint(list->items[1]);
    if (!gas) return gas.error().in("receipt: cumulative gas");
    receipt.cumulative_gas = *gas;
    const RlpItem& bloom = list->items[2];
    if (bloom.is_list || bloom.payload.size() != kBloomSize) return bad("malformed bloom");
    std::copy(bloom.payload.begin(), bloom.payload.end(), receipt.bloom.begin());
    if (!list->items[3].is_list) return bad("the logs are not a list");
    for (const RlpItem& item : list->items[3].items) {
        auto log = parse_log(item);
        if (!log) return log.error();
        receipt.logs.push_back(std::move(*log));
    }
    for (std::size_t i = kReceiptItems; i < list->items.size(); ++i) {
        const auto number = rlp_uint(list->items[i]);
        if (!number) return number.error().in("receipt: deposit");
        receipt.deposit.push_back(*number);
    }
    return receipt;
}

}  // namespace anchorlog::eth
