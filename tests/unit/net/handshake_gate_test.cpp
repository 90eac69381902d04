#include "net/handshake_gate.h"

#include <gtest/gtest.h>

namespace anchorlog::net {
namespace {

constexpr SteadyTime kStart{1'000};
constexpr SteadyTime kOld{1'000 + kHandshakeGraceMs};
constexpr SteadyTime kYoung{kOld.ms - 1};

class HandshakeGateTest : public ::testing::Test {
protected:
    HandshakeGate::Entry enter(std::uint64_t id, const std::string& source, SteadyTime now) {
        return gate_.enter(SessionId(id), source, now);
    }

    HandshakeGate gate_{4, 2};
};

TEST_F(HandshakeGateTest, HasSoManyPlaces) {
    EXPECT_TRUE(gate_.has_room(kStart));
    for (std::uint64_t id = 0; id < 4; ++id) {
        EXPECT_TRUE(enter(id, std::to_string(id), kStart).admitted);
    }
    EXPECT_EQ(gate_.places(), 4u);
    EXPECT_FALSE(gate_.has_room(kStart));
    gate_.leave(SessionId(2));
    EXPECT_TRUE(gate_.has_room(kStart));
    gate_.leave(SessionId(2));
    EXPECT_EQ(gate_.places(), 3u);
}

TEST_F(HandshakeGateTest, TheOldestMakesRoomOnceItsGraceIsOver) {
    for (std::uint64_t id = 0; id < 4; ++id) enter(id, std::to_string(id), kStart);
    EXPECT_FALSE(gate_.has_room(kYoung));
    EXPECT_FALSE(enter(4, "a", kYoung).admitted);
    EXPECT_TRUE(gate_.has_room(kOld));
    const auto entry = enter(4, "a", kOld);
    EXPECT_TRUE(entry.admitted);
    EXPECT_EQ(entry.dropped, SessionId(0));
    EXPECT_EQ(gate_.places(), 4u);
    EXPECT_EQ(enter(5, "b", kOld).dropped, SessionId(1));
}

TEST_F(HandshakeGateTest, ASourceOverItsShareMakesRoomForItselfOnly) {
    enter(0, "quiet", kStart);
    enter(1, "loud", kStart);
    enter(2, "loud", kStart);
    const auto young = enter(3, "loud", kYoung);
    EXPECT_FALSE(young.admitted);
    EXPECT_FALSE(young.dropped);
    const auto old = enter(3, "loud", kOld);
    EXPECT_TRUE(old.admitted);
    EXPECT_EQ(old.dropped, SessionId(1));
    gate_.leave(SessionId(2));
    EXPECT_FALSE(enter(4, "loud", kOld).dropped);
    EXPECT_EQ(gate_.places(), 3u);
}

TEST_F(HandshakeGateTest, AFloodFromOneSourceNeverTakesThePlacesOfOthers) {
    enter(0, "quiet", kStart);
    for (std::uint64_t i = 1; i < 1'000; ++i) {
        const SteadyTime now{kStart.ms + static_cast<std::int64_t>(i) * kHandshakeGraceMs};
        EXPECT_NE(enter(i, "loud", now).dropped, SessionId(0));
    }
    EXPECT_EQ(gate_.places(), 3u);
    EXPECT_TRUE(gate_.has_room(kStart));
}

TEST_F(HandshakeGateTest, GivesUpTheOldestForOtherWants) {
    EXPECT_FALSE(gate_.drop_oldest(kOld));
    enter(7, "a", kStart);
    enter(8, "b", kStart);
    EXPECT_FALSE(gate_.drop_oldest(kYoung));
    EXPECT_EQ(gate_.drop_oldest(kOld), SessionId(7));
    EXPECT_EQ(gate_.places(), 1u);
}

}  // namespace
}  // namespace anchorlog::net
