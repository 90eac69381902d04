#include "anchorlog/wire/alert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/frame.h"
#include "anchorlog/wire/note.h"
#include "unit/wire/alert_text.h"
#include "unit/wire/mutations.h"

namespace anchorlog::wire {
namespace {

using testing::alert_members;
using testing::alert_text;
using testing::AlertMembers;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kSig = to_base64(Bytes(64, 0xA5));

struct Parsed {
    std::variant<Alert, Hello, Refusal> result;
    std::string arena;

    const Alert& alert() const { return std::get<Alert>(result); }
    std::string_view text(TextRange range) const { return range.of(arena); }
};

Parsed parse(std::string_view frame) {
    AlertParser parser;
    Parsed out{Refusal(), "before"};
    out.result = parser.parse(frame, out.arena);
    return out;
}

AlertMembers with(const std::string& name, const std::string& value) {
    auto members = alert_members();
    members[name] = value;
    return members;
}

AlertMembers without(const std::string& name) {
    auto members = alert_members();
    members.erase(name);
    return members;
}

// The reject code of a frame, or what else it was.
std::string outcome(std::string_view frame) {
    const Parsed parsed = parse(frame);
    if (std::holds_alternative<Alert>(parsed.result)) return "alert";
    if (std::holds_alternative<Hello>(parsed.result)) return "hello";
    EXPECT_EQ(parsed.arena, "before");
    return std::string(to_string(std::get<Refusal>(parsed.result).code));
}

std::string outcome(const AlertMembers& members) {
    // Spelled canonically and not: the two ways must say the same.
    const std::string slow = outcome(" " + alert_text(members));
    const std::string fast = outcome(alert_text(members));
    EXPECT_EQ(fast, slow) << alert_text(members);
    return fast;
}

TEST(AlertParser, TakesACanonicalAlertAsSent) {
    const std::string text = alert_text(alert_members());
    const Parsed parsed = parse(text);
    const Alert& alert = parsed.alert();
    EXPECT_EQ(parsed.text(alert.canonical), text);
    EXPECT_EQ(parsed.arena, "before" + text);
    EXPECT_EQ(parsed.text(alert.device_id), "cam-1");
    EXPECT_EQ(alert.sent_at.size, 0U);
    EXPECT_EQ(alert.sig.size, 0U);
    EXPECT_EQ(format_entry_id(alert.entry_id), "018f3c4e-7b1b-7abc-9def-fedcba987654");
    EXPECT_EQ(format_server_time(alert.timestamp), "2026-01-02T03:04:05.678Z");
    EXPECT_FALSE(alert.sent_at_time);
    EXPECT_EQ(alert.epoch, Epoch(0));
    EXPECT_EQ(alert.seq_no, SeqNo(57));
}

TEST(AlertParser, KeepsSentAtBesideTheCanonicalAlert) {
    auto members = with("epoch", "3");
    members["sig"] = "\"" + kSig + "\"";
    const std::string identity = alert_text(members);
    members["sent_at"] = "\"2026-01-02T03:04:06Z\"";
    for (const std::string& frame : {alert_text(members), " " + alert_text(members)}) {
        const Parsed parsed = parse(frame);
        const Alert& alert = parsed.alert();
        EXPECT_EQ(parsed.text(alert.canonical), identity);
        EXPECT_EQ(parsed.text(alert.sent_at), "2026-01-02T03:04:06Z");
        EXPECT_EQ(parsed.text(alert.sig), kSig);
        EXPECT_EQ(parsed.text(alert.device_id), "cam-1");
        ASSERT_TRUE(alert.sent_at_time);
        EXPECT_EQ(format_server_time(*alert.sent_at_time), "2026-01-02T03:04:06.000Z");
        EXPECT_EQ(alert.epoch, Epoch(3));
    }
}

TEST(AlertParser, BringsAnyOtherSpellingIntoCanonicalForm) {
    const Parsed parsed = parse(
        "{ \"timestamp\":\"2026-01-02T03:04:05.678Z\", \"seq_no\":57,\"features_summary\":"
        "{\"ratio\":5e-1,\"packets\":1.2e2},\"sent_at\":\"2026-01-02T03:04:06Z\","
        "\"entry_id\":\"018f3c4e-7b1b-7abc-9def-fedcba987654\",\"device_id\":\"cam\\u002d1\","
        "\"confidence\":0.930,\"batch_id\":\"018f3c4e-7b1a-7c3d-8e2f-0123456789ab\","
        "\"alert_type\":\"portscan.tcp\"}\n");
    const std::string text = alert_text(alert_members());
    EXPECT_EQ(parsed.text(parsed.alert().canonical), text);
    EXPECT_EQ(parsed.text(parsed.alert().device_id), "cam-1");
}

TEST(AlertParser, SecondAlertGoesBehindTheFirst) {
    AlertParser parser;
    std::string arena;
    const std::string first = alert_text(alert_members());
    const std::string second = alert_text(with("seq_no", "58"));
    const auto a = std::get<Alert>(parser.parse(first, arena));
    const auto b = std::get<Alert>(parser.parse("\t" + second, arena));
    EXPECT_EQ(a.canonical.of(arena), first);
    EXPECT_EQ(b.canonical.of(arena), second);
    EXPECT_EQ(b.device_id.of(arena), "cam-1");
}

TEST(AlertParser, RequiresEveryMemberAndNoOther) {
    for (const auto& [name, value] : alert_members()) {
        EXPECT_EQ(outcome(without(name)), "schema") << name;
        EXPECT_EQ(outcome(with(name, "null")), "schema") << name;
        EXPECT_EQ(outcome(with(name, "[]")), "schema") << name;
        EXPECT_EQ(outcome(with(name, "\"\"")), "schema") << name;
        const Parsed parsed = parse(alert_text(without(name)));
        EXPECT_THAT(std::get<Refusal>(parsed.result).detail, HasSubstr("`" + name + "`"));
    }
    for (const char* name : {"", "a", "index", "zz", "Type", "sent_a", "sent_atx", "sig2"}) {
        EXPECT_EQ(outcome(with(name, "1")), "schema") << name;
    }
    EXPECT_EQ(outcome("{}"), "schema");
}

TEST(AlertParser, ChecksEveryMember) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> bad{
        {"alert_type", {"\"Portscan\"", "\"a b\"", "\"" + std::string(65, 'a') + "\"", "1"}},
        {"batch_id",
         {"\"018F3C4E-7B1A-7C3D-8E2F-0123456789AB\"", "\"018f3c4e-7b1a-4c3d-8e2f-0123456789ab\"",
          "\"018f3c4e-7b1a-7c3d-ce2f-0123456789ab\"", "\"018f3c4e-7b1a-7c3d-8e2f-0123456789a\"",
          "\"018f3c4e7b1a-7c3d-8e2f-0123456789abc\"", "\"018f3c4e-7b1a-7c3d-8e2f-0123456789ag\""}},
        {"confidence", {"1.0000001", "-0.1", "2", "\"0.5\"", "true", "{}"}},
        {"device_id", {"\"a b\"", "\"\u00e9\"", "\"a\\n\"", "\"" + std::string(65, 'a') + "\""}},
        {"entry_id", {"\"x\"", "7", "\"018f3c4e-7b1a-1c3d-8e2f-0123456789ab\""}},
        {"epoch", {"0", "-1", "1.5", "\"1\"", "true"}},
        {"features_summary", {"1", "\"{}\"", "[{}]"}},
        {"sent_at", {"\"2026-01-02T03:04:60Z\"", "\"2026-01-02 03:04:05Z\"", "1767323045"}},
        {"seq_no", {"0", "-1", "0.5", "\"57\"", "-57"}},
        {"sig", {"\"AAAA\"", "\"" + kSig + "=\"", "64", "\"" + kSig.substr(0, 85) + "B==\""}},
        {"timestamp",
         {"\"2026-02-30T00:00:00Z\"", "\"2026-01-02T03:04:05+00:00\"",
          "\"2026-01-02T03:04:05.1234567890Z\"", "\"2026-01-02T03:04:05z\"", "5"}},
    };
    for (const auto& [name, values] : bad) {
        for (const std::string& value : values) {
            EXPECT_EQ(outcome(with(name, value)), "schema") << name << " " << value;
        }
    }
    const std::vector<std::pair<std::string, std::vector<std::string>>> good{
        {"alert_type", {"\"a.b_0\"", "\"" + std::string(64, 'a') + "\""}},
        {"confidence", {"0", "1", "1.0", "1e-7", "-0"}},
        {"device_id", {"\"A.b_c:d-9\"", "\"" + std::string(64, 'a') + "\""}},
        {"epoch", {"1", "9007199254740991"}},
        {"features_summary", {"{}", "{\"a\":[null,{\"b\":\"\u20ac\"}]}"}},
        {"sent_at", {"\"2026-01-02T03:04:05Z\"", "\"2026-01-02T03:04:05.123456789Z\""}},
        {"seq_no", {"1", "9007199254740991"}},
        {"sig", {"\"" + kSig + "\""}},
    };
    for (const auto& [name, values] : good) {
        for (const std::string& value : values) {
            EXPECT_EQ(outcome(with(name, value)), "alert") << name << " " << value;
        }
    }
}

TEST(AlertParser, CountingIntegersHaveOneSpelling) {
    for (const char* name : {"seq_no", "epoch"}) {
        for (const char* token : {"1.0", "1e2", "1E0", "57.0", "10e-1"}) {
            EXPECT_EQ(outcome(with(name, token)), "schema") << name << " " << token;
        }
    }
    EXPECT_EQ(outcome(with("features_summary", "{\"seq_no\":1.0,\"epoch\":1e2}")), "alert");
    EXPECT_EQ(outcome(with("seq_no", "9007199254740992")), "malformed");
    EXPECT_EQ(outcome(with("seq_no", "01")), "malformed");
}

TEST(AlertParser, WhatIsNotOneJsonObjectIsMalformed) {
    const std::string text = alert_text(alert_members());
    const auto features = [](const std::string& json) {
        return alert_text(with("features_summary", json));
    };
    for (const std::string& frame : std::vector<std::string>{
             "",
             " ",
             "null",
             "1",
             "\"a\"",
             "[]",
             "[" + text + "]",
             text + text,
             text + "x",
             text.substr(0, text.size() - 1),
             features("{\"a\":NaN}"),
             features("{\"a\":Infinity}"),
             features("{\"a\":1,\"a\":2}"),
             features("{\"a\":1,\"\\u0061\":2}"),
             features("{\"a\":\"\\ud800\"}"),
             features("{\"a\":\"\xFF\"}"),
             features("{\"a\":9007199254740993}"),
             features("{\"a\":1e16}"),
             features("{\"a\":" + std::string(15, '[') + std::string(15, ']') + "}"),
             text + std::string(1, '\0'),
             "\xEF\xBB\xBF" + text,
             "{\"seq_no\":1," + text.substr(1)}) {
        EXPECT_EQ(outcome(frame), "malformed") << frame;
    }
    EXPECT_EQ(outcome(features("{\"a\":" + std::string(14, '[') + std::string(14, ']') + "}")),
              "alert");
}

TEST(AlertParser, RefusesACanonicalFormOver64KiB) {
    const std::size_t rest = alert_text(with("features_summary", "{\"a\":\"\"}")).size();
    const auto sized = [&](std::size_t size) {
        return with("features_summary", "{\"a\":\"" + std::string(size - rest, 'x') + "\"}");
    };
    EXPECT_EQ(outcome(alert_text(sized(kFrameSizeMax))), "alert");
    EXPECT_EQ(outcome(alert_text(sized(kFrameSizeMax + 1))), "too_large");

    // A frame that fits, and grows when 1e15 is written out.
    std::string numbers = "{\"a\":[1e15";
    while (alert_text(with("features_summary", numbers + ",1e15]}")).size() <= kFrameSizeMax) {
        numbers += ",1e15";
    }
    const Parsed parsed = parse(alert_text(with("features_summary", numbers + "]}")));
    const auto& refusal = std::get<Refusal>(parsed.result);
    EXPECT_EQ(refusal.code, RejectCode::too_large);
    ASSERT_TRUE(refusal.number);
    EXPECT_EQ(refusal.number->seq_no, SeqNo(57));
    EXPECT_EQ(parsed.arena, "before");
}

TEST(AlertParser, TellsTheNumberWhereItCanBeRead) {
    auto members = with("confidence", "2");
    members["epoch"] = "4";
    const auto refusal = std::get<Refusal>(parse(alert_text(members)).result);
    ASSERT_TRUE(refusal.number);
    EXPECT_EQ(refusal.number->device_id, "cam-1");
    EXPECT_EQ(refusal.number->epoch, Epoch(4));
    EXPECT_EQ(refusal.number->seq_no, SeqNo(57));
    EXPECT_TRUE(std::get<Refusal>(parse(alert_text(with("x", "1"))).result).number);
    EXPECT_FALSE(std::get<Refusal>(parse(alert_text(without("seq_no"))).result).number);
    EXPECT_FALSE(std::get<Refusal>(parse(alert_text(with("device_id", "\" \""))).result).number);
    EXPECT_FALSE(std::get<Refusal>(parse(alert_text(with("epoch", "\"x\""))).result).number);
    EXPECT_FALSE(std::get<Refusal>(parse("{").result).number);
}

TEST(AlertParser, DetailsNeverQuoteTheBody) {
    for (const auto& members :
         {with("secret word", "1"), with("features_summary", "\"secret word\""),
          with("device_id", "\"secret word\""), with("type", "\"secret word\"")}) {
        const auto refusal = std::get<Refusal>(parse(alert_text(members)).result);
        EXPECT_THAT(refusal.detail, Not(HasSubstr("secret word")));
        EXPECT_FALSE(refusal.detail.empty());
    }
}

TEST(AlertParser, TakesAHello) {
    const Parsed parsed = parse(R"({"type":"hello","protocol":1,"devices":["cam-1","cam-2"],)"
                                R"("receipts":true,"seen":"a\nb\n"})");
    const auto& hello = std::get<Hello>(parsed.result);
    EXPECT_EQ(hello.devices, (std::vector<std::string>{"cam-1", "cam-2"}));
    EXPECT_TRUE(hello.receipts);
    EXPECT_EQ(hello.seen, "a\nb\n");
    const auto least =
        std::get<Hello>(parse(R"({"devices":[],"protocol":1,"type":"hello"})").result);
    EXPECT_TRUE(least.devices.empty());
    EXPECT_FALSE(least.receipts);
    EXPECT_TRUE(least.seen.empty());
}

TEST(AlertParser, RefusesOtherHellosAndOtherTypes) {
    const auto devices = [](std::size_t count) {
        std::string out = R"({"devices":[)";
        for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "\"d\"" : ",\"d\"");
        return out + R"(],"protocol":1,"type":"hello"})";
    };
    const auto seen = [](std::size_t size) {
        return R"({"devices":[],"protocol":1,"seen":")" + std::string(size, 's') +
               R"(","type":"hello"})";
    };
    EXPECT_EQ(outcome(devices(256)), "hello");
    EXPECT_EQ(outcome(seen(kNoteSizeMax)), "hello");
    for (const std::string& frame : std::vector<std::string>{
             devices(257), seen(kNoteSizeMax + 1), R"({"devices":[],"type":"hello"})",
             R"({"protocol":1,"type":"hello"})", R"({"devices":[],"protocol":2,"type":"hello"})",
             R"({"devices":["a b"],"protocol":1,"type":"hello"})",
             R"({"devices":[1],"protocol":1,"type":"hello"})",
             R"({"devices":{},"protocol":1,"type":"hello"})",
             R"({"devices":[],"protocol":1,"receipts":1,"type":"hello"})",
             R"({"devices":[],"protocol":1,"seen":null,"type":"hello"})",
             R"({"devices":[],"protocol":1,"type":"hello","x":1})", R"({"type":"ack"})",
             R"({"type":"alert"})", R"({"type":1})", R"({"type":null})", R"({"type":""})",
             alert_text(with("type", "\"hello\""))}) {
        EXPECT_EQ(outcome(frame), "schema") << frame;
    }
}

