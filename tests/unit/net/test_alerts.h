#pragma once

#include <string>

#include "anchorlog/wire/frame.h"

namespace anchorlog::testing {

// A canonical alert; `sig` and padding (inside features_summary) only when given.
inline std::string alert_json(const std::string& device, unsigned seq_no,
                              const std::string& sig = "", std::size_t padding = 0) {
    std::string features = "{}";
    if (padding > 0) features = "{\"pad\":\"" + std::string(padding, 'x') + "\"}";
    return R"({"alert_type":"scan.port","batch_id":"01890a5d-ac96-774b-bcce-b302099a8057",)"
           R"("confidence":0.5,"device_id":")" +
           device + R"(","entry_id":"01890a5d-ac96-774b-bcce-b302099a8058","features_summary":)" +
           features + R"(,"seq_no":)" + std::to_string(seq_no) +
           (sig.empty() ? std::string() : R"(,"sig":")" + sig + "\"") +
           R"(,"timestamp":"2026-01-02T03:04:05.000Z"})";
}

inline std::string framed(const std::string& json) {
    std::string out;
    wire::append_frame(out, json);
    return out;
}

}  // namespace anchorlog::testing
