#include "support/alert_builder.h"

#include <algorithm>

#include "anchorlog/base/clock.h"
#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/alert.h"

namespace anchorlog::testing {

std::string make_alert(const std::string& device, std::uint64_t seq_no, std::int64_t wall_ms,
                       std::uint64_t epoch, std::uint64_t variant) {
    const std::string seed = device + "/" + std::to_string(epoch) + "/" + std::to_string(seq_no);
    const Hash digest = crypto::sha256(as_bytes(seed));
    wire::EntryId id{};
    std::copy_n(digest.bytes.begin(), id.size(), id.begin());
    id[6] = static_cast<std::uint8_t>(0x70 | (id[6] & 0x0f));
    id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
    std::string alert = "{\"alert_type\":\"scan.vertical\",\"batch_id\":\"" +
                        wire::format_entry_id(id) + "\",\"confidence\":0.97,\"device_id\":\"" +
                        device + "\",\"entry_id\":\"" + wire::format_entry_id(id) + "\",";
    if (epoch != 0) alert += "\"epoch\":" + std::to_string(epoch) + ",";
    return alert + "\"features_summary\":{\"variant\":" + std::to_string(variant) +
           "},\"seq_no\":" + std::to_string(seq_no) + ",\"timestamp\":\"" +
           format_server_time({wall_ms}) + "\"}";
}

}  // namespace anchorlog::testing