// Both ways through the parser must tell the same of the same JSON: white space in front sends
// a canonical text the slow way and changes nothing else.
void expect_ways_agree(const std::string& text) {
    if (text.size() >= kFrameSizeMax) return;
    const Parsed fast = parse(text);
    const Parsed slow = parse(" " + text);
    ASSERT_EQ(fast.result.index(), slow.result.index()) << text;
    if (const auto* refusal = std::get_if<Refusal>(&fast.result)) {
        const auto& other = std::get<Refusal>(slow.result);
        EXPECT_EQ(refusal->code, other.code) << text;
        EXPECT_EQ(refusal->number.has_value(), other.number.has_value()) << text;
    } else if (const auto* alert = std::get_if<Alert>(&fast.result)) {
        EXPECT_EQ(fast.arena, slow.arena) << text;
        EXPECT_EQ(fast.text(alert->sig), slow.text(slow.alert().sig)) << text;
        EXPECT_EQ(fast.text(alert->device_id), slow.text(slow.alert().device_id)) << text;
        EXPECT_TRUE(is_canonical(fast.text(alert->canonical))) << text;
        EXPECT_EQ(parse(fast.text(alert->canonical))
                      .text(parse(fast.text(alert->canonical)).alert().canonical),
                  fast.text(alert->canonical));
        const auto key = alert_key(fast.text(alert->canonical));
        ASSERT_TRUE(key) << text;
        EXPECT_EQ(key->seq_no, alert->seq_no);
        EXPECT_EQ(key->epoch, alert->epoch);
        EXPECT_EQ(key->entry_id, alert->entry_id);
        EXPECT_EQ(key->device_id, fast.text(alert->device_id));
    }
}

