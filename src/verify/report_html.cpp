#include <string_view>

#include "anchorlog/verify/report.h"

namespace anchorlog::verify {
namespace {

// What a log's alerts say of themselves is written by strangers: nothing of it may become markup.
// Control bytes are shown, because a page must not hide what a line holds.
std::string escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
        }
    }
    return out;
}

constexpr std::string_view kStyle =
    "body{font:14px/1.45 sans-serif;color:#111;background:#fff;max-width:60em;margin:2em auto;"
    "padding:0 1em}\n"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:1.6em;border-bottom:1px solid #999}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;vertical-align:top;padding:.2em .5em;border-bottom:1px solid #ccc;"
    "overflow-wrap:anywhere}\n"
    "td.n,th.n{text-align:right}\n"
    "p.verdict{font-size:1.3em;font-weight:bold;padding:.6em;border:3px solid}\n"
    "p.PASS{color:#0a5c0a}p.FAIL{color:#a00000}p.UNDECIDED{color:#7a5200}\n"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #ccc;padding:.5em}\n"
    "@media print{body{margin:0;max-width:none;font-size:10pt}thead{display:table-header-group}"
    "tr,p.verdict{break-inside:avoid}}\n";

class Page {
public:
    void open(std::string_view tag) { out_ += "<" + std::string(tag) + ">"; }
    void close(std::string_view tag) { out_ += "</" + std::string(tag) + ">\n"; }
    void element(std::string_view tag, std::string_view text) {
        open(tag);
        out_ += escape(text);
        close(tag.substr(0, tag.find(' ')));
    }
    void heading(std::string_view text) { element("h2", text); }
    void list(std::string_view heading_text, const std::vector<std::string>& items) {
        if (items.empty()) return;
        heading(heading_text);
        open("ul");
        for (const std::string& item : items) element("li", item);
        close("ul");
    }
    void row(std::string_view cell, const std::vector<std::string>& cells) {
        open("tr");
        for (const std::string& text : cells) element(cell, text);
        close("tr");
    }
    void begin_table(const std::vector<std::string>& names) {
        open("table");
        open("thead");
        row("th", names);
        close("thead");
        open("tbody");
    }
    void end_table() {
        close("tbody");
        close("table");
    }
    void raw(std::string_view text) { out_ += text; }
    [[nodiscard]] std::string take() { return std::move(out_); }

private:
    std::string out_;
};

std::string number(std::uint64_t value) { return std::to_string(value); }

// The verdict in words that need no manual.
std::string meaning(const Report& report) {
    if (report.verdict == Verdict::fail) {
        return "What is in this directory is not what was logged and sealed, or part of it is "
               "missing. Each fault below names its place.";
    }
    if (report.verdict == Verdict::undecided) {
        return "No fault was found, but something needed for a decision could not be read or "
               "understood. This is neither a pass nor a failure.";
    }
    if (report.level == Level::anchored) {
        return report.label == "public"
                   ? "Every entry is as it was sealed, and the seals stand in a public chain: "
                     "nobody, the log's owner included, can have changed what is anchored since."
                   : "Every entry is as it was sealed, and the seals stand in a private chain: "
                     "this holds for those who trust whoever runs that chain.";
    }
    return "Every entry is as whoever holds the log's key sealed it. By itself this proves nothing "
           "against the holder of that key.";
}

