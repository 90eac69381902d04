#include "anchorlog/wire/entry.h"

#include <gtest/gtest.h>

#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/frame.h"
#include "unit/wire/alert_text.h"
#include "unit/wire/mutations.h"

namespace anchorlog::wire {
namespace {

constexpr WallTime kNow{1'767'323'045'678};  // 2026-01-02T03:04:05.678Z
constexpr CertFingerprint kCert{0x00, 0x01, 0xfe, 0xff};
const std::string kCertHex = "0001feff000000000000000000000000";

std::string alert_line(std::string_view canonical, std::string_view sent_at) {
    std::string out;
    append_alert_line(out, canonical, kCert, EntryIndex(1042), kNow, "gw-01", sent_at);
    return out;
}

Audit tail_cut() {
    return {"tail_cut", "log", R"({"bytes":7,"first_index":3})", 1, kNow, WallTime{kNow.ms + 1}};
}

std::string audit_line(const Audit& audit) {
    std::string out;
    append_audit_line(out, audit, EntryIndex(0), kNow);
    return out;
}

std::string_view without_lf(const std::string& line) {
    return std::string_view(line).substr(0, line.size() - 1);
}

// The line an EntryLine was read from, put together again.
std::string again(const EntryLine& line) {
    const bool is_alert = line.kind == EntryLine::Kind::alert;
    std::string out = is_alert ? "{\"alert\":" : "{\"audit\":";
    out += line.body;
    if (is_alert) out += ",\"cert\":\"" + std::string(line.cert) + "\"";
    out += ",\"index\":" + std::to_string(line.index.value);
    out += ",\"received_at\":\"" + format_server_time(line.received_at) + "\"";
    out += ",\"sender\":\"" + std::string(line.sender) + "\"";
    if (!line.sent_at.empty()) out += ",\"sent_at\":\"" + std::string(line.sent_at) + "\"";
    return out + "}";
}

TEST(EntryLine, OfAnAlert) {
    const std::string canonical = testing::alert_text(testing::alert_members());
    const std::string line = alert_line(canonical, "2026-01-02T03:04:06Z");
    EXPECT_EQ(line, "{\"alert\":" + canonical + ",\"cert\":\"" + kCertHex +
                        R"(","index":1042,"received_at":"2026-01-02T03:04:05.678Z",)"
                        R"("sender":"urn:anchorlog:sender:gw-01","sent_at":"2026-01-02T03:04:06Z"})"
                        "\n");
    EXPECT_TRUE(is_canonical(without_lf(line)));
    const auto parsed = parse_entry_line(without_lf(line));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->kind, EntryLine::Kind::alert);
    EXPECT_EQ(parsed->body, canonical);
    EXPECT_EQ(parsed->cert, kCertHex);
    EXPECT_EQ(parsed->index, EntryIndex(1042));
    EXPECT_EQ(parsed->received_at, kNow);
    EXPECT_EQ(parsed->sender, "urn:anchorlog:sender:gw-01");
    EXPECT_EQ(parsed->sent_at, "2026-01-02T03:04:06Z");
    EXPECT_TRUE(parse_entry_line(without_lf(alert_line(canonical, "")))->sent_at.empty());
}

TEST(EntryLine, OfAnAudit) {
    const std::string line = audit_line(tail_cut());
    EXPECT_EQ(line, R"({"audit":{"count":1,"data":{"bytes":7,"first_index":3},"event":"tail_cut",)"
                    R"("first_at":"2026-01-02T03:04:05.678Z","last_at":"2026-01-02T03:04:05.679Z",)"
                    R"("subject":"log"},"index":0,"received_at":"2026-01-02T03:04:05.678Z",)"
                    R"("sender":"urn:anchorlog:daemon"})"
                    "\n");
    EXPECT_TRUE(is_canonical(without_lf(line)));
    const auto parsed = parse_entry_line(without_lf(line));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->kind, EntryLine::Kind::audit);
    EXPECT_TRUE(parsed->cert.empty());
}