TEST(AlertParser, FastAndSlowWayAgreeOnMutations) {
    auto members = with("epoch", "3");
    members["sig"] = "\"" + kSig + "\"";
    members["sent_at"] = "\"2026-01-02T03:04:06Z\"";
    testing::feed_mutations(alert_text(members), 20'000, expect_ways_agree);
    testing::feed_mutations(R"({"devices":["a"],"protocol":1,"seen":"x\n","type":"hello"})", 5'000,
                            expect_ways_agree);
}

TEST(AlertParser, FastAndSlowWayAgreeOnRandomMembers) {
    const std::vector<std::string> names{"alert_type", "batch_id", "confidence",       "device_id",
                                         "entry_id",   "epoch",    "features_summary", "sent_at",
                                         "seq_no",     "sig",      "timestamp",        "type",
                                         "x"};
    const std::vector<std::string> values{"1",
                                          "1.0",
                                          "0",
                                          "-0",
                                          "1e2",
                                          "0.5",
                                          "\"a\"",
                                          "{}",
                                          "[]",
                                          "null",
                                          "\"2026-01-02T03:04:05Z\"",
                                          "\"hello\"",
                                          "{\"b\":1,\"a\":2}",
                                          "9007199254740992",
                                          "\"\\u0061\"",
                                          "\"" + kSig + "\""};
    std::mt19937 random(11);
    for (int i = 0; i < 20'000; ++i) {
        auto members = alert_members();
        for (std::size_t n = random() % 3; n > 0; --n) {
            members[names[random() % names.size()]] = values[random() % values.size()];
        }
        expect_ways_agree(alert_text(members));
    }
}

TEST(AlertSigningPayload, LeavesOutSigAndSentAt) {
    const std::string bare = alert_text(alert_members());
    auto members = with("sig", "\"" + kSig + "\"");
    members["sent_at"] = "\"2026-01-02T03:04:06Z\"";
    for (const std::string& text : {bare, alert_text(members)}) {
        const auto payload = alert_signing_payload(text);
        ASSERT_TRUE(payload);
        EXPECT_EQ(as_text(*payload), std::string("anchorlog/alert/v1\0", 19) + bare);
    }
    EXPECT_FALSE(alert_signing_payload("{ }"));
    EXPECT_FALSE(alert_signing_payload("[]"));
    EXPECT_EQ(as_text(*alert_signing_payload("{\"sig\":1}")),
              std::string("anchorlog/alert/v1\0{}", 21));
}

TEST(AlertKey, ReadsAStoredAlertAndRefusesAnythingElse) {
    const auto key = alert_key(alert_text(with("epoch", "2")));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->device_id, "cam-1");
    EXPECT_EQ(key->epoch, Epoch(2));
    EXPECT_EQ(key->seq_no, SeqNo(57));
    EXPECT_EQ(alert_key(alert_text(alert_members()))->epoch, Epoch(0));
    for (const char* name : {"device_id", "entry_id", "seq_no"}) {
        EXPECT_FALSE(alert_key(alert_text(without(name))));
        EXPECT_FALSE(alert_key(alert_text(with(name, "0"))));
    }
    EXPECT_FALSE(alert_key(alert_text(with("epoch", "0"))));
    EXPECT_FALSE(alert_key(" " + alert_text(alert_members())));
    EXPECT_FALSE(alert_key(""));
}

