#include "anchorlog/eth/transaction.h"

#include <algorithm>
#include <array>
#include <string>

#include "anchor/eth/rlp.h"
#include "anchorlog/crypto/keccak.h"

namespace anchorlog::eth {

namespace {

constexpr std::uint8_t kType = 0x02;
constexpr std::size_t kSignedItems = 12;

Error bad(const std::string& why) { return {Errc::invalid_input, "transaction: " + why}; }

// The nine fields that are signed, without their list prefix.
Bytes encode_fields(const Transaction& transaction) {
    Bytes items;
    append_rlp_uint(items, transaction.chain_id);
    append_rlp_uint(items, transaction.nonce);
    append_rlp_uint(items, transaction.priority_fee);
    append_rlp_uint(items, transaction.max_fee);
    append_rlp_uint(items, transaction.gas);
    append_rlp(items, transaction.to ? ByteView(*transaction.to) : ByteView());
    append_rlp_uint(items, transaction.value);
    append_rlp(items, transaction.data);
    append_rlp_list(items, {});  // access list
    return items;
}

Bytes typed_list(const Bytes& items) {
    Bytes out{kType};
    append_rlp_list(out, items);
    return out;
}

Result<Hash> scalar(const RlpItem& item) {
    if (item.is_list || item.payload.size() > Hash::kSize) return bad("r and s have 32 bytes");
    if (item.payload.empty() || item.payload[0] == 0) return bad("r or s is zero or padded");
    Hash out;
    std::copy(item.payload.begin(), item.payload.end(),
              out.bytes.end() - static_cast<std::ptrdiff_t>(item.payload.size()));
    return out;
}

Result<Transaction> parse_fields(const std::vector<RlpItem>& items) {
    Transaction out;
    const std::array<std::pair<std::size_t, std::uint64_t*>, 6> numbers = {{
        {0, &out.chain_id},
        {1, &out.nonce},
        {2, &out.priority_fee},
        {3, &out.max_fee},
        {4, &out.gas},
        {6, &out.value},
    }};
    for (const auto& [at, field] : numbers) {
        const auto number = rlp_uint(items[at]);
        if (!number) return number.error().in("transaction");
        *field = *number;
    }
    if (items[5].is_list || items[7].is_list) return bad("a list where bytes belong");
    if (!items[5].payload.empty()) {
        const auto to = rlp_address(items[5]);
        if (!to) return to.error().in("transaction: to");
        out.to = *to;
    }
    out.data.assign(items[7].payload.begin(), items[7].payload.end());
    if (!items[8].is_list || !items[8].items.empty()) return bad("access lists are not supported");
    return out;
}

}  // namespace

Bytes encode_unsigned(const Transaction& transaction) {
    return typed_list(encode_fields(transaction));
}

Hash signing_hash(const Transaction& transaction) {
    return crypto::keccak256(encode_unsigned(transaction));
}

Result<SignedTransaction> sign_transaction(const Transaction& transaction,
                                           const crypto::AccountKey& key) {
    const auto signature = key.sign(signing_hash(transaction));
    if (!signature) return signature.error().in("transaction");
    Bytes items = encode_fields(transaction);
    append_rlp_uint(items, signature->y_parity);
    append_rlp_integer(items, signature->r.bytes);
    append_rlp_integer(items, signature->s.bytes);
    SignedTransaction out{typed_list(items), {}};
    out.hash = crypto::keccak256(out.raw);
    return out;
}

Result<ParsedTransaction> parse_transaction(ByteView raw) {
    if (raw.empty() || raw[0] != kType) return bad("not of type 2");
    const auto list = decode_rlp(raw.subspan(1));
    if (!list) return list.error().in("transaction");
    if (!list->is_list || list->items.size() != kSignedItems) return bad("twelve fields expected");
    auto fields = parse_fields(list->items);
    if (!fields) return fields.error();
    const auto parity = rlp_uint(list->items[9]);
    if (!parity || *parity > 1) return bad("the parity is neither 0 nor 1");
    const auto r = scalar(list->items[10]);
    if (!r) return r.error();
    const auto s = scalar(list->items[11]);
    if (!s) return s.error();
    return ParsedTransaction{
        std::move(*fields), {*r, *s, static_cast<std::uint8_t>(*parity)}, crypto::keccak256(raw)};
}

}  // namespace anchorlog::eth