TEST(EntryLine, AnAuditSubjectCannotBreakTheLine) {
    Audit audit = tail_cut();
    audit.data.clear();
    audit.subject = "CN=\"x\\\"\n\x01\xff\u00e9" + std::string(300, 'z');
    const std::string line = audit_line(audit);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_TRUE(is_canonical(without_lf(line)));
    const auto parsed = parse_entry_line(without_lf(line));
    ASSERT_TRUE(parsed);
    EXPECT_NE(parsed->body.find(R"("subject":"CN=\"x\\\"?????z)"), std::string_view::npos);
}

TEST(EntryLine, TheLargestAlertFits) {
    std::string canonical = "{\"a\":\"" + std::string(kFrameSizeMax - 8, 'x') + "\"}";
    std::string line;
    append_alert_line(line, canonical, kCert, EntryIndex(kIntegerMax), kNow, std::string(64, 's'),
                      "2026-01-02T03:04:05.123456789Z");
    EXPECT_TRUE(parse_entry_line(without_lf(line)));
    canonical.insert(6, 2'000, 'x');
    EXPECT_FALSE(parse_entry_line(without_lf(alert_line(canonical, ""))));
}

TEST(EntryLine, FindsTheEndOfAnyBody) {
    for (const std::string body : {"{}", R"({"a":"}"})", R"({"a":"\""})", R"({"a":"\\"})",
                                   R"({"a":{"b":[{"c":"{"}]}})", R"({"a":"\\\"},\"cert\":"})"}) {
        const std::string line = alert_line(body, "");
        const auto parsed = parse_entry_line(without_lf(line));
        ASSERT_TRUE(parsed) << body;
        EXPECT_EQ(parsed->body, body);
    }
}

TEST(EntryLine, ChecksTheEnvelopeByteForByte) {
    const std::string good(without_lf(alert_line("{}", "2026-01-02T03:04:06Z")));
    ASSERT_TRUE(parse_entry_line(good));
    const auto bad = [&](std::string_view from, std::string_view to) {
        std::string line = good;
        const std::size_t at = line.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        line.replace(at, from.size(), to);
        EXPECT_FALSE(parse_entry_line(line)) << line;
    };
    bad("alert", "audit");
    bad("\"alert\":{}", "\"alert\":[]");
    bad("\"alert\":{}", "\"alert\":{");
    bad("\"alert\":{}", "\"alert\": {}");
    bad("0001feff", "0001FEFF");
    bad("0001feff", "0001fef");
    bad("1042", "01042");
    bad("1042", "-1");
    bad("1042", "\"1042\"");
    bad("1042", "9007199254740992");
    bad(",\"index\":1042", "");
    bad("05.678Z", "05.67Z");
    bad("05.678Z", "65.678Z");
    bad("urn:anchorlog:sender:gw-01", "urn:anchorlog:sender:");
    bad("urn:anchorlog:sender:gw-01", "urn:anchorlog:sender:a b");
    bad("urn:anchorlog:sender:gw-01", "urn:anchorlog:daemon");
    bad("2026-01-02T03:04:06Z", "");
    bad("2026-01-02T03:04:06Z", "yesterday");
    EXPECT_FALSE(parse_entry_line(good + "\n"));
    EXPECT_FALSE(parse_entry_line(" " + good));
    EXPECT_FALSE(parse_entry_line(""));

    std::string audit(without_lf(audit_line(tail_cut())));
    audit.insert(audit.size() - 1, R"(,"sent_at":"2026-01-02T03:04:06Z")");
    EXPECT_FALSE(parse_entry_line(audit));
}

TEST(EntryLine, AnyBytesAreRefusedOrReadBackTheSame) {
    const auto check = [](const std::string& text) {
        if (const auto line = parse_entry_line(text)) {
            EXPECT_EQ(again(*line), text);
        }
    };
    const std::string canonical = testing::alert_text(testing::alert_members());
    testing::feed_mutations(without_lf(alert_line(canonical, "2026-01-02T03:04:06Z")), 20'000,
                            check);
    testing::feed_mutations(without_lf(audit_line(tail_cut())), 20'000, check);
}

}  // namespace
}  // namespace anchorlog::wire