TEST(EntryIdText, IsALowerCaseUuid7) {
    const std::string text = "018f3c4e-7b1b-7abc-9def-fedcba987654";
    const auto id = parse_entry_id(text);
    ASSERT_TRUE(id);
    EXPECT_EQ((*id)[0], 0x01);
    EXPECT_EQ((*id)[15], 0x54);
    EXPECT_EQ(format_entry_id(*id), text);
    testing::feed_mutations(text, 5'000, [](const std::string& changed) {
        if (const auto parsed = parse_entry_id(changed)) {
            EXPECT_EQ(format_entry_id(*parsed), changed);
        }
    });
}

TEST(Names, FollowTheirAlphabets) {
    EXPECT_TRUE(is_name("aZ0._:-"));
    EXPECT_TRUE(is_name(std::string(64, 'x')));
    EXPECT_FALSE(is_name(""));
    EXPECT_FALSE(is_name(std::string(65, 'x')));
    for (const char* name : {"a b", "a/b", "a+b", "\u00e9", "a\n"}) EXPECT_FALSE(is_name(name));
    EXPECT_TRUE(is_origin("anchorlog.example/gw-01_x"));
    EXPECT_TRUE(is_origin(std::string(255, 'x')));
    EXPECT_FALSE(is_origin(""));
    EXPECT_FALSE(is_origin(std::string(256, 'x')));
    for (const char* origin : {"A", "a b", "a+b", "a:b", "\u00e9"}) EXPECT_FALSE(is_origin(origin));
}

}  // namespace
}  // namespace anchorlog::wire
