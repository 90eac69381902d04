#include "wire/expected_alert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "unit/wire/alert_text.h"
#include "unit/wire/mutations.h"
#include "wire/canonical_scan.h"

namespace anchorlog::wire {
namespace {

using testing::alert_members;
using testing::alert_text;
using testing::AlertMembers;

const std::string kSig = "\"" + to_base64(Bytes(64, 0xA5)) + "\"";

// The general way, for a text in canonical form; nothing when it refuses.
std::optional<AlertFields> general_way(std::string_view text) {
    std::vector<Member> members;
    if (!scan_object(text, members)) return std::nullopt;
    for (const Member& member : members) {
        if (member.name == "type") return std::nullopt;
    }
    auto checked = check_alert(members, {});
    if (const auto* fields = std::get_if<AlertFields>(&checked)) return *fields;
    return std::nullopt;
}

void expect_same(const AlertFields& a, const AlertFields& b) {
    EXPECT_EQ(a.device_id.data(), b.device_id.data());
    EXPECT_EQ(a.device_id, b.device_id);
    EXPECT_EQ(a.sent_at, b.sent_at);
    EXPECT_EQ(a.sig, b.sig);
    EXPECT_EQ(a.entry_id, b.entry_id);
    EXPECT_EQ(a.timestamp, b.timestamp);
    EXPECT_EQ(a.sent_at_time, b.sent_at_time);
    EXPECT_EQ(a.epoch, b.epoch);
    EXPECT_EQ(a.seq_no, b.seq_no);
    EXPECT_EQ(a.sent_at_member.empty(), b.sent_at_member.empty());
    if (a.sent_at_member.empty()) return;
    EXPECT_EQ(a.sent_at_member.data(), b.sent_at_member.data());
    EXPECT_EQ(a.sent_at_member, b.sent_at_member);
}

AlertMembers full_members() {
    auto members = alert_members();
    members["epoch"] = "3";
    members["sig"] = kSig;
    members["sent_at"] = "\"2026-01-02T03:04:06Z\"";
    members["features_summary"] =
        R"({"a":[1,-2.5,{"b":null}],"flags":"SY\nN","u":"é😀","z":1e-7,"é":true})";
    return members;
}

// Every alert in canonical form goes the quick way, or the daemon is slow without being wrong.
TEST(ExpectedAlert, TakesEveryValidCanonicalAlert) {
    for (unsigned set = 0; set < 8; ++set) {
        auto members = full_members();
        if ((set & 1U) == 0) members.erase("epoch");
        if ((set & 2U) == 0) members.erase("sig");
        if ((set & 4U) == 0) members.erase("sent_at");
        for (const char* confidence :
             {"0", "1", "0.5", "0.000001", "1e-7", "0.30000000000000004"}) {
            members["confidence"] = confidence;
            const std::string text = alert_text(members);
            const auto quick = read_expected_alert(text);
            const auto general = general_way(text);
            ASSERT_TRUE(quick) << text;
            ASSERT_TRUE(general) << text;
            expect_same(*quick, *general);
        }
    }
}

TEST(ExpectedAlert, TakesExactlyWhatTheGeneralWayTakes) {
    std::size_t taken = 0;
    testing::feed_mutations(alert_text(full_members()), 60'000, [&](const std::string& text) {
        const auto quick = read_expected_alert(text);
        const auto general = general_way(text);
        ASSERT_EQ(quick.has_value(), general.has_value()) << text;
        if (!quick) return;
        ++taken;
        expect_same(*quick, *general);
    });
    EXPECT_GT(taken, 1'000u);
}

// What each member may be given, good and bad spellings in turn.
const std::map<std::string, std::vector<std::string>> kValues{
    {"alert_type", {R"("a.b_9")", R"("")", R"("A")", R"("a\u0062")", "1", R"("a")"}},
    {"batch_id",
     {R"("018f3c4e-7b1a-7c3d-8e2f-0123456789ab")", R"("018f3c4e-7b1a-7c3d-be2f-0123456789ab")",
      R"("018f3c4e-7b1a-4c3d-8e2f-0123456789ab")", R"("018f3c4e-7b1a-7c3d-ce2f-0123456789ab")",
      R"("018F3c4e-7b1a-7c3d-8e2f-0123456789ab")", R"("018f3c4e7b1a-7c3d-8e2f-0123456789ab-")"}},
    {"confidence",
     {"0", "1", "0.5", "1.5", "-0.5", "0.50", "1e-7", "-0", "0.1e1", "\"1\"", "null"}},
    {"device_id", {R"("cam-1")", R"("c:A.9_-")", R"("")", R"("cam 1")", R"("c\"")", "{}"}},
    {"entry_id",
     {R"("018f3c4e-7b1b-7abc-9def-fedcba987654")", R"("018f3c4e-7b1b-7abc-7def-fedcba987654")",
      R"("018f3c4e-7b1b-7abc-9def-fedcba98765g")", R"("")"}},
    {"epoch", {"1", "9007199254740991", "9007199254740992", "0", "01", "-1", "1.5", R"("1")"}},
    {"features_summary",
     {"{}", R"({"a":{"b":[1,"é"]}})", R"({"b":1,"a":2})", R"({"a":1,"a":1})", "[]", "{ }",
      R"({"a":1.0})", "{\"a\":\"\xC3\"}", R"({"a":"\/"})", "null", R"({"a":)"}},
    {"sent_at",
     {R"("2026-01-02T03:04:06Z")", R"("2026-01-02T03:04:06.123456789Z")",
      R"("2026-02-30T03:04:06Z")", R"("2026-01-02T03:04:06")", "null"}},
    {"seq_no", {"1", "57", "9007199254740991", "0", "-1", "007", "1e3", "1.0", "null", "true"}},
    {"sig",
     {"\"" + to_base64(Bytes(64, 0xA5)) + "\"", "\"" + to_base64(Bytes(63, 0xA5)) + "\"",
      "\"" + std::string(88, 'A') + "\"", R"("")"}},
    {"timestamp",
     {R"("2026-01-02T03:04:05.678Z")", R"("2026-01-02t03:04:05Z")", R"("2026-01-02T03:04:60Z")",
      R"("2026-01-02T03:04:05.Z")"}},
    {"type", {R"("alert")"}},
    {"zone", {"1"}},
};

// Mostly the first value of each member; members are left out, twice there or out of order.
std::string generated(std::mt19937_64& random) {
    const auto one_in = [&](std::uint64_t n) {
        return random() % n == 0;
    };
    std::vector<std::string> members;
    for (const auto& [name, values] : kValues) {
        const bool is_foreign = name == "type" || name == "zone";
        const bool is_optional = name == "epoch" || name == "sent_at" || name == "sig";
        if (is_foreign ? !one_in(60) : one_in(is_optional ? 2 : 60)) continue;
        const std::string& value = values[one_in(5) ? random() % values.size() : 0];
        members.push_back("\"" + name + "\":" + value);
        if (one_in(100)) members.push_back(members.back());
    }
    if (one_in(20) && members.size() > 1) std::swap(members[0], members[random() % members.size()]);
    std::string text = "{";
    for (const std::string& member : members) {
        if (text.size() > 1) text += one_in(300) ? ", " : ",";
        text += member;
    }
    return text + "}";
}

TEST(ExpectedAlert, TakesOfGeneratedAlertsWhatTheGeneralWayTakes) {
    std::mt19937_64 random(11);
    std::size_t taken = 0;
    std::size_t refused = 0;
    for (int round = 0; round < 100'000; ++round) {
        const std::string text = generated(random);
        const auto quick = read_expected_alert(text);
        const auto general = general_way(text);
        ASSERT_EQ(quick.has_value(), general.has_value()) << text;
        (quick ? taken : refused) += 1;
        if (quick) expect_same(*quick, *general);
    }
    EXPECT_GT(taken, 10'000u);
    EXPECT_GT(refused, 10'000u);
}

TEST(ExpectedAlert, LeavesOtherSpellingsAndTypesToTheGeneralWay) {
    const std::string text = alert_text(alert_members());
    ASSERT_TRUE(read_expected_alert(text));
    EXPECT_FALSE(read_expected_alert(" " + text));
    EXPECT_FALSE(read_expected_alert(text + " "));
    EXPECT_FALSE(read_expected_alert(text + "\n"));
    EXPECT_FALSE(read_expected_alert(""));
    EXPECT_FALSE(read_expected_alert("{}"));
    EXPECT_FALSE(read_expected_alert(R"({"devices":[],"protocol":1,"type":"hello"})"));
    auto members = alert_members();
    members["type"] = "\"alert\"";
    EXPECT_FALSE(read_expected_alert(alert_text(members)));
    members = alert_members();
    members["features_summary"] = "{\"a\":\"\xFF\"}";
    EXPECT_FALSE(read_expected_alert(alert_text(members)));
    members["features_summary"] = std::string(16, '[') + std::string(16, ']');
    EXPECT_FALSE(read_expected_alert(alert_text(members)));
}

TEST(ExpectedAlert, CountsTheObjectAroundToTheNesting) {
    const auto nested = [](std::size_t depth) {
        auto members = alert_members();
        members["features_summary"] =
            "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
        return alert_text(members);
    };
    for (std::size_t depth = 13; depth < 18; ++depth) {
        EXPECT_EQ(read_expected_alert(nested(depth)).has_value(),
                  general_way(nested(depth)).has_value());
    }
    EXPECT_TRUE(read_expected_alert(nested(15)));
    EXPECT_FALSE(read_expected_alert(nested(16)));
}

}  // namespace
}  // namespace anchorlog::wire
