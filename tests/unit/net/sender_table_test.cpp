#include "net/sender_table.h"

#include <gtest/gtest.h>

#include <vector>

#include "test_alerts.h"

namespace anchorlog::testing {
namespace {

using net::Inbound;
using net::RateLimits;
using net::SenderRates;
using net::SenderTable;

// As many alerts as `devices`, one of each.
Inbound chunk_of(const std::vector<std::string>& devices) {
    wire::AlertParser parser;
    Inbound inbound;
    for (const std::string& device : devices) {
        const std::string json = alert_json(device, 1);
        auto frame = parser.parse(json, inbound.arena);
        EXPECT_TRUE(std::holds_alternative<wire::Alert>(frame));
        inbound.frames.push_back({inbound.frames.size(), std::move(frame)});
    }
    return inbound;
}

std::vector<std::string> times(std::size_t count, const std::string& device) {
    return std::vector<std::string>(count, device);
}

net::IngestOptions options_of(std::uint32_t all, std::uint32_t each, RateLimits rates = {}) {
    net::IngestOptions options;
    options.connections_max = all;
    options.sessions_per_sender_max = each;
    options.rates = rates;
    return options;
}

TEST(SenderTable, LimitsTheSessionsOfOneAndOfAll) {
    SenderTable table(options_of(3, 2));
    EXPECT_EQ(table.enter("a").refusal, "");
    EXPECT_EQ(table.enter("a").refusal, "");
    EXPECT_EQ(table.enter("a").refusal, "too many sessions of this sender");
    EXPECT_EQ(table.enter("b").refusal, "");
    EXPECT_EQ(table.enter("c").refusal, "too many sessions");
    table.leave("a", {0});
    EXPECT_EQ(table.enter("c").refusal, "");
    EXPECT_EQ(table.enter("a").refusal, "too many sessions");
}

TEST(SenderTable, WithoutARateThereIsNothingToCount) {
    SenderTable table(options_of(3, 2));
    EXPECT_EQ(table.enter("a").rates, nullptr);
}

TEST(SenderTable, ReceiptsHaveARateOfTheirOwn) {
    SenderRates rates("gw", {.receipts_per_s = 10});
    EXPECT_EQ(rates.charge(chunk_of(times(11, "cam-1")), {0}).wait_ms, 0) << "none was asked for";
    EXPECT_EQ(rates.charge(chunk_of(times(10, "cam-1")), {0}, true).wait_ms, 0);
    const auto charge = rates.charge(chunk_of({"cam-1"}), {0}, true);
    EXPECT_EQ(charge.wait_ms, 100);
    ASSERT_TRUE(charge.audit);
    EXPECT_EQ(charge.audit->subject, "gw receipts");
    EXPECT_FALSE(rates.is_at_rest({0}));
    EXPECT_TRUE(rates.is_at_rest({2'000}));
}

TEST(SenderTable, ComingBackDoesNotPayADebt) {
    SenderTable table(options_of(3, 2, {.sender_per_s = 10, .sender_burst = 1}));
    auto seat = table.enter("a");
    ASSERT_NE(seat.rates, nullptr);
    EXPECT_EQ(seat.rates->charge(chunk_of(times(11, "cam-1")), {0}).wait_ms, 1'000);
    table.leave("a", {0});
    seat = table.enter("a");
    EXPECT_EQ(seat.rates->charge(chunk_of({"cam-1"}), {0}).wait_ms, 1'100);
    EXPECT_EQ(table.enter("a").rates, seat.rates);
    EXPECT_NE(table.enter("b").rates, seat.rates);
}

TEST(SenderTable, WhoOwesNothingIsForgotten) {
    SenderTable table(options_of(3, 2, {.sender_per_s = 10, .sender_burst = 1}));
    const auto first = table.enter("a").rates;
    EXPECT_EQ(first->charge(chunk_of({"cam-1"}), {0}).wait_ms, 0);
    table.leave("a", {100});
    EXPECT_NE(table.enter("a").rates, first);
}

TEST(SenderRates, ADeviceIsHeldToItsOwnRate) {
    SenderRates rates("gw", {.device_per_s = 10, .device_burst = 2});
    EXPECT_EQ(rates.charge(chunk_of({"cam-1", "cam-1", "cam-2", "cam-2"}), {0}).wait_ms, 0);
    const auto charge = rates.charge(chunk_of({"cam-2", "cam-3"}), {0});
    EXPECT_EQ(charge.wait_ms, 100);
    ASSERT_TRUE(charge.audit);
    EXPECT_EQ(charge.audit->subject, "gw cam-2");
    EXPECT_EQ(charge.audit->per_s, 10u);
}

TEST(SenderRates, WhatIsNoAlertCountsForTheSender) {
    SenderRates rates("gw", {.sender_per_s = 1, .sender_burst = 1, .device_per_s = 1});
    Inbound inbound;
    inbound.frames.push_back({0, wire::Hello{}});
    inbound.frames.push_back({1, wire::Refusal{}});
    const auto charge = rates.charge(inbound, {0});
    EXPECT_EQ(charge.wait_ms, 1'000);
    ASSERT_TRUE(charge.audit);
    EXPECT_EQ(charge.audit->subject, "gw");
}

TEST(SenderRates, IsOnRecordOnceAMinute) {
    SenderRates rates("gw", {.sender_per_s = 1, .sender_burst = 1});
    int audits = 0;
    for (std::int64_t ms = 0; ms < 180'000; ms += 100) {
        if (rates.charge(chunk_of({"cam-1"}), {ms}).audit) ++audits;
    }
    EXPECT_EQ(audits, 3);
}

TEST(SenderRates, DevicesWithoutNumberShareOneRateAndAreForgotten) {
    SenderRates rates("gw", {.device_per_s = 1, .device_burst = 1});
    std::vector<std::string> devices;
    for (std::size_t i = 0; i < net::kRatedDevicesMax; ++i) {
        devices.push_back("d" + std::to_string(i));
    }
    EXPECT_EQ(rates.charge(chunk_of(devices), {0}).wait_ms, 0);
    EXPECT_EQ(rates.charge(chunk_of({"x1"}), {0}).wait_ms, 0);
    EXPECT_EQ(rates.charge(chunk_of({"x2"}), {0}).wait_ms, 1'000);
    // All have paid by then and make room.
    EXPECT_EQ(rates.charge(chunk_of({"x1", "x2"}), {5'000}).wait_ms, 0);
    EXPECT_FALSE(rates.is_at_rest({5'000}));
    EXPECT_TRUE(rates.is_at_rest({6'000}));
}

}  // namespace
}  // namespace anchorlog::testing
