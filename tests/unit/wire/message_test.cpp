#include "anchorlog/wire/message.h"

#include <gtest/gtest.h>

#include <set>

#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/frame.h"

namespace anchorlog::wire {
namespace {

constexpr WallTime kNow{1'767'323'045'678};  // 2026-01-02T03:04:05.678Z

TEST(Ack, NamesDeviceNumberAndIndex) {
    EXPECT_EQ(format_ack("cam-1", Epoch(0), SeqNo(57), EntryIndex(1042)),
              R"({"device_id":"cam-1","epoch":0,"index":1042,"seq_no":57,"type":"ack"})");
}

TEST(Reject, WritesTheNumberOnlyWhereItIsKnown) {
    EXPECT_EQ(format_reject(
                  12, {RejectCode::replay, "say \"why\"", AlertNumber{"cam-1", Epoch(2), SeqNo(9)}},
                  kNow),
              R"({"code":"replay","detail":"say \"why\"","device_id":"cam-1","epoch":2,)"
              R"("frame":12,"now":"2026-01-02T03:04:05.678Z","permanent":true,"seq_no":9,)"
              R"("type":"reject"})");
    EXPECT_EQ(format_reject(0, {RejectCode::busy, "", std::nullopt}, kNow),
              R"({"code":"busy","detail":"","frame":0,"now":"2026-01-02T03:04:05.678Z",)"
              R"("permanent":false,"type":"reject"})");
}

TEST(Reject, CodesHaveTheirNamesAndLastingness) {
    using enum RejectCode;
    std::set<std::string_view> names;
    for (const RejectCode code :
         {malformed, schema, too_large, identity, signature, replay, equivocation}) {
        EXPECT_TRUE(is_permanent(code));
        names.insert(to_string(code));
    }
    for (const RejectCode code : {stale, future, busy, storage_full, shutting_down, forked}) {
        EXPECT_FALSE(is_permanent(code));
        names.insert(to_string(code));
    }
    EXPECT_EQ(names,
              (std::set<std::string_view>{"malformed", "schema", "too_large", "identity",
                                          "signature", "replay", "equivocation", "stale", "future",
                                          "busy", "storage_full", "shutting_down", "forked"}));
}

TEST(Welcome, SortsDevicesAndListsThePath) {
    Welcome welcome;
    welcome.origin = "anchorlog.example/gw-01";
    welcome.durable = {{"cam-2", Epoch(1), SeqNo(7)},
                       {"cam-1", Epoch(0), SeqNo(41)},
                       {"Cam", Epoch(0), SeqNo(1)},
                       {"cam-2", Epoch(0), SeqNo(900)}};
    welcome.entries = 312;
    welcome.checkpoint = "a\nb\n\n\u2014 c d\n";
    welcome.consistency = {Hash()};
    const std::string text = format_welcome(welcome);
    EXPECT_EQ(text, "{\"checkpoint\":\"a\\nb\\n\\n\u2014 c d\\n\",\"consistency\":[\"" +
                        std::string(64, '0') +
                        R"("],"durable":{"Cam":{"epoch":0,"seq_no":1},"cam-1":{"epoch":0,)"
                        R"("seq_no":41},"cam-2":{"epoch":1,"seq_no":7}},"entries":312,)"
                        R"("origin":"anchorlog.example/gw-01","protocol":1,"type":"welcome"})");
    EXPECT_TRUE(is_canonical(text));
    EXPECT_TRUE(is_canonical(format_welcome(Welcome())));
}

TEST(Welcome, OfTheMostDevicesFitsAFrame) {
    Welcome welcome;
    welcome.origin = std::string(255, 'o');
    welcome.checkpoint = std::string(1'024, 'c');
    welcome.entries = kIntegerMax;
    welcome.consistency.resize(64);
    for (std::size_t i = 0; i < kHelloDevicesMax; ++i) {
        const std::string number = std::to_string(i);
        welcome.durable.push_back({std::string(64 - number.size(), 'd') + number,
                                   Epoch(kIntegerMax), SeqNo(kIntegerMax)});
    }
    EXPECT_LE(format_welcome(welcome).size(), kFrameSizeMax);
}

}  // namespace
}  // namespace anchorlog::wire
