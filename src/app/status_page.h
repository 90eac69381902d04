#pragma once

#include <functional>
#include <string>

#include "anchorlog/anchor/anchor_worker.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/net/ingest.h"
#include "anchorlog/net/local_http.h"
#include "app/commit_loop.h"
#include "app/read_side.h"

namespace anchorlog::app {

// A commit or sync step this long means a disk or a thread that hangs: alerts are not acked, and
// nothing tells their senders why. /healthz fails, and the watchdog is not fed.
inline constexpr std::int64_t kStepHeldMsMax = 10'000;

// What the local HTTP pages show; everything is a copy taken for one request.
struct StatusSources {
    std::string origin;
    const Clock& clock;
    const SealedBook& book;
    std::function<std::shared_ptr<const Published>()> published;
    std::function<net::IngestStats()> ingest;
    std::function<std::vector<anchor::AnchorStatus>()> anchors;
    std::function<bool()> stopping;
    std::function<std::int64_t()> step_held_ms;  // CommitLoop
    std::uint16_t ingest_port = 0;
    std::uint16_t http_port = 0;
};

// /healthz, /readyz, /status and /metrics of a running daemon. Read thread.
[[nodiscard]] net::HttpReply status_page(const StatusSources& sources, const std::string& path);
[[nodiscard]] net::HttpReply health_page(std::int64_t step_held_ms);
// The same paths while the store is being recovered: alive, not ready.
[[nodiscard]] net::HttpReply recovering_page(const std::string& path);

}  // namespace anchorlog::app
