#include "app/metrics_page.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

namespace anchorlog::app {
namespace {

constexpr double kSecondsPerUs = 1e-6;

std::string decimal(double value) {
    std::array<char, 32> text{};
    const int size = std::snprintf(text.data(), text.size(), "%.10g", value);
    return {text.data(), static_cast<std::size_t>(size)};
}

// One family after the other.
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
    // Values are multiplied by `unit` where they are shown.
    template <std::size_t Bounds>
    void histogram(const std::string& name, const std::string& help,
                   const Histogram<Bounds>& values, double unit) {
        family(name, "histogram", help);
        const std::string all = std::to_string(values.at_most(Bounds));
        for (std::size_t i = 0; i < Bounds; ++i) {
            const double bound = static_cast<double>(values.bounds()[i]) * unit;
            text_ += name_ + "_bucket{le=\"" + decimal(bound) + "\"} " +
                     std::to_string(values.at_most(i)) + "\n";
        }
        text_ += name_ + "_bucket{le=\"+Inf\"} " + all + "\n";
        text_ += name_ + "_sum " + decimal(static_cast<double>(values.sum()) * unit) + "\n";
        text_ += name_ + "_count " + all + "\n";
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string name_;
    std::string text_;
};

void ingest_metrics(MetricsText& out, const StatusSources& sources, const Published& published) {
    const net::IngestStats stats = sources.ingest();
    out.single("sessions", "gauge", "Sender sessions open now.", stats.sessions);
    out.single("handshakes_total", "counter", "Completed TLS handshakes.", stats.handshakes);
    out.family("handshakes_refused_total", "counter", "Connections refused before a session.");
    for (std::size_t i = 0; i < net::kConnectionRefusals; ++i) {
        const auto why = net::to_string(static_cast<net::ConnectionRefusal>(i));
        out.sample(stats.refused[i], "reason=\"" + std::string(why) + "\"");
    }
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
    out.family("open_batch_age_seconds", "gauge", "Age of the oldest entry not sealed yet.");
    const std::int64_t now_ms = sources.clock.now().steady.ms;
    out.sample(seconds(published.open_oldest ? now_ms - published.open_oldest->ms : 0));
    out.single("devices", "gauge", "Devices the log has seen.", published.devices);
    out.single("commit_groups_total", "counter", "Commit groups written.", published.groups);
    out.single("commit_bytes_total", "counter", "Bytes of entries written.", published.group_bytes);
    out.histogram("sync_seconds", "Write and fdatasync of one commit group or seal.",
                  published.sync_us, kSecondsPerUs);
    out.histogram("commit_seconds", "From a group's first alert taken in to its sync.",
                  published.commit_us, kSecondsPerUs);
    out.histogram("group_entries", "Entries of one commit group.", published.group_entries, 1);
    out.single("sequence_gaps_total", "counter", "Numbers of devices that sealed batches miss.",
               published.sequence_gaps);
    out.single("admitting", "gauge", "1 while new alerts are admitted.", published.gate ? 0 : 1);
    const auto anchors = sources.anchors();
    const Unprotected open = unprotected(sources, published, anchors);
    out.single("unprotected_entries", "gauge", "Durable entries no confirmed anchor covers.",
               open.entries);
    out.family("unprotected_age_seconds", "gauge", "Age of the oldest unprotected entry.");
    out.sample(seconds(open.age_ms));
}

void anchor_metrics(MetricsText& out, const StatusSources& sources, const Published& published) {
    const std::vector<AnchorSet::Shown> anchors = sources.anchors();
    const auto each = [&](const char* name, const char* type, const char* help, auto value) {
        out.family(name, type, help);
        for (const AnchorSet::Shown& anchor : anchors) {
            out.sample(value(anchor.status), "target=\"" + anchor.status.target + "\"");
        }
    };
    using Status = anchor::AnchorStatus;
    each("anchor_attempts_total", "counter", "Transactions signed, stamps asked for.",
         [](const Status& a) { return a.attempts; });
    each("anchor_confirmed_total", "counter", "Anchors confirmed.",
         [](const Status& a) { return a.confirmed; });
    each("anchor_errors_total", "counter", "Failed calls and refused answers.",
         [](const Status& a) { return a.errors; });
    each("anchor_reorgs_total", "counter", "Anchors whose block left the chain.",
         [](const Status& a) { return a.reorgs; });
    each("anchor_conflicts", "gauge", "Batches for which the chain holds another record.",
         [](const Status& a) { return a.conflicts; });
    each("anchor_covered_batch", "gauge", "Highest batch under a confirmed anchor, -1 for none.",
         [](const Status& a) {
             return a.covered_to ? static_cast<std::int64_t>(a.covered_to->value) : -1;
         });
    each("anchor_head_block", "gauge", "The chain's newest block, -1 while not known.",
         [](const Status& a) {
             return a.head_number ? static_cast<std::int64_t>(*a.head_number) : -1;
         });
    each("anchor_balance_anchors", "gauge", "Anchors the account can pay for, -1 while not known.",
         [](const Status& a) {
             return a.anchors_in_purse
                        ? static_cast<std::int64_t>(std::min<std::uint64_t>(
                              *a.anchors_in_purse, std::numeric_limits<std::int64_t>::max()))
                        : -1;
         });
    out.family("anchor_state", "gauge", "1 for the state a target is in.");
    for (const AnchorSet::Shown& anchor : anchors) {
        out.sample(1,
                   "target=\"" + anchor.status.target + "\",state=\"" + anchor.status.state + "\"");
    }
    out.family("anchor_late", "gauge", "1 while a required target is behind.");
    for (const AnchorSet::Shown& anchor : anchors) {
        out.sample(late_ms(sources, published, anchor) > 0 ? 1 : 0,
                   "target=\"" + anchor.status.target + "\"");
    }
}

void hardware_metrics(MetricsText& out, const StatusSources& sources, const HardwareSeen& seen) {
    out.family("hardware_signatures_total", "counter", "Signatures asked of the hardware key.");
    out.sample(seen.made, "result=\"made\"");
    out.sample(seen.failed, "result=\"failed\"");
    out.histogram("hardware_signature_seconds", "How long the hardware key took to sign.",
                  seen.made_us, kSecondsPerUs);
    out.family("hardware_signature_wait_seconds", "gauge",
               "How long a batch has been waiting for the hardware key.");
    out.sample(seconds(hardware_wait_ms(sources, seen)));
}

void sender_metrics(MetricsText& out, const Published& published) {
    static const SendersSeen kNobody;
    const SendersSeen& senders = published.senders ? *published.senders : kNobody;
    out.family("sender_last_seen_timestamp_seconds", "gauge", "When a sender last sent a frame.");
    for (const auto& [name, seen] : senders) {
        out.sample(seconds(seen.last_seen.ms), "sender=\"" + name + "\"");
    }
    out.family("sender_frames_total", "counter", "Frames of a sender since the start.");
    for (const auto& [name, seen] : senders) out.sample(seen.frames, "sender=\"" + name + "\"");
    out.family("sender_sequence_gaps_total", "counter",
               "Numbers that a sender's devices left out since the start.");
    for (const auto& [name, seen] : senders) out.sample(seen.gaps, "sender=\"" + name + "\"");
}

void identity_metrics(MetricsText& out, const IdentityStanding& identity) {
    out.family("certificate_expiry_timestamp_seconds", "gauge",
               "When the first certificate of a file in use expires.");
    const auto end = [&out](const std::optional<WallTime>& at, const char* labels) {
        if (at) out.sample(seconds(at->ms), labels);
    };
    end(identity.certificate_end, "file=\"server\"");
    end(identity.client_ca_end, "file=\"client_ca\"");
    out.family("crl_this_update_timestamp_seconds", "gauge",
               "When the revocation list in use was made.");
    if (identity.crl) out.sample(seconds(identity.crl->this_update.ms));
    out.family("crl_next_update_timestamp_seconds", "gauge",
               "When it is stale and nobody is let in any more.");
    if (identity.crl) out.sample(seconds(identity.crl->next_update.ms));
    out.family("reloads_total", "counter", "Reloads of certificates, list and registry.");
    out.sample(identity.reloads_done, "result=\"done\"");
    out.sample(identity.reloads_refused, "result=\"refused\"");
    out.single("last_reload_successful", "gauge", "0 while what the files say is not in use.",
               identity.is_last_refused ? 0 : 1);
}

void surroundings_metrics(MetricsText& out, const Surroundings& around) {
    if (around.disk) {
        out.single("disk_free_bytes", "gauge", "Space left for the store.",
                   around.disk->free_bytes);
        out.single("disk_size_bytes", "gauge", "Size of the store's file system.",
                   around.disk->total_bytes);
    }
    if (around.clock_synchronised) {
        out.single("clock_synchronised", "gauge", "1 while the kernel's clock is disciplined.",
                   *around.clock_synchronised ? 1 : 0);
    }
    identity_metrics(out, around.identity);
    out.single("state_lag_entries", "gauge", "Sealed entries that RocksDB does not hold yet.",
               around.state_entries_in_memory);
    out.single("recovery_entries", "gauge", "Entries read again at the last start.",
               around.recovery_entries);
    out.single("recovery_batches", "gauge", "Batches fed to the state again at the last start.",
               around.recovery_batches);
    out.single("recovery_cut_bytes", "gauge", "Bytes of a torn end cut at the last start.",
               around.recovery_cut_bytes);
    out.family("recovery_seconds", "gauge", "Duration of the last start's recovery.");
    out.sample(seconds(around.recovery_ms));
}

}  // namespace

std::string seconds(std::int64_t ms) {
    return std::to_string(ms / 1'000) + "." + std::to_string(1'000 + ms % 1'000).substr(1);
}

Unprotected unprotected(const StatusSources& sources, const Published& published,
                        const std::vector<AnchorSet::Shown>& anchors) {
    std::optional<BatchId> covered;
    for (const AnchorSet::Shown& anchor : anchors) {
        if (anchor.status.type != "file") covered = std::max(covered, anchor.status.covered_to);
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

std::int64_t late_ms(const StatusSources& sources, const Published& published,
                     const AnchorSet::Shown& anchor) {
    if (anchor.mode != TargetMode::required) return 0;
    const auto& covered = anchor.status.covered_to;
    const BatchId first(covered ? covered->value + 1 : 0);
    if (first.value >= published.batches) return 0;
    const auto sealed = sources.book.get(first);
    if (!sealed) return 0;
    const std::int64_t age_ms = sources.clock.now().wall.ms - sealed->sealed_at.ms;
    return age_ms > std::int64_t{anchor.late_after_s} * 1'000 ? age_ms : 0;
}

std::int64_t hardware_wait_ms(const StatusSources& sources, const HardwareSeen& seen) {
    if (!seen.waiting_since) return 0;
    return std::max<std::int64_t>(sources.clock.now().steady.ms - seen.waiting_since->ms, 0);
}

std::string metrics_text(const StatusSources& sources) {
    const auto published = sources.published();
    MetricsText out;
    out.family("build_info", "gauge", "Always 1.");
    out.sample(1, std::string("version=\"") + ANCHORLOG_VERSION + "\"");
    ingest_metrics(out, sources, *published);
    log_metrics(out, sources, *published);
    // Noughts where there is no such key, so that rules find what they look for.
    hardware_metrics(out, sources, published->hardware.value_or(HardwareSeen{}));
    sender_metrics(out, *published);
    anchor_metrics(out, sources, *published);
    surroundings_metrics(out, sources.surroundings());
    return out.take();
}

}  // namespace anchorlog::app
