#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anchorlog/anchor/anchor_target.h"
#include "app/config_reader.h"

namespace anchorlog::app {

inline constexpr std::size_t kTargetsMax = 8;

// How much is made of a target. No mode ever holds up alerts.
enum class TargetMode {
    off,          // configured and left alone
    best_effort,  // used and shown
    required,     // also: the daemon calls itself degraded while the target is late
};
[[nodiscard]] std::string_view to_string(TargetMode mode) noexcept;

// One element of anchor.targets. Which members hold something depends on the type.
struct TargetConfig {
    std::string id;
    std::string type = "ethereum";
    TargetMode mode = TargetMode::best_effort;
    // A required target is late when a batch it does not cover was opened so long ago.
    std::uint32_t late_after_s = 0;

    anchor::EthereumTarget ethereum;
    std::vector<std::string> rpc_urls;
    std::string submitter_key_path;

    anchor::TimestampTarget timestamp;
    std::string ca_path;

    anchor::FileTarget file;
};

// Takes `targets` out of the object `anchor`.
[[nodiscard]] std::vector<TargetConfig> read_targets(ConfigReader& anchor,
                                                     const std::string& base_dir);

}  // namespace anchorlog::app