void add_head(Page& page, const Report& report, const HtmlFrame& frame) {
    page.raw(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" "
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    page.element("title", "Audit of " + report.origin);
    page.raw("<style>\n");
    page.raw(kStyle);
    page.raw("</style>\n</head>\n<body>\n");
    page.element("h1", "Audit of the log " + report.origin);
    std::string verdict(to_string(report.verdict));
    const std::string tag = "p class=\"verdict " + verdict + "\"";
    if (report.verdict == Verdict::pass) verdict += " " + std::string(to_string(report.level));
    if (!report.label.empty()) verdict += " (" + report.label + ")";
    page.element(tag, verdict);
    page.element("p", meaning(report));
    page.begin_table({"What", "Value"});
    page.row("td", {"Store", frame.store});
    page.row("td", {"Trust file", frame.trust});
    page.row("td", {"Report made", frame.made_at + " by " + frame.program});
    const Checked& checked = report.checked;
    page.row("td", {"Entries checked", number(checked.entries) + " (" + number(checked.alerts) +
                                           " alerts, " + number(checked.audits) + " audits, " +
                                           number(checked.pruned) + " pruned)"});
    if (report.range) {
        page.row("td", {"Entries asked for", number(report.range->first) + " to " +
                                                 number(report.range->last) + ", whole batches"});
    }
    page.row("td", {"Batches, seals, checkpoints", number(checked.batches) + ", " +
                                                       number(checked.seals) + ", " +
                                                       number(checked.checkpoints)});
    page.row("td", {"Anchors verified", number(checked.anchors)});
    page.row("td", {"Not sealed yet", number(report.unsealed) + " entries"});
    page.row("td", {"Newer than the newest verified anchor",
                    number(report.unprotected) + " of " + number(report.entries) + " entries"});
    page.end_table();
}

void add_faults(Page& page, const Report& report) {
    if (report.faults.empty()) return;
    page.heading("Faults");
    page.begin_table({"No.", "Kind", "What and where"});
    std::uint64_t count = 0;
    for (const Fault& fault : report.faults) {
        page.row("td", {number(++count), fault.kind, describe(fault)});
    }
    page.end_table();
    if (report.faults_unlisted > 0) {
        page.element("p", number(report.faults_unlisted) + " more faults are not listed.");
    }
}

void add_anchors(Page& page, const Report& report) {
    if (report.anchors.empty()) return;
    page.heading("Anchors");
    page.begin_table({"Batches", "Chain", "Contract", "Block", "Transaction", "State", "Basis"});
    for (const AnchorSummary& anchor : report.anchors) {
        page.row("td", {number(anchor.from_batch) + "-" + number(anchor.batch),
                        number(anchor.chain_id) + (anchor.is_public ? " public" : " private"),
                        anchor.contract, number(anchor.block_number) + " " + anchor.block_hash,
                        anchor.transaction, anchor.state, anchor.basis});
    }
    page.end_table();
}

void add_targets(Page& page, const Report& report) {
    if (report.targets.empty()) return;
    page.heading("Targets");
    page.begin_table({"Target", "Type", "State", "Covered to batch", "In words"});
    for (const TargetSummary& one : report.targets) {
        page.row("td",
                 {one.target, one.type, one.state,
                  one.covered_to ? number(*one.covered_to) : std::string("none"), one.detail});
    }
    page.end_table();
}

void add_devices(Page& page, const Report& report) {
    if (report.devices.empty()) return;
    page.heading("Devices");
    page.element("p",
                 "A missing number is an alert that a device numbered and this log never "
                 "received: lost or withheld before it arrived, not removed from the log.");
    page.begin_table({"Device", "Alerts", "Missing numbers", "Epochs", "Newest number",
                      "First entry", "Last entry"});
    for (const DeviceSummary& device : report.devices) {
        page.row("td", {device.device, number(device.alerts), number(device.gaps),
                        number(device.epochs), number(device.epoch) + "/" + number(device.highest),
                        number(device.first_index), number(device.last_index)});
    }
    page.end_table();
    if (report.checked.devices > report.devices.size()) {
        page.element("p", number(report.checked.devices - report.devices.size()) +
                              " more devices are not listed.");
    }
}

}  // namespace

std::string to_html(const Report& report, const HtmlFrame& frame) {
    Page page;
    add_head(page, report, frame);
    add_faults(page, report);
    page.list("Why no decision", report.undecided);
    page.list("What the verdict rests on", report.basis);
    page.list("Worth knowing, no faults", report.notes);
    page.list("What was not checked", report.not_checked);
    add_anchors(page, report);
    add_targets(page, report);
    add_devices(page, report);
    if (!report.checkpoint.empty()) {
        page.heading("Newest checkpoint");
        page.element("p",
                     "Keep it elsewhere: a log that is rolled back later cannot agree with "
                     "it.");
        std::string lines;
        page.open("pre");
        for (const char c : report.checkpoint) {
            if (c != '\n') {
                lines += c;
                continue;
            }
            page.raw(escape(lines) + "\n");
            lines.clear();
        }
        page.raw(escape(lines));
        page.close("pre");
    }
    page.raw("</body>\n</html>\n");
    return page.take();
}

}  // namespace anchorlog::verify
