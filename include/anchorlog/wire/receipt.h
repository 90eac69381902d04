#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/crypto/ed25519.h"

namespace anchorlog::wire {

// The log's promise that one alert is entry `index` for good (formats §2).
struct Receipt {
    std::string device_id;
    Epoch epoch;
    SeqNo seq_no;
    EntryIndex index;
    Hash leaf;
    WallTime received_at;
    std::string signer;  // key id, 8 hex digits
    crypto::Signature sig{};
};
inline constexpr std::size_t kReceiptSizeMax = 1'024;

// The 101 bytes a receipt signs. Device and number are not among them: the leaf is of the line
// that holds them.
[[nodiscard]] Bytes receipt_payload(const Hash& log_id, EntryIndex index, const Hash& leaf,
                                    WallTime received_at);
// The frame's JSON, canonical; what is read is written back the same.
[[nodiscard]] std::string format_receipt(const Receipt& receipt);
[[nodiscard]] Result<Receipt> parse_receipt(std::string_view canonical);

}  // namespace anchorlog::wire
