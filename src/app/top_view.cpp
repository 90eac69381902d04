#include "app/top_view.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

namespace anchorlog::app {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kRowsMax = 12;  // of senders; the others are counted
constexpr std::size_t kNameColumns = 14;
constexpr double kDaySeconds = 86'400;

enum class Mood { calm, good, watch, bad };

std::string with_commas(double value) {
    std::string digits = std::to_string(static_cast<long long>(std::llround(value)));
    const std::size_t sign = digits.starts_with('-') ? 1 : 0;
    for (std::size_t at = digits.size(); at > sign + 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

std::string format(const char* pattern, double value) {
    std::array<char, 64> text{};
    const int size = std::snprintf(text.data(), text.size(), pattern, value);
    return {text.data(), static_cast<std::size_t>(std::max(size, 0))};
}

std::string bytes_text(double bytes) {
    constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    for (; bytes >= 1'024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1'024;
    return format(unit == 0 ? "%.0f " : "%.1f ", bytes) + kUnits[unit];
}

std::string seconds_text(double seconds) {
    if (seconds < 0) return "–";
    if (seconds < 60) return format("%.1f s", seconds);
    if (seconds < 3'600) return format("%.0f min", seconds / 60);
    if (seconds < kDaySeconds) return format("%.1f h", seconds / 3'600);
    return format("%.0f d", seconds / kDaySeconds);
}

std::string padded(std::string text, std::size_t columns) {
    // Continuation bytes take no column.
    const auto shown = static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xC0') != '\x80'; }));
    if (shown < columns) text.append(columns - shown, ' ');
    return text;
}

// What a peer named itself must not move the cursor.
std::string printable(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return text;
}

std::string text_of(const Json& in, const char* name) {
    const auto found = in.find(name);
    return found != in.end() && found->is_string() ? printable(found->get<std::string>()) : "";
}
double number_of(const Json& in, const char* name) {
    const auto found = in.find(name);
    return found != in.end() && found->is_number() ? found->get<double>() : 0;
}

// The sum of a family, or of its lines with this label.
std::optional<double> sum(const Metrics& metrics, std::string_view name,
                          const std::string& label = {}, const std::string& value = {}) {
    const auto family = metrics.find(name);
    if (family == metrics.end()) return std::nullopt;
    std::optional<double> out;
    for (const MetricLine& line : family->second) {
        const auto found = line.labels.find(label);
        if (!label.empty() && (found == line.labels.end() || found->second != value)) continue;
        out = out.value_or(0) + line.value;
    }
    return out;
}

class Picture {
public:
    Picture(const TopSample& now, const TopSample* before, const TopStyle& style, Json status)
        : now_(now), before_(before), style_(style), status_(std::move(status)) {}

    std::string draw() {
        head();
        alerts();
        log_lines();
        times();
        machine();
        targets();
        senders();
        return std::move(out_);
    }

private:
    void head();
    void alerts();
    void log_lines();
    void times();
    void machine();
    void targets();
    void senders();

    [[nodiscard]] double value(std::string_view name, const std::string& label = {},
                               const std::string& of = {}) const {
        return sum(now_.metrics, name, label, of).value_or(0);
    }
    // A second, since the sample before; nothing on the first one and when the daemon restarted.
    [[nodiscard]] std::string rate(std::string_view name, const std::string& label = {},
                                   const std::string& of = {}) const;
    // The bound below which so much of the time between the samples' events lies.
    [[nodiscard]] std::string quantile(const std::string& name, double part) const;
    [[nodiscard]] std::string bar(double part) const;
    [[nodiscard]] double until(const std::string& file) const;

    void row(const std::string& name, const std::string& text, Mood mood = Mood::calm) {
        add("  " + padded(name, kNameColumns) + text, mood);
    }
    void add(std::string line, Mood mood = Mood::calm);

    const TopSample& now_;
    const TopSample* before_;
    const TopStyle& style_;
    const Json status_;
    std::string out_;
};

void Picture::add(std::string line, Mood mood) {
    std::size_t shown = 0;
    std::size_t end = 0;
    for (; end < line.size(); ++end) {
        if ((line[end] & '\xC0') == '\x80') continue;
        if (++shown > style_.width) break;
    }
    line.resize(end);
    const char* const start = mood == Mood::good    ? "\x1b[32m"
                              : mood == Mood::watch ? "\x1b[33m"
                              : mood == Mood::bad   ? "\x1b[1;31m"
                                                    : "";
    const bool coloured = style_.colours && *start != '\0';
    out_ += (coloured ? start : "") + line + (coloured ? "\x1b[0m\n" : "\n");
}

std::string Picture::rate(std::string_view name, const std::string& label,
                          const std::string& of) const {
    if (before_ == nullptr) return "–";
    const double seconds = static_cast<double>(now_.at.steady.ms - before_->at.steady.ms) / 1'000.0;
    const double grown =
        value(name, label, of) - sum(before_->metrics, name, label, of).value_or(0);
    if (seconds <= 0 || grown < 0) return "–";
    return with_commas(grown / seconds) + "/s";
}

std::string Picture::quantile(const std::string& name, double part) const {
    const auto family = now_.metrics.find(name + "_bucket");
    if (family == now_.metrics.end()) return "–";
    const auto fresh = [&](const MetricLine& line, const std::string& bound) {
        const double old =
            before_ ? sum(before_->metrics, name + "_bucket", "le", bound).value_or(0) : 0;
        return line.value - (old <= line.value ? old : 0);
    };
    double all = 0;
    for (const MetricLine& line : family->second) {
        const auto bound = line.labels.find("le");
        if (bound != line.labels.end() && bound->second == "+Inf") all = fresh(line, "+Inf");
    }
    if (all <= 0) return "–";
    for (const MetricLine& line : family->second) {  // in rising order
        const auto bound = line.labels.find("le");
        if (bound == line.labels.end() || fresh(line, bound->second) < part * all) continue;
        if (bound->second == "+Inf") break;
        const double seconds = std::strtod(bound->second.c_str(), nullptr);
        return "≤ " + (seconds < 1 ? format("%g ms", seconds * 1'000) : seconds_text(seconds));
    }
    return "over all bounds";
}

std::string Picture::bar(double part) const {
    constexpr int kCells = 20;
    const int full = static_cast<int>(std::lround(std::clamp(part, 0.0, 1.0) * kCells));
    return "[" + std::string(static_cast<std::size_t>(full), '#') +
           std::string(static_cast<std::size_t>(kCells - full), '.') + "]";
}

void Picture::head() {
    const std::string state = text_of(status_, "state");
    const Mood mood = state == "ready"                               ? Mood::good
                      : state == "degraded" || state == "rebuilding" ? Mood::watch
                                                                     : Mood::bad;
    add("anchorlog " + text_of(status_, "version") + "   " + text_of(status_, "origin") + "   " +
        format_server_time(now_.at.wall).substr(0, 19) + "Z");
    row("state", state, mood);
    if (const std::string why = text_of(status_, "reason"); !why.empty()) row("", why, Mood::bad);
    const auto late = status_.find("degraded");
    if (late != status_.end() && late->is_array()) {
        for (const Json& why : *late) {
            if (why.is_string()) row("", printable(why.get<std::string>()), Mood::watch);
        }
    }
}

void Picture::alerts() {
    std::string refused;
    const auto family = now_.metrics.find("anchorlog_alerts_rejected_total");
    if (family != now_.metrics.end()) {
        for (const MetricLine& line : family->second) {
            const auto code = line.labels.find("code");
            if (line.value == 0 || code == line.labels.end()) continue;
            refused += (refused.empty() ? " (" : ", ") + printable(code->second) + " " +
                       with_commas(line.value);
        }
    }
    if (!refused.empty()) refused += ")";
    row("alerts", padded(rate("anchorlog_alerts_accepted_total"), 12) + "accepted " +
                      with_commas(value("anchorlog_alerts_accepted_total")) + ", sent again " +
                      with_commas(value("anchorlog_alerts_resent_total")));
    row("refused", with_commas(value("anchorlog_alerts_rejected_total")) + refused);
    row("sessions", padded(with_commas(value("anchorlog_sessions")), 12) + "queued " +
                        bytes_text(value("anchorlog_queue_bytes")) + ", unread answers " +
                        bytes_text(value("anchorlog_output_bytes")));
}

void Picture::log_lines() {
    row("entries", padded(with_commas(value("anchorlog_entries")), 12) + "in " +
                       with_commas(value("anchorlog_batches")) + " batches, open " +
                       with_commas(value("anchorlog_open_batch_entries")) + " (" +
                       seconds_text(value("anchorlog_open_batch_age_seconds")) + ")");
    const double open = value("anchorlog_unprotected_entries");
    row("unprotected",
        padded(with_commas(open), 12) + "the oldest " +
            seconds_text(value("anchorlog_unprotected_age_seconds")) + " old",
        open > 0 ? Mood::watch : Mood::good);
}

void Picture::times() {
    row("commit", "half " + quantile("anchorlog_commit_seconds", 0.5) + ", 99 of 100 " +
                      quantile("anchorlog_commit_seconds", 0.99));
    row("sync", "half " + quantile("anchorlog_sync_seconds", 0.5) + ", 99 of 100 " +
                    quantile("anchorlog_sync_seconds", 0.99));
}

double Picture::until(const std::string& file) const {
    const auto end =
        sum(now_.metrics, "anchorlog_certificate_expiry_timestamp_seconds", "file", file);
    return end ? *end - static_cast<double>(now_.at.wall.ms) / 1'000.0 : -1;
}

void Picture::machine() {
    const double size = value("anchorlog_disk_size_bytes");
    const double free = value("anchorlog_disk_free_bytes");
    row("disk",
        bar(size > 0 ? 1 - free / size : 0) + " " + bytes_text(free) + " free of " +
            bytes_text(size),
        size > 0 && free / size < 0.1 ? Mood::watch : Mood::calm);
    const bool synchronised = value("anchorlog_clock_synchronised") > 0;
    row("clock", synchronised ? "synchronised" : "not synchronised",
        synchronised ? Mood::calm : Mood::watch);
    const double server = until("server");
    const double ca = until("client_ca");
    row("certificates", "server " + seconds_text(server) + ", client CA " + seconds_text(ca),
        std::min(server, ca) < 14 * kDaySeconds ? Mood::watch : Mood::calm);
}

void Picture::targets() {
    const auto anchors = status_.find("anchors");
    if (anchors == status_.end() || !anchors->is_array() || anchors->empty()) {
        row("anchors", "none: whoever takes the log's key can rewrite all of it", Mood::watch);
        return;
    }
    add("");
    add("  " + padded("target", kNameColumns) + padded("state", 12) + padded("covers", 16) +
        padded("behind", 9) + "left");
    const double newest = value("anchorlog_batches") - 1;
    for (const Json& anchor : *anchors) {
        if (!anchor.is_object()) continue;
        const std::string state = text_of(anchor, "state");
        const bool bad = state == "stalled" || state == "conflict";
        const auto covered = anchor.find("covered_to");
        const bool any = covered != anchor.end() && covered->is_number();
        const double to = any ? covered->get<double>() : -1;
        add("  " + padded(text_of(anchor, "target"), kNameColumns) + padded(state, 12) +
                padded(any ? "to batch " + with_commas(to) : "nothing yet", 16) +
                padded(with_commas(newest - to), 9) +
                (anchor.contains("anchors_left")
                     ? with_commas(number_of(anchor, "anchors_left")) + " anchors"
                     : ""),
            bad ? Mood::bad : Mood::calm);
        if (const std::string why = text_of(anchor, "reason"); !why.empty())
            row("", why, Mood::bad);
    }
}

void Picture::senders() {
    const auto family = now_.metrics.find("anchorlog_sender_last_seen_timestamp_seconds");
    if (family == now_.metrics.end() || family->second.empty()) return;
    std::vector<MetricLine> seen = family->second;
    std::sort(seen.begin(), seen.end(),
              [](const MetricLine& a, const MetricLine& b) { return a.value > b.value; });
    add("");
    add("  " + padded("sender", kNameColumns + 12) + padded("last seen", 16) + "frames");
    for (std::size_t i = 0; i < std::min(seen.size(), kRowsMax); ++i) {
        const auto name = seen[i].labels.find("sender");
        if (name == seen[i].labels.end()) continue;
        const double ago = static_cast<double>(now_.at.wall.ms) / 1'000.0 - seen[i].value;
        add("  " + padded(printable(name->second), kNameColumns + 12) +
            padded(seconds_text(std::max(ago, 0.0)) + " ago", 16) +
            padded(rate("anchorlog_sender_frames_total", "sender", name->second), 12) +
            with_commas(value("anchorlog_sender_frames_total", "sender", name->second)));
    }
    if (seen.size() > kRowsMax) {
        add("  and " + std::to_string(seen.size() - kRowsMax) + " more, seen longer ago");
    }
}

// Label values escape backslash, quote and newline.
bool parse_labels(std::string_view text, std::map<std::string, std::string>& out) {
    while (!text.empty()) {
        const std::size_t equals = text.find("=\"");
        if (equals == std::string_view::npos) return false;
        const std::string name(text.substr(0, equals));
        std::string value;
        std::size_t at = equals + 2;
        for (; at < text.size() && text[at] != '"'; ++at) {
            if (text[at] == '\\' && at + 1 < text.size()) ++at;
            value += text[at];
        }
        if (at >= text.size()) return false;
        out[name] = std::move(value);
        text.remove_prefix(at + 1);
        if (text.starts_with(',')) text.remove_prefix(1);
    }
    return true;
}

}  // namespace

Metrics parse_metrics(std::string_view text) {
    Metrics out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t space = line.rfind(' ');
        if (line.starts_with('#') || space == std::string_view::npos) continue;
        MetricLine parsed;
        const std::string number(line.substr(space + 1));
        char* number_end = nullptr;
        parsed.value = std::strtod(number.c_str(), &number_end);
        if (number.empty() || *number_end != '\0') continue;
        std::string_view name = line.substr(0, space);
        if (const std::size_t brace = name.find('{'); brace != std::string_view::npos) {
            if (!name.ends_with('}')) continue;
            const auto labels = name.substr(brace + 1, name.size() - brace - 2);
            if (!parse_labels(labels, parsed.labels)) continue;
            name = name.substr(0, brace);
        }
        out[std::string(name)].push_back(std::move(parsed));
    }
    return out;
}

Result<std::string> draw_top(const TopSample& now, const TopSample* before, const TopStyle& style) {
    auto status = Json::parse(now.status, nullptr, false);
    if (!status.is_object()) return Error{Errc::unavailable, "/status is no JSON object"};
    return Picture(now, before, style, std::move(status)).draw();
}

}  // namespace anchorlog::app
