#include "anchorlog/wire/receipt.h"

#include <algorithm>

#include "wire/object_reader.h"
#include "wire/object_writer.h"

namespace anchorlog::wire {
namespace {

constexpr std::string_view kPrefix = "anchorlog/receipt/v1";
constexpr std::size_t kNameSizeMax = 64;
constexpr std::size_t kKeyIdSize = 8;

}  // namespace

Bytes receipt_payload(const Hash& log_id, EntryIndex index, const Hash& leaf,
                      WallTime received_at) {
    Bytes bytes(kPrefix.begin(), kPrefix.end());
    bytes.push_back(0);
    bytes.insert(bytes.end(), log_id.bytes.begin(), log_id.bytes.end());
    append_u64be(bytes, index.value);
    bytes.insert(bytes.end(), leaf.bytes.begin(), leaf.bytes.end());
    append_u64be(bytes, static_cast<std::uint64_t>(received_at.ms));
    return bytes;
}

std::string format_receipt(const Receipt& receipt) {
    std::string out;
    ObjectWriter(out)
        .string("device_id", receipt.device_id)
        .number("epoch", receipt.epoch.value)
        .number("index", receipt.index.value)
        .plain("leaf", to_hex(receipt.leaf))
        .plain("received_at", format_server_time(receipt.received_at))
        .number("seq_no", receipt.seq_no.value)
        .plain("sig", to_base64(receipt.sig))
        .plain("signer", receipt.signer)
        .plain("type", "receipt")
        .close();
    return out;
}

Result<Receipt> parse_receipt(std::string_view canonical) {
    if (canonical.size() > kReceiptSizeMax) {
        return Error{Errc::invalid_input, "receipt: longer than any"};
    }
    ObjectReader reader(canonical, "receipt");
    Receipt receipt;
    reader.require(reader.plain("type") == "receipt", "type", "must be receipt");
    receipt.device_id = reader.string("device_id", kNameSizeMax);
    receipt.epoch = Epoch(reader.number("epoch"));
    receipt.seq_no = SeqNo(reader.number("seq_no"));
    receipt.index = EntryIndex(reader.number("index"));
    receipt.leaf = reader.hash("leaf");
    receipt.received_at = reader.time("received_at");
    receipt.signer = reader.string("signer", kKeyIdSize);
    const auto sig = from_base64(reader.plain("sig"));
    const bool is_whole = sig && sig->size() == receipt.sig.size();
    reader.require(is_whole, "sig", "must be 64 bytes in base64");
    if (is_whole) std::copy(sig->begin(), sig->end(), receipt.sig.begin());
    if (auto done = reader.finish(); !done) return std::move(done).error();
    return receipt;
}

}  // namespace anchorlog::wire
