#include <algorithm>
#include <set>
#include <stack>

#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

bool has_note(const Report& report, const std::string& part) {
    return std::any_of(report.notes.begin(), report.notes.end(), [&](const std::string& note) {
        return note.find(part) != std::string::npos;
    });
}

Report audit_range(const LogBuilder& log, const EntryRange& range) {
    MapFileSystem fs;
    log.write(fs, "store", 7, true);
    AuditOptions options;
    options.range = range;
    return verify_log(fs, "store", trust_of(log), nullptr, options);
}

TEST(AuditReport, TimesAreToldAndNoFaults) {
    LogBuilder log;
    log.add_audit("start");
    log.add_alert();
    log.wait_ms(-5'000);
    log.add_alert();
    log.add_audit("stop");
    log.add_audit("start");
    log.wait_ms(3 * kHourMs);
    log.add_alert();
    log.add_audit("start");
    log.seal();
    const Report report = audit(log, trust_of(log));
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_TRUE(has_note(report, "clock went back by 4990 ms before entry 2 "));
    EXPECT_TRUE(has_note(report, "no entry for 3 h 0 min before entry 5 "));
    EXPECT_TRUE(has_note(report, "entry 6 is a start without a stop"));
    EXPECT_FALSE(has_note(report, "entry 4 is a start"));
    EXPECT_FALSE(has_note(report, "entry 0 is a start"));
}

TEST(AuditReport, ManyNotesOfOneKindAreCounted) {
    LogBuilder log;
    for (int i = 0; i < 30; ++i) log.add_audit("start");
    log.seal();
    const Report report = audit(log, trust_of(log));
    EXPECT_TRUE(has_note(report, "9 more starts without a stop are not listed"));
}

TEST(AuditReport, DevicesAreListedByTheirGaps) {
    LogBuilder log;
    log.add_alert("cam-1", 2);
    log.add_alert("cam-2");
    log.open_epoch("cam-2");
    log.add_alert("cam-2", 4);
    log.seal();
    const Report report = audit(log, trust_of(log));
    ASSERT_EQ(report.devices.size(), 2u);
    EXPECT_EQ(report.devices[0].device, "cam-2");
    EXPECT_EQ(report.devices[0].gaps, 4u);
    EXPECT_EQ(report.devices[0].epochs, 2u);
    EXPECT_EQ(report.devices[0].highest, 5u);
    EXPECT_EQ(report.devices[1].gaps, 2u);
    EXPECT_EQ(report.devices[1].last_index, 0u);
}

TEST(AuditReport, NeighboursWithTheSameFaultAreOneSentence) {
    LogBuilder log;
    log.fill(3, 10);
    std::swap(log.entries[12], log.entries[15]);
    const Report report = audit(log, trust_of(log), nullptr, true);
    ASSERT_EQ(report.faults.size(), 1u) << all_faults(report);
    EXPECT_TRUE(describe(report.faults[0]).starts_with("entries 12-15 of batch 2 re-ordered"))
        << describe(report.faults[0]);
}

// Batches of ten: the second and the third hold 15 to 25.
TEST(AuditReport, ARangeReadsWholeBatchesAndNoOthers) {
    LogBuilder log;
    log.fill(5, 10);
    log.add_alert();
    Report report = audit_range(log, {15, 25});
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.checked.entries, 20u);
    EXPECT_EQ(report.checked.batches, 6u);
    EXPECT_EQ(report.unsealed, 0u);
    EXPECT_FALSE(report.not_checked.empty());
    report = audit_range(log, {48, 60});
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.checked.entries, 11u);
    EXPECT_EQ(report.unsealed, 1u);

    log.entries[17].replace(log.entries[17].find("0.97"), 4, "0.98");
    EXPECT_EQ(audit_range(log, {15, 25}).verdict, Verdict::fail);
    EXPECT_EQ(audit_range(log, {20, 25}).verdict, Verdict::pass);
    EXPECT_EQ(audit_range(log, {0, 9}).verdict, Verdict::pass);
}

