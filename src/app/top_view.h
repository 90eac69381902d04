#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"

namespace anchorlog::app {

// One line of /metrics.
struct MetricLine {
    std::map<std::string, std::string> labels;
    double value = 0;
};
using Metrics = std::map<std::string, std::vector<MetricLine>, std::less<>>;

// Prometheus' text form; lines that are none are left out.
[[nodiscard]] Metrics parse_metrics(std::string_view text);

// What the daemon said at one moment.
struct TopSample {
    Now at;
    std::string status;  // the body of /status, JSON
    Metrics metrics;
};

struct TopStyle {
    bool colours = false;
    std::size_t width = 80;  // longer lines are cut
};

// The whole picture, a line for each thing a person asks for; lines end in LF. `before` gives the
// rates; without it there are none yet. A status that is no JSON object is `unavailable`.
[[nodiscard]] Result<std::string> draw_top(const TopSample& now, const TopSample* before,
                                           const TopStyle& style);

}  // namespace anchorlog::app
