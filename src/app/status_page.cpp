#include "app/status_page.h"

#include <nlohmann/json.hpp>

namespace anchorlog::app {
namespace {

using Shown = AnchorSet::Shown;

// A device that signs at all does so in less.
constexpr std::int64_t kHardwareWaitMs = 5'000;

// What the hardware key or a required target leaves undone, in words; alerts are taken all the
// same.
std::vector<std::string> degraded(const StatusSources& sources, const Published& published,
                                  const std::vector<Shown>& anchors) {
    std::vector<std::string> out;
    if (const auto& seen = published.hardware) {
        const std::int64_t waiting_ms = hardware_wait_ms(sources, *seen);
        if (waiting_ms > kHardwareWaitMs) {
            out.push_back("the hardware key has not signed for " +
                          std::to_string(waiting_ms / 1'000) +
                          " s: nothing is sealed or anchored until it does" +
                          (seen->error.empty() ? "" : " (" + seen->error + ")"));
        }
    }
    for (const Shown& anchor : anchors) {
        const std::int64_t late = late_ms(sources, published, anchor);
        if (late == 0) continue;
        out.push_back("required anchor target " + anchor.status.target +
                      " is behind: a batch sealed " + std::to_string(late / 1'000) +
                      " s ago is not covered");
    }
    return out;
}

std::string state_name(const StatusSources& sources, const Published& published) {
    if (sources.stopping()) return "stopping";
    if (published.gate) {
        if (!published.gate->state.empty()) return std::string(published.gate->state);
        return published.gate->code == wire::RejectCode::forked ? "forked" : "storage_full";
    }
    return degraded(sources, published, sources.anchors()).empty() ? "ready" : "degraded";
}

nlohmann::json anchor_json(const Shown& shown) {
    const anchor::AnchorStatus& anchor = shown.status;
    nlohmann::json out = {{"target", anchor.target},
                          {"type", anchor.type},
                          {"mode", std::string(to_string(shown.mode))},
                          {"state", anchor.state},
                          {"covered_to", nullptr}};
    if (anchor.covered_to) out["covered_to"] = anchor.covered_to->value;
    if (!anchor.reason.empty()) out["reason"] = anchor.reason;
    if (anchor.sent_batch) out["batch_id"] = anchor.sent_batch->value;
    if (!anchor.transaction.empty()) out["tx"] = anchor.transaction;
    if (anchor.block_number) out["block"] = *anchor.block_number;
    if (anchor.anchors_in_purse) {
        out["anchors_left"] = *anchor.anchors_in_purse;
        if (*anchor.anchors_in_purse < anchor::kAnchorsInPurseLow) out["alarm"] = "balance low";
    }
    // Not the state alone: a later batch is anchored all the same, and this must not go with it.
    if (anchor.conflicts > 0) {
        out["alarm"] = "conflict";
        out["conflicts"] = anchor.conflicts;
        out["conflict"] = anchor.conflict;
    }
    return out;
}

std::string status_json(const StatusSources& sources) {
    const auto published = sources.published();
    const auto anchors = sources.anchors();
    const Unprotected open = unprotected(sources, *published, anchors);
    const Now now = sources.clock.now();
    nlohmann::json out;
    out["origin"] = sources.origin;
    out["log_id"] = to_hex(wire::log_id_of(sources.origin));
    out["version"] = ANCHORLOG_VERSION;
    out["state"] = state_name(sources, *published);
    if (published->gate) out["reason"] = published->gate->detail;
    if (const auto late = degraded(sources, *published, anchors); !late.empty()) {
        out["degraded"] = late;
    }
    out["ports"] = {{"ingest", sources.ingest_port}, {"http", sources.http_port}};
    out["entries"] = published->entries;
    out["batches"] = published->batches;
    out["open_batch"] = {
        {"entries", published->open_entries},
        {"age_ms", published->open_oldest ? now.steady.ms - published->open_oldest->ms : 0}};
    out["checkpoint"] = *published->checkpoint;
    out["unprotected"] = {{"entries", open.entries}, {"age_ms", open.age_ms}};
    out["sessions"] = sources.ingest().sessions;
    out["anchors"] = nlohmann::json::array();
    for (const auto& anchor : anchors) out["anchors"].push_back(anchor_json(anchor));
    return out.dump(2) + "\n";
}

net::HttpReply text_reply(unsigned status, std::string body) {
    return {status, "text/plain; charset=utf-8", std::move(body)};
}

}  // namespace

net::HttpReply health_page(std::int64_t step_held_ms) {
    if (step_held_ms <= kStepHeldMsMax) return text_reply(200, "ok\n");
    return text_reply(503, "stalled: a commit or sync step has been going on for " +
                               seconds(step_held_ms) + " s; look at the disk of the store\n");
}

net::HttpReply status_page(const StatusSources& sources, const std::string& path) {
    // Degraded is alive and ready: a probe that said otherwise would turn senders away, or restart
    // the daemon, because of somebody else's outage.
    if (path == "/healthz") {
        net::HttpReply reply = health_page(sources.step_held_ms());
        if (reply.status != 200) return reply;
        const auto late = degraded(sources, *sources.published(), sources.anchors());
        if (!late.empty()) reply.body = "degraded\n";
        for (const std::string& why : late) reply.body += why + "\n";
        return reply;
    }
    if (path == "/readyz") {
        const std::string state = state_name(sources, *sources.published());
        return text_reply(state == "ready" || state == "degraded" ? 200 : 503, state + "\n");
    }
    if (path == "/status") return {200, "application/json", status_json(sources)};
    if (path == "/metrics") {
        return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(sources)};
    }
    if (path.starts_with(kEntriesPath)) return entries_page(sources.entries, path);
    return text_reply(404,
                      "try /status, /metrics, /healthz, /readyz, /checkpoint or /entries/ID\n");
}

net::HttpReply recovering_page(const std::string& path) {
    if (path == "/healthz") return text_reply(200, "ok\n");
    if (path == "/status") return {200, "application/json", "{\"state\":\"rebuilding\"}\n"};
    return text_reply(503, "rebuilding\n");
}

}  // namespace anchorlog::app
