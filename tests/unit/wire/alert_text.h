#pragma once

#include <map>
#include <string>

namespace anchorlog::wire::testing {

// An alert's members, name to raw JSON; ASCII names, so that the map's order is canonical.
using AlertMembers = std::map<std::string, std::string>;

inline AlertMembers alert_members() {
    return {{"alert_type", "\"portscan.tcp\""},
            {"batch_id", "\"018f3c4e-7b1a-7c3d-8e2f-0123456789ab\""},
            {"confidence", "0.93"},
            {"device_id", "\"cam-1\""},
            {"entry_id", "\"018f3c4e-7b1b-7abc-9def-fedcba987654\""},
            {"features_summary", "{\"packets\":120,\"ratio\":0.5}"},
            {"seq_no", "57"},
            {"timestamp", "\"2026-01-02T03:04:05.678Z\""}};
}

inline std::string alert_text(const AlertMembers& members) {
    std::string out = "{";
    for (const auto& [name, value] : members) {
        if (out.size() > 1) out += ",";
        out += "\"" + name + "\":" + value;
    }
    return out + "}";
}

}  // namespace anchorlog::wire::testing