TEST(AuditReport, ARangeBehindTheLogIsUndecided) {
    LogBuilder log;
    log.fill(1, 3);
    const Report report = audit_range(log, {100, 200});
    EXPECT_EQ(report.verdict, Verdict::undecided);
    ASSERT_FALSE(report.undecided.empty());
    EXPECT_NE(report.undecided[0].find("none of the entries asked for"), std::string::npos);
}

// A damaged header is a fault wherever it is: the range is of entries alone.
TEST(AuditReport, HeadersOutsideTheRangeAreChecked) {
    LogBuilder log;
    log.fill(4, 5);
    log.batches[1].replace(log.batches[1].find("\"reason\":\"count\""), 16, "\"reason\":\"stop\"");
    EXPECT_EQ(audit_range(log, {12, 13}).verdict, Verdict::fail);
}

TEST(AuditReport, ProgressRisesToTheEnd) {
    LogBuilder log;
    log.fill(6, 10);
    MapFileSystem fs;
    log.write(fs, "store", 1000, false);
    std::vector<Progress> all;
    AuditOptions options;
    options.progress = [&](const Progress& now) {
        all.push_back(now);
    };
    const Report report = verify_log(fs, "store", trust_of(log), nullptr, options);
    ASSERT_EQ(all.size(), 7u);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const Progress& a, const Progress& b) {
        return a.bytes_done < b.bytes_done;
    }));
    EXPECT_EQ(all.back().entries, 60u);
    EXPECT_LE(all.back().bytes_done, all.back().bytes_total);
    EXPECT_EQ(report.checked.entries, 60u);
}

// Every tag is closed in order, and there are none but the page's own.
void expect_well_formed(const std::string& page) {
    const std::set<std::string> known = {"html", "head", "title", "style", "body",  "h1",
                                         "h2",   "p",    "table", "thead", "tbody", "tr",
                                         "th",   "td",   "ul",    "li",    "pre"};
    std::stack<std::string> open;
    for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
        const std::string tag = page.substr(at + 1, page.find('>', at) - at - 1);
        const std::string name = tag.substr(0, tag.find(' '));
        if (name == "!DOCTYPE" || name == "meta") continue;
        if (name.starts_with('/')) {
            ASSERT_FALSE(open.empty()) << name;
            ASSERT_EQ("/" + open.top(), name);
            open.pop();
            continue;
        }
        ASSERT_TRUE(known.contains(name)) << tag;
        open.push(name);
    }
    EXPECT_TRUE(open.empty());
}

TEST(AuditReport, PageEscapesWhateverTheStoreHolds) {
    const std::string evil = "<script>alert('x')</script>&\"\n";
    Report report;
    report.verdict = Verdict::fail;
    report.origin = evil;
    Fault fault;
    fault.kind = evil;
    fault.phrase = evil;
    fault.detail = fault.expected = fault.found = evil;
    report.faults.push_back(fault);
    report.undecided = report.notes = report.basis = report.not_checked = {evil};
    report.checkpoint = evil + evil;
    DeviceSummary device;
    device.device = evil;
    report.devices.push_back(device);
    AnchorSummary anchor;
    anchor.contract = anchor.transaction = anchor.block_hash = anchor.state = anchor.basis = evil;
    report.anchors.push_back(anchor);
    const std::string page = to_html(report, {evil, evil, evil, evil});
    expect_well_formed(page);
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_EQ(page.find("src="), std::string::npos);
    EXPECT_EQ(page.find("href="), std::string::npos);
    EXPECT_NE(page.find("&lt;script&gt;alert(&#39;x&#39;)"), std::string::npos);
}

TEST(AuditReport, PageOfAWholeLogSaysItsVerdict) {
    LogBuilder log;
    log.fill(2, 5);
    const Report report = audit(log, trust_of(log));
    const std::string page = to_html(report, {"store", "trust", "now", "logverify"});
    expect_well_formed(page);
    EXPECT_NE(page.find("PASS SEALED"), std::string::npos);
    EXPECT_NE(page.find("proves nothing against the holder of that key"), std::string::npos);
    EXPECT_NE(page.find("Newest checkpoint"), std::string::npos);
}

}  // namespace
}  // namespace anchorlog::verify
