#include "anchorlog/eth/block_header.h"

#include <array>

#include "anchor/eth/rlp.h"

namespace anchorlog::eth {

namespace {

constexpr std::size_t kFieldsMin = 15;  // Frontier
constexpr std::size_t kFieldsMax = 40;  // room for forks to come
constexpr std::size_t kHeaderBytesMax = 8'192;

enum class FieldKind { integer, bytes };

struct HeaderField {
    std::string_view member;  // of eth_getBlockByNumber's answer
    FieldKind kind;
    std::size_t size;  // exact for bytes but for extraData, the largest for integers
};

constexpr std::size_t kAnySize = 0;
constexpr std::size_t kExtraDataMax = 4'096;  // 32 on mainnet; clique chains put signatures there

// In the order of the header; all after `nonce` came with forks (EIP-1559, 4895, 4844, 4788, 7685).
constexpr std::array<HeaderField, 21> kFields = {{
    {"parentHash", FieldKind::bytes, 32},
    {"sha3Uncles", FieldKind::bytes, 32},
    {"miner", FieldKind::bytes, 20},
    {"stateRoot", FieldKind::bytes, 32},
    {"transactionsRoot", FieldKind::bytes, 32},
    {"receiptsRoot", FieldKind::bytes, 32},
    {"logsBloom", FieldKind::bytes, 256},
    {"difficulty", FieldKind::integer, 32},
    {"number", FieldKind::integer, 8},
    {"gasLimit", FieldKind::integer, 8},
    {"gasUsed", FieldKind::integer, 8},
    {"timestamp", FieldKind::integer, 8},
    {"extraData", FieldKind::bytes, kAnySize},
    {"mixHash", FieldKind::bytes, 32},
    {"nonce", FieldKind::bytes, 8},
    {"baseFeePerGas", FieldKind::integer, 32},
    {"withdrawalsRoot", FieldKind::bytes, 32},
    {"blobGasUsed", FieldKind::integer, 8},
    {"excessBlobGas", FieldKind::integer, 8},
    {"parentBeaconBlockRoot", FieldKind::bytes, 32},
    {"requestsHash", FieldKind::bytes, 32},
}};

constexpr std::size_t kParentHash = 0;
constexpr std::size_t kTransactionsRoot = 4;
constexpr std::size_t kReceiptsRoot = 5;
constexpr std::size_t kNumber = 8;
constexpr std::size_t kTimestamp = 11;

Error bad(const std::string& why) { return {Errc::invalid_input, "block header: " + why}; }

Result<Bytes> field_bytes(const HeaderField& field, std::string_view text) {
    const std::string place = "block header: " + std::string(field.member);
    if (!text.starts_with("0x")) return bad(std::string(field.member) + " does not begin with 0x");
    std::string hex(text.substr(2));
    if (field.kind == FieldKind::integer && hex.size() % 2 == 1) hex.insert(hex.begin(), '0');
    auto bytes = from_hex(hex);
    if (!bytes) return std::move(bytes).error().in(place);
    const bool fits = field.kind == FieldKind::integer
                          ? !bytes->empty() && bytes->size() <= field.size
                      : field.size == kAnySize ? bytes->size() <= kExtraDataMax
                                               : bytes->size() == field.size;
    if (!fits) return bad(std::string(field.member) + " has an impossible size");
    return bytes;
}

}  // namespace

Result<BlockHeader> parse_block_header(ByteView rlp) {
    if (rlp.size() > kHeaderBytesMax) return bad("too large");
    const auto list = decode_rlp(rlp);
    if (!list) return list.error().in("block header");
    if (!list->is_list || list->items.size() < kFieldsMin || list->items.size() > kFieldsMax) {
        return bad("15 fields or more expected");
    }
    for (const RlpItem& item : list->items) {
        if (item.is_list) return bad("a field is a list");
    }
    const auto parent = rlp_hash(list->items[kParentHash]);
    const auto transactions = rlp_hash(list->items[kTransactionsRoot]);
    const auto receipts = rlp_hash(list->items[kReceiptsRoot]);
    const auto number = rlp_uint(list->items[kNumber]);
    const auto timestamp = rlp_uint(list->items[kTimestamp]);
    if (!parent || !transactions || !receipts) return bad("a root or hash is not 32 bytes");
    if (!number || !timestamp) return bad("number or timestamp is not a 64-bit integer");
    return BlockHeader{*parent, *transactions, *receipts, *number, *timestamp};
}

Result<Bytes> encode_block_header(const BlockMember& member) {
    Bytes items;
    for (std::size_t i = 0; i < kFields.size(); ++i) {
        const HeaderField& field = kFields[i];
        const auto text = member(field.member);
        // Every fork adds behind the last field, so the first absent one ends the header.
        if (!text && i >= kFieldsMin) break;
        if (!text) return bad("the node does not give " + std::string(field.member));
        const auto bytes = field_bytes(field, *text);
        if (!bytes) return bytes.error();
        if (field.kind == FieldKind::integer) {
            append_rlp_integer(items, *bytes);
        } else {
            append_rlp(items, *bytes);
        }
    }
    return rlp_list(items);
}

}  // namespace anchorlog::eth
