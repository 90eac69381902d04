#include "anchor/rpc_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/block_header.h"
#include "anchorlog/eth/receipt.h"

namespace anchorlog::anchor {

namespace {

using nlohmann::json;

constexpr std::size_t kQuantityDigitsMax = 16;
constexpr std::size_t kWeiDigitsMax = 64;
constexpr std::size_t kErrorTextMax = 300;

Error bad(const std::string& why) { return {Errc::invalid_input, why}; }

Result<std::string_view> hex_digits(const json& value) {
    if (!value.is_string()) return bad("a hex string expected");
    const std::string_view text = value.get_ref<const std::string&>();
    if (!text.starts_with("0x")) return bad("hex without 0x");
    return text.substr(2);
}

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

Result<std::string_view> quantity_digits(const json& value, std::size_t digits_max) {
    const auto digits = hex_digits(value);
    if (!digits) return digits.error();
    if (digits->empty() || digits->size() > digits_max) return bad("a quantity of impossible size");
    if (digits->size() > 1 && digits->front() == '0') return bad("a quantity with leading zeros");
    const bool is_hex =
        std::all_of(digits->begin(), digits->end(), [](char c) { return digit_value(c) >= 0; });
    if (!is_hex) return bad("a quantity that is not lower-case hex");
    return *digits;
}

const json& member(const json& object, const char* name) {
    static const json null;
    if (!object.is_object()) return null;
    const auto found = object.find(name);
    return found == object.end() ? null : *found;
}

// Reads a member and puts its name in front of what is wrong with it.
template <class T>
Result<void> read(const json& object, const char* name, Result<T> (*parse)(const json&), T& out) {
    auto value = parse(member(object, name));
    if (!value) return std::move(value).error().in(name);
    out = std::move(*value);
    return {};
}

Result<eth::Address> parse_address_value(const json& value) {
    if (!value.is_string()) return bad("an address expected");
    return eth::parse_address(value.get_ref<const std::string&>());
}

Result<void> read_deposit(const json& value, eth::Receipt& receipt) {
    for (const char* name : {"depositNonce", "depositReceiptVersion"}) {
        if (member(value, name).is_null()) break;
        std::uint64_t number = 0;
        if (auto ok = read(value, name, parse_quantity, number); !ok) return ok;
        receipt.deposit.push_back(number);
    }
    return {};
}

Result<Bytes> encode(const json& value, const ChainReceipt& chain) {
    eth::Receipt receipt;
    std::uint64_t type = 0;
    if (!member(value, "type").is_null()) {
        if (auto ok = read(value, "type", parse_quantity, type); !ok) return ok.error();
    }
    if (type > 0x7f) return bad("type: not a transaction type");
    receipt.type = static_cast<std::uint8_t>(type);
    receipt.succeeded = chain.succeeded;
    Bytes bloom;
    if (auto ok = read(value, "logsBloom", parse_data, bloom); !ok) return ok.error();
    if (bloom.size() != receipt.bloom.size()) return bad("logsBloom: 256 bytes expected");
    std::copy(bloom.begin(), bloom.end(), receipt.bloom.begin());
    auto ok = read(value, "cumulativeGasUsed", parse_quantity, receipt.cumulative_gas);
    if (!ok) return ok.error();
    receipt.logs = chain.logs;
    if (receipt.type == eth::kDepositType) {
        if (ok = read_deposit(value, receipt); !ok) return ok.error();
    }
    return eth::encode_receipt(receipt);
}

// Of JSON; any number for other texts.
int nesting_of(std::string_view text) {
    int depth = 0;
    int deepest = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"') in_string = !in_string;
        if (in_string) {
            if (c == '\\') ++i;
        } else if (c == '[' || c == '{') {
            deepest = std::max(deepest, ++depth);
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return deepest;
}

}  // namespace

std::optional<json> parse_answer(std::string_view text) {
    if (nesting_of(text) > kAnswerNestingMax) return std::nullopt;
    json value = json::parse(text, nullptr, false);
    if (value.is_discarded()) return std::nullopt;
    return value;
}

Result<std::uint64_t> parse_quantity(const json& value) {
    const auto digits = quantity_digits(value, kQuantityDigitsMax);
    if (!digits) return digits.error();
    std::uint64_t out = 0;
    for (const char c : *digits) out = out << 4 | static_cast<std::uint64_t>(digit_value(c));
    return out;
}

Result<Bytes> parse_data(const json& value) {
    const auto digits = hex_digits(value);
    if (!digits) return digits.error();
    return from_hex(*digits);
}

Result<Hash> parse_hash(const json& value) {
    const auto digits = hex_digits(value);
    if (!digits) return digits.error();
    return hash_from_hex(*digits);
}

Result<std::string> parse_wei(const json& value) {
    const auto digits = quantity_digits(value, kWeiDigitsMax);
    if (!digits) return digits.error();
    std::string decimal = "0";  // least significant digit first
    for (const char c : *digits) {
        int carry = digit_value(c);
        for (char& place : decimal) {
            const int sum = (place - '0') * 16 + carry;
            place = static_cast<char>('0' + sum % 10);
            carry = sum / 10;
        }
        for (; carry > 0; carry /= 10) decimal.push_back(static_cast<char>('0' + carry % 10));
    }
    std::reverse(decimal.begin(), decimal.end());
    return decimal;
}

std::string to_quantity(std::uint64_t value) {
    std::string out;
    do {
        out.push_back("0123456789abcdef"[value & 0x0f]);
        value >>= 4;
    } while (value != 0);
    out += "x0";
    std::reverse(out.begin(), out.end());
    return out;
}

std::string to_data(ByteView bytes) { return "0x" + to_hex(bytes); }

Result<ChainBlock> parse_block(const json& value) {
    ChainBlock block;
    if (auto ok = read(value, "number", parse_quantity, block.number); !ok) return ok.error();
    if (auto ok = read(value, "hash", parse_hash, block.hash); !ok) return ok.error();
    auto header = eth::encode_block_header([&](std::string_view name) {
        const json& found = member(value, std::string(name).c_str());
        return found.is_string() ? std::optional(found.get<std::string>()) : std::nullopt;
    });
    if (!header) return std::move(header).error();
    if (crypto::keccak256(*header) != block.hash) {
        return bad("block " + std::to_string(block.number) +
                   ": its header does not hash to its hash; a fork this program does not know?");
    }
    block.header = std::move(*header);
    auto ok = read(value, "receiptsRoot", parse_hash, block.receipts_root);
    if (!ok) return ok.error();
    return block;
}

Result<eth::Log> parse_chain_log(const json& value) {
    eth::Log log;
    auto ok = read(value, "address", parse_address_value, log.address);
    if (ok) ok = read(value, "data", parse_data, log.data);
    if (ok) ok = read(value, "blockNumber", parse_quantity, log.block_number);
    if (ok) ok = read(value, "blockHash", parse_hash, log.block_hash);
    if (ok) ok = read(value, "transactionHash", parse_hash, log.transaction_hash);
    if (ok) ok = read(value, "logIndex", parse_quantity, log.log_index);
    if (!ok) return std::move(ok).error().in("log");
    const json& topics = member(value, "topics");
    if (!topics.is_array() || topics.size() > eth::kTopicsMax) return bad("log: topics");
    for (const json& topic : topics) {
        const auto hash = parse_hash(topic);
        if (!hash) return hash.error().in("log: topic");
        log.topics.push_back(*hash);
    }
    return log;
}

Result<ChainReceipt> parse_chain_receipt(const json& value) {
    ChainReceipt out;
    std::uint64_t status = 0;
    auto ok = read(value, "transactionHash", parse_hash, out.transaction_hash);
    if (ok) ok = read(value, "blockNumber", parse_quantity, out.block_number);
    if (ok) ok = read(value, "blockHash", parse_hash, out.block_hash);
    if (ok) ok = read(value, "transactionIndex", parse_quantity, out.transaction_index);
    if (ok) ok = read(value, "gasUsed", parse_quantity, out.gas_used);
    if (ok) ok = read(value, "status", parse_quantity, status);
    if (!ok) return std::move(ok).error().in("receipt");
    if (status > 1) return bad("receipt: the status is neither 0 nor 1");
    out.succeeded = status == 1;
    const json& contract = member(value, "contractAddress");
    if (!contract.is_null()) {
        const auto address = parse_address_value(contract);
        if (!address) return address.error().in("receipt: contractAddress");
        out.contract = *address;
    }
    const json& logs = member(value, "logs");
    if (!logs.is_array()) return bad("receipt: logs expected");
    for (const json& item : logs) {
        auto log = parse_chain_log(item);
        if (!log) return std::move(log).error().in("receipt");
        out.logs.push_back(std::move(*log));
    }
    auto encoded = encode(value, out);
    if (!encoded) return std::move(encoded).error().in("receipt");
    out.encoded = std::move(*encoded);
    return out;
}

RpcError parse_rpc_error(const json& value) {
    RpcError error;
    if (const json& code = member(value, "code"); code.is_number_integer()) {
        error.code = code.get<std::int64_t>();
    }
    const json& message = member(value, "message");
    error.message = message.is_string() ? message.get<std::string>() : "no message";
    if (error.message.size() > kErrorTextMax) error.message.resize(kErrorTextMax);
    // It goes into our log lines.
    std::replace_if(
        error.message.begin(), error.message.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    // Ganache's eth_estimateGas hides the revert data one level deeper than everybody else.
    const json& data = member(value, "data");
    auto bytes = parse_data(data.is_object() ? member(data, "result") : data);
    if (bytes) error.revert_data = std::move(*bytes);
    return error;
}

bool is_unknown_method(const RpcError& error) {
    constexpr std::int64_t kMethodNotFound = -32601;
    return error.code == kMethodNotFound ||
           error.message.find("does not exist") != std::string::npos ||
           error.message.find("not supported") != std::string::npos ||
           error.message.find("not available") != std::string::npos;
}

}  // namespace anchorlog::anchor
