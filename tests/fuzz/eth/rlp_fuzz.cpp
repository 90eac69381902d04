#include "anchor/eth/rlp.h"

#include <optional>
#include <string>

#include "anchorlog/crypto/keccak.h"
#include "anchorlog/eth/block_header.h"
#include "anchorlog/eth/receipt.h"
#include "anchorlog/eth/transaction.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

bool is_equal(ByteView a, ByteView b) { return as_text(a) == as_text(b); }

// Writes an item anew from its leaves and counts them.
Bytes encode(const eth::RlpItem& item, std::size_t& items) {
    ++items;
    Bytes out;
    if (!item.is_list) {
        eth::append_rlp(out, item.payload);
        return out;
    }
    Bytes inner;
    for (const eth::RlpItem& one : item.items) append(inner, encode(one, items));
    return eth::rlp_list(inner);
}

void check_meaning(const eth::RlpItem& item) {
    if (const auto number = eth::rlp_uint(item)) {
        Bytes again;
        eth::append_rlp_uint(again, *number);
        require(is_equal(again, item.encoded), "an integer has one encoding");
    }
    if (const auto hash = eth::rlp_hash(item)) {
        require(is_equal(hash->bytes, item.payload), "a hash is its payload");
    }
    if (const auto address = eth::rlp_address(item)) {
        require(is_equal(*address, item.payload), "an address is its payload");
    }
    for (const eth::RlpItem& one : item.items) check_meaning(one);
}

}  // namespace

void rlp(ByteView input) {
    const auto item = eth::decode_rlp(input);
    if (!item) return;
    std::size_t items = 0;
    require(is_equal(encode(*item, items), input), "RLP is written as it was read");
    require(items <= eth::kRlpItemsMax, "items are limited");
    check_meaning(*item);
}

void receipt(ByteView input) {
    const auto receipt = eth::parse_receipt(input);
    if (!receipt) return;
    require(is_equal(eth::encode_receipt(*receipt), input), "a receipt is written as it was read");
}

void transaction(ByteView input) {
    const auto parsed = eth::parse_transaction(input);
    if (!parsed) return;
    require(parsed->hash == crypto::keccak256(input), "a transaction's hash is of its bytes");
    const Bytes unsigned_bytes = eth::encode_unsigned(parsed->fields);
    const auto fields = eth::decode_rlp(ByteView(unsigned_bytes).subspan(1));
    const auto all = eth::decode_rlp(input.subspan(1));
    require(fields && all && fields->items.size() + 3 == all->items.size(),
            "what is signed is all but the signature");
    for (std::size_t i = 0; i < fields->items.size(); ++i) {
        require(is_equal(fields->items[i].encoded, all->items[i].encoded),
                "a transaction is written as it was read");
    }
}

// The fields of a header are also read from a node's JSON answer, by name; both ways must meet.
void block_header(ByteView input) {
    const auto header = eth::parse_block_header(input);
    if (!header) return;
    const auto list = eth::decode_rlp(input);
    std::size_t taken = 0;
    const auto again = eth::encode_block_header([&](std::string_view name) {
        if (taken == list->items.size()) return std::optional<std::string>();
        const ByteView payload = list->items[taken++].payload;
        const bool is_zero = payload.empty() && name != "extraData";
        return std::optional("0x" + (is_zero ? std::string("0") : to_hex(payload)));
    });
    // A header of a later fork, or with a field of another size, is one only its hash can vouch
    // for.
    if (!again || taken < list->items.size()) return;
    const auto reread = eth::parse_block_header(*again);
    require(reread && reread->number == header->number &&
                reread->timestamp_s == header->timestamp_s &&
                reread->receipts_root == header->receipts_root &&
                reread->transactions_root == header->transactions_root &&
                reread->parent_hash == header->parent_hash,
            "a header made from members says the same");
}

}  // namespace anchorlog::fuzz
