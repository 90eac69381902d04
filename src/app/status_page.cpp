#include "app/status_page.h"

#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

namespace anchorlog::app {
namespace {

// What a takeover now could still alter unseen: durable entries no confirmed anchor covers.
struct Unprotected {
    std::uint64_t entries = 0;
    std::int64_t age_ms = 0;
};

Unprotected unprotected(const StatusSources& sources, const Published& published,
                        const std::vector<anchor::AnchorStatus>& anchors) {
    std::optional<BatchId> covered;
    for (const auto& anchor : anchors) {
        if (anchor.covered_to && (!covered || *covered < *anchor.covered_to)) {
            covered = anchor.covered_to;
        }
    }
    std::uint64_t covered_entries = 0;
    if (covered) {
        if (auto through = sources.book.entries_through(*covered)) covered_entries = *through;
    }
    Unprotected out;
    out.entries = published.entries - std::min(published.entries, covered_entries);
    if (out.entries == 0) return out;
    const Now now = sources.clock.now();
    const BatchId first(std::max<std::uint64_t>(covered ? covered->value + 1 : 1, 1));
    if (first.value < published.batches) {
        if (auto opened = sources.book.opened_at(first)) out.age_ms = now.wall.ms - opened->ms;
    } else if (published.open_oldest) {
        out.age_ms = now.steady.ms - published.open_oldest->ms;
    }
    out.age_ms = std::max<std::int64_t>(out.age_ms, 0);
    return out;
}

std::string state_name(const StatusSources& sources, const Published& published) {
    if (sources.stopping()) return "stopping";
    if (!published.gate) return "ready";
    return published.gate->code == wire::RejectCode::forked ? "forked" : "storage_full";
}

nlohmann::json anchor_json(const anchor::AnchorStatus& anchor) {
    nlohmann::json out = {
        {"target", anchor.target}, {"state", anchor.state}, {"covered_to", nullptr}};
    if (anchor.covered_to) out["covered_to"] = anchor.covered_to->value;
    if (!anchor.reason.empty()) out["reason"] = anchor.reason;
    if (anchor.sent_batch) out["batch_id"] = anchor.sent_batch->value;
    if (!anchor.transaction.empty()) out["tx"] = anchor.transaction;
    if (anchor.block_number) out["block"] = *anchor.block_number;
    if (anchor.anchors_in_purse) {
        out["anchors_left"] = *anchor.anchors_in_purse;
        if (*anchor.anchors_in_purse < anchor::kAnchorsInPurseLow) out["alarm"] = "balance low";
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

// Prometheus text exposition, one family after the other.
class MetricsText {
public:
    void family(const std::string& name, const std::string& type, const std::string& help) {
        name_ = "anchorlog_" + name;
        text_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type + "\n";
    }
    void sample(const std::string& value, const std::string& labels = {}) {
        text_ += name_ + (labels.empty() ? "" : "{" + labels + "}") + " " + value + "\n";
    }
    template <class Integer>
        requires std::is_integral_v<Integer>
    void sample(Integer value, const std::string& labels = {}) {
        sample(std::to_string(value), labels);
    }
    template <class Integer>
    void single(const std::string& name, const std::string& type, const std::string& help,
                Integer value) {
        family(name, type, help);
        sample(value);
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string name_;
    std::string text_;
};

std::string seconds(std::int64_t ms) {
    return std::to_string(ms / 1'000) + "." + std::to_string(1'000 + ms % 1'000).substr(1);
}

void ingest_metrics(MetricsText& out, const StatusSources& sources, const Published& published) {
    const net::IngestStats stats = sources.ingest();
    out.single("sessions", "gauge", "Sender sessions open now.", stats.sessions);
    out.single("handshakes_total", "counter", "Completed TLS handshakes.", stats.handshakes);
    out.single("handshakes_refused_total", "counter", "Connections refused before a session.",
               stats.handshakes_refused);
    out.single("handshakes_open", "gauge", "Connections that are no session now.",
               stats.handshakes_open);
    out.single("received_bytes_total", "counter", "Bytes read from sessions.", stats.bytes_in);
    out.single("frames_total", "counter", "Frames read from sessions.", stats.frames_in);
    out.single("queue_bytes", "gauge", "Bytes read and not answered yet.", stats.queue_bytes);
    out.single("output_bytes", "gauge", "Bytes of answers that peers have not taken yet.",
               stats.output_bytes);
    out.single("rate_pauses_total", "counter", "Times a session was not read on for a rate limit.",
               stats.rate_pauses);
    out.single("alerts_accepted_total", "counter", "Alerts admitted to the log.",
               published.counts.accepted);
    out.single("alerts_resent_total", "counter", "Stored alerts that came again and were acked.",
               published.counts.resent);
    out.family("alerts_rejected_total", "counter", "Refused frames by reject code.");
    for (std::size_t i = 0; i < kRejectCodes; ++i) {
        out.sample(
            published.counts.rejected[i],
            "code=\"" + std::string(wire::to_string(static_cast<wire::RejectCode>(i))) + "\"");
    }
}

void log_metrics(MetricsText& out, const StatusSources& sources, const Published& published) {
    out.single("entries", "gauge", "Durable entries.", published.entries);
    out.single("batches", "gauge", "Sealed batches, genesis included.", published.batches);
    out.single("open_batch_entries", "gauge", "Durable entries not sealed yet.",
               published.open_entries);
    out.single("devices", "gauge", "Devices the log has seen.", published.devices);
    out.single("commit_groups_total", "counter", "Commit groups written.", published.groups);
    out.single("commit_bytes_total", "counter", "Bytes of entries written.", published.group_bytes);
    out.single("sync_last_microseconds", "gauge", "Duration of the last write and fdatasync.",
               published.sync_us_last);
    out.single("admitting", "gauge", "1 while new alerts are admitted.", published.gate ? 0 : 1);
    const auto anchors = sources.anchors();
    const Unprotected open = unprotected(sources, published, anchors);
    out.single("unprotected_entries", "gauge", "Durable entries no confirmed anchor covers.",
               open.entries);
    out.family("unprotected_age_seconds", "gauge", "Age of the oldest unprotected entry.");
    out.sample(seconds(open.age_ms));
}

void anchor_metrics(MetricsText& out, const std::vector<anchor::AnchorStatus>& anchors) {
    const auto each = [&](const char* name, const char* type, const char* help, auto value) {
        out.family(name, type, help);
        for (const auto& anchor : anchors) {
            out.sample(value(anchor), "target=\"" + anchor.target + "\"");
        }
    };
    using Status = anchor::AnchorStatus;
    each("anchor_attempts_total", "counter", "Transactions signed.",
         [](const Status& a) { return a.attempts; });
    each("anchor_confirmed_total", "counter", "Anchors confirmed.",
         [](const Status& a) { return a.confirmed; });
    each("anchor_errors_total", "counter", "Failed calls to the chain.",
         [](const Status& a) { return a.errors; });
    each("anchor_reorgs_total", "counter", "Anchors whose block left the chain.",
         [](const Status& a) { return a.reorgs; });
    each("anchor_covered_batch", "gauge", "Highest batch under a confirmed anchor, -1 for none.",
         [](const Status& a) {
             return a.covered_to ? static_cast<std::int64_t>(a.covered_to->value) : -1;
         });
    each("anchor_balance_anchors", "gauge", "Anchors the account can pay for, -1 while not known.",
         [](const Status& a) {
             return a.anchors_in_purse
                        ? static_cast<std::int64_t>(std::min<std::uint64_t>(
                              *a.anchors_in_purse, std::numeric_limits<std::int64_t>::max()))
                        : -1;
         });
    out.family("anchor_state", "gauge", "1 for the state a target is in.");
    for (const auto& anchor : anchors) {
        out.sample(1, "target=\"" + anchor.target + "\",state=\"" + anchor.state + "\"");
    }
}

std::string metrics_text(const StatusSources& sources) {
    const auto published = sources.published();
    MetricsText out;
    ingest_metrics(out, sources, *published);
    log_metrics(out, sources, *published);
    anchor_metrics(out, sources.anchors());
    return out.take();
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
    if (path == "/healthz") return health_page(sources.step_held_ms());
    if (path == "/readyz") {
        const std::string state = state_name(sources, *sources.published());
        return text_reply(state == "ready" ? 200 : 503, state + "\n");
    }
    if (path == "/status") return {200, "application/json", status_json(sources)};
    if (path == "/metrics") {
        return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(sources)};
    }
    return text_reply(404, "try /status, /metrics, /healthz or /readyz\n");
}

net::HttpReply recovering_page(const std::string& path) {
    if (path == "/healthz") return text_reply(200, "ok\n");
    if (path == "/status") return {200, "application/json", "{\"state\":\"rebuilding\"}\n"};
    return text_reply(503, "rebuilding\n");
}

}  // namespace anchorlog::app
