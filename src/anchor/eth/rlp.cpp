#include "anchor/eth/rlp.h"

#include <algorithm>
#include <string>

namespace anchorlog::eth {

namespace {

constexpr std::uint8_t kString = 0x80;
constexpr std::uint8_t kList = 0xc0;
// Up to this size the length is in the prefix byte itself.
constexpr std::size_t kShortMax = 55;

Error bad(const std::string& why) { return {Errc::invalid_input, "RLP: " + why}; }

Bytes minimal(std::uint64_t value) {
    Bytes out;
    for (int shift = 56; shift >= 0; shift -= 8) {
        const auto byte = static_cast<std::uint8_t>(value >> shift);
        if (byte != 0 || !out.empty()) out.push_back(byte);
    }
    return out;
}

void append_prefix(Bytes& out, std::uint8_t base, std::size_t size) {
    if (size <= kShortMax) {
        out.push_back(static_cast<std::uint8_t>(base + size));
        return;
    }
    const Bytes length = minimal(size);
    out.push_back(static_cast<std::uint8_t>(base + kShortMax + length.size()));
    append(out, length);
}

class Decoder {
public:
    // Reads one item from the front of `bytes`; `encoded` of it tells how much was used.
    Result<RlpItem> read(ByteView bytes, int depth) {
        if (depth > kRlpDepthMax) return bad("lists nested too deeply");
        if (++items_ > kRlpItemsMax) return bad("too many items");
        if (bytes.empty()) return bad("empty input");
        const std::uint8_t prefix = bytes[0];
        RlpItem item;
        if (prefix < kString) {
            item.payload = item.encoded = bytes.first(1);
            return item;
        }
        item.is_list = prefix >= kList;
        const std::size_t code = prefix - (item.is_list ? kList : kString);
        const auto head = read_head(bytes, code);
        if (!head) return head.error();
        item.payload = bytes.subspan(head->prefix, head->payload);
        item.encoded = bytes.first(head->prefix + head->payload);
        if (!item.is_list && item.payload.size() == 1 && item.payload[0] < kString) {
            return bad("a byte below 0x80 written as a string");
        }
        if (item.is_list) {
            if (auto filled = read_items(item, depth); !filled) return filled.error();
        }
        return item;
    }

private:
    struct Head {
        std::size_t prefix = 1;
        std::size_t payload = 0;
    };

    static Result<Head> read_head(ByteView bytes, std::size_t code) {
        Head head{1, code};
        if (code > kShortMax) {
            const std::size_t width = code - kShortMax;
            if (bytes.size() - 1 < width) return bad("length cut short");
            if (bytes[1] == 0) return bad("length with a leading zero");
            std::uint64_t length = 0;
            for (std::size_t i = 1; i <= width; ++i) length = length << 8 | bytes[i];
            if (length <= kShortMax) return bad("long form of a short item");
            head = {1 + width, length};
        }
        if (bytes.size() - head.prefix < head.payload) return bad("item cut short");
        return head;
    }

    Result<void> read_items(RlpItem& list, int depth) {
        ByteView rest = list.payload;
        while (!rest.empty()) {
            auto item = read(rest, depth + 1);
            if (!item) return item.error();
            rest = rest.subspan(item->encoded.size());
            list.items.push_back(std::move(*item));
        }
        return {};
    }

    std::size_t items_ = 0;
};

}  // namespace

Result<RlpItem> decode_rlp(ByteView bytes) {
    Decoder decoder;
    auto item = decoder.read(bytes, 0);
    if (item && item->encoded.size() != bytes.size()) return bad("bytes behind the value");
    return item;
}

Result<std::uint64_t> rlp_uint(const RlpItem& item) {
    if (item.is_list) return bad("a list where an integer belongs");
    if (item.payload.size() > sizeof(std::uint64_t)) return bad("integer over 64 bits");
    if (!item.payload.empty() && item.payload[0] == 0) return bad("integer with a leading zero");
    std::uint64_t value = 0;
    for (const std::uint8_t byte : item.payload) value = value << 8 | byte;
    return value;
}

Result<Hash> rlp_hash(const RlpItem& item) {
    if (item.is_list || item.payload.size() != Hash::kSize) return bad("32 bytes expected");
    return hash_from_bytes(item.payload);
}

Result<Address> rlp_address(const RlpItem& item) {
    Address address{};
    if (item.is_list || item.payload.size() != address.size()) return bad("20 bytes expected");
    std::copy(item.payload.begin(), item.payload.end(), address.begin());
    return address;
}

void append_rlp(Bytes& out, ByteView string) {
    if (string.size() == 1 && string[0] < kString) {
        out.push_back(string[0]);
        return;
    }
    append_prefix(out, kString, string.size());
    append(out, string);
}

void append_rlp_uint(Bytes& out, std::uint64_t value) { append_rlp(out, minimal(value)); }

void append_rlp_integer(Bytes& out, ByteView big_endian) {
    while (!big_endian.empty() && big_endian[0] == 0) big_endian = big_endian.subspan(1);
    append_rlp(out, big_endian);
}

void append_rlp_list(Bytes& out, ByteView encoded_items) {
    append_prefix(out, kList, encoded_items.size());
    append(out, encoded_items);
}

Bytes rlp_list(ByteView encoded_items) {
    Bytes out;
    append_rlp_list(out, encoded_items);
    return out;
}

}  // namespace anchorlog::eth
