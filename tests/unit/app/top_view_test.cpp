#include "app/top_view.h"

#include <gtest/gtest.h>

namespace anchorlog::app {
namespace {

constexpr const char* kStatus =
    R"({"anchors":[{"anchors_left":9812,"covered_to":1135,"state":"final","target":"eth"},)"
    R"({"covered_to":null,"reason":"chain id 1 expected","state":"stalled","target":"l1"}],)"
    R"("origin":"anchorlog.example/gw-01","state":"ready","version":"0.1.0"})";

constexpr const char* kMetrics =
    "# HELP anchorlog_alerts_accepted_total alerts admitted\n"
    "anchorlog_alerts_accepted_total 56789\n"
    "anchorlog_alerts_rejected_total{code=\"stale\"} 3\n"
    "anchorlog_alerts_rejected_total{code=\"replay\"} 0\n"
    "anchorlog_entries 56812\n"
    "anchorlog_batches 1137\n"
    "anchorlog_unprotected_entries 12\n"
    "anchorlog_unprotected_age_seconds 75\n"
    "anchorlog_queue_bytes 1536\n"
    "anchorlog_disk_free_bytes 5e9\n"
    "anchorlog_disk_size_bytes 1e10\n"
    "anchorlog_clock_synchronised 0\n"
    "anchorlog_certificate_expiry_timestamp_seconds{file=\"server\"} 1700864000\n"
    "anchorlog_sync_seconds_bucket{le=\"0.001\"} 90\n"
    "anchorlog_sync_seconds_bucket{le=\"0.005\"} 99\n"
    "anchorlog_sync_seconds_bucket{le=\"+Inf\"} 100\n"
    "anchorlog_sender_last_seen_timestamp_seconds{sender=\"gw-01\"} 1700000000\n"
    "anchorlog_sender_frames_total{sender=\"gw-01\"} 57000\n";

TopSample sample(std::int64_t ms, const std::string& metrics) {
    return {{{1'700'000'000'000 + ms}, {ms}}, kStatus, parse_metrics(metrics)};
}

std::string line_with(const std::string& text, const std::string& what) {
    const std::size_t at = text.find(what);
    if (at == std::string::npos) return "";
    const std::size_t from = text.rfind('\n', at) + 1;
    return text.substr(from, text.find('\n', at) - from);
}

TEST(TopView, ReadsMetricsWithLabelsAndLeavesOutWhatIsNone) {
    const Metrics metrics = parse_metrics(
        "# TYPE a gauge\na 1\na{x=\"1\",y=\"q\\\"u\\\\o\"} 2.5\nnonsense\nb{x=1} 3\nb{x=\"1\" 3\nb "
        "zz\nc NaN\nd +Inf");
    ASSERT_EQ(metrics.at("a").size(), 2u);
    EXPECT_EQ(metrics.at("a")[1].value, 2.5);
    EXPECT_EQ(metrics.at("a")[1].labels.at("y"), "q\"u\\o");
    EXPECT_FALSE(metrics.contains("b"));
    EXPECT_TRUE(metrics.contains("d"));
}

TEST(TopView, ShowsWhatTheDaemonSaid) {
    const TopSample now = sample(1'500, kMetrics);
    const auto text = draw_top(now, nullptr, {false, 120});
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_NE(line_with(*text, "anchorlog 0.1.0").find("anchorlog.example/gw-01"),
              std::string::npos);
    EXPECT_NE(line_with(*text, "alerts").find("accepted 56,789"), std::string::npos) << *text;
    EXPECT_NE(line_with(*text, "refused").find("3 (stale 3)"), std::string::npos);
    EXPECT_NE(line_with(*text, "unprotected").find("the oldest 1 min old"), std::string::npos);
    EXPECT_NE(line_with(*text, "sync").find("half ≤ 1 ms, 99 of 100 ≤ 5 ms"), std::string::npos);
    EXPECT_NE(line_with(*text, "disk").find("[##########..........] 4.7 GiB free of 9.3 GiB"),
              std::string::npos);
    EXPECT_NE(line_with(*text, "clock").find("not synchronised"), std::string::npos);
    EXPECT_NE(line_with(*text, "certificates").find("server 10 d"), std::string::npos);
    EXPECT_NE(line_with(*text, "eth").find("to batch 1,135"), std::string::npos);
    EXPECT_NE(line_with(*text, "eth").find("9,812 anchors"), std::string::npos);
    EXPECT_NE(text->find("chain id 1 expected"), std::string::npos);
    EXPECT_NE(line_with(*text, "  gw-01").find("1.5 s ago"), std::string::npos);
    EXPECT_EQ(text->find('\x1b'), std::string::npos);
}

TEST(TopView, RatesAreOfTheTimeBetweenTwoSamples) {
    const TopSample before = sample(0, kMetrics);
    std::string later = kMetrics;
    later.replace(later.find("56789"), 5, "59789");
    const auto text = draw_top(sample(2'000, later), &before, {false, 120});
    ASSERT_TRUE(text);
    EXPECT_NE(line_with(*text, "alerts").find("1,500/s"), std::string::npos) << *text;
    // The daemon restarted: its counters are lower, and a rate would be nonsense.
    const auto restarted =
        draw_top(sample(2'000, "anchorlog_alerts_accepted_total 5\n"), &before, {false, 120});
    EXPECT_NE(line_with(*restarted, "alerts").find("–"), std::string::npos);
    // Quantiles are of what came in between: nothing did.
    EXPECT_NE(line_with(*text, "sync").find("half –"), std::string::npos);
}

TEST(TopView, ColoursAreForTerminalsAndLinesAreCut) {
    const auto text = draw_top(sample(0, kMetrics), nullptr, {true, 30});
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("\x1b[32m  state"), std::string::npos);
    EXPECT_NE(text->find("\x1b[1;31m"), std::string::npos);
    std::size_t from = 0;
    while (from < text->size()) {
        const std::size_t end = text->find('\n', from);
        std::size_t columns = 0;
        bool escape = false;
        for (std::size_t i = from; i < end; ++i) {
            const char c = (*text)[i];
            if (c == '\x1b') escape = true;
            if (!escape && (c & '\xC0') != '\x80') ++columns;
            if (escape && c == 'm') escape = false;
        }
        EXPECT_LE(columns, 30u) << text->substr(from, end - from);
        from = end + 1;
    }
}

TEST(TopView, BadAnswersAreNoPicture) {
    TopSample now = sample(0, "");
    now.status = "503";
    EXPECT_EQ(draw_top(now, nullptr, {}).error().code, Errc::unavailable);
    // A daemon that rebuilds has a state and nothing else.
    now.status = R"({"state":"rebuilding"})";
    const auto text = draw_top(now, nullptr, {});
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("rebuilding"), std::string::npos);
    now.status = R"({"state":"x\u001b[2Jy","anchors":[1,{"covered_to":"?"}],"degraded":[7]})";
    const auto hostile = draw_top(now, nullptr, {});
    ASSERT_TRUE(hostile);
    EXPECT_NE(hostile->find("x?[2Jy"), std::string::npos);
}

}  // namespace
}  // namespace anchorlog::app
