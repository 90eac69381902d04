#pragma once

#include <string>

#include "anchorlog/net/local_http.h"
#include "app/metrics_page.h"

namespace anchorlog::app {

// A commit or sync step this long means a disk or a thread that hangs: alerts are not acked, and
// nothing tells their senders why. /healthz fails, and the watchdog is not fed.
inline constexpr std::int64_t kStepHeldMsMax = 10'000;

// /healthz, /readyz, /status, /metrics and /entries/ of a running daemon. Read thread.
[[nodiscard]] net::HttpReply status_page(const StatusSources& sources, const std::string& path);
[[nodiscard]] net::HttpReply health_page(std::int64_t step_held_ms);
// The same paths while the store is being recovered: alive, not ready.
[[nodiscard]] net::HttpReply recovering_page(const std::string& path);

}  // namespace anchorlog::app
