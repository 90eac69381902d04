#include "app/intake.h"

#include <gtest/gtest.h>

#include "anchorlog/wire/frame.h"
#include "support/log_machine.h"

namespace anchorlog::app {
namespace {

using testing::LogMachine;
using testing::make_alert;

class IntakeTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        intake = std::make_unique<Intake>(machine.sequencer(), audits, LogMachine::kOrigin);
    }

    // One Inbound holding `texts` as frames, as net would have parsed them.
    void send(std::uint64_t session, const std::vector<std::string>& texts) {
        net::Inbound inbound;
        inbound.session = net::SessionId(session);
        inbound.sender = "gw-01";
        inbound.bytes = 100;
        wire::AlertParser parser;
        for (const std::string& text : texts) {
            net::InboundFrame frame;
            frame.frame = next_frame[session]++;
            auto parsed = parser.parse(text, inbound.arena);
            std::visit([&](auto& content) { frame.content = std::move(content); }, parsed);
            inbound.frames.push_back(std::move(frame));
        }
        intake->add(std::move(inbound));
    }
    std::string alert(std::uint64_t seq, std::uint64_t variant = 0) {
        return make_alert("cam-1", seq, machine.clock().now().wall.ms, 0, variant);
    }
    void run() { intake->run(machine.clock().now(), "note"); }
    void commit() {
        ASSERT_TRUE(machine.commit());
        intake->settled();
    }
    // The frames that went back to a session, as JSON texts.
    std::vector<std::string> replies(std::uint64_t session) {
        std::vector<std::string> out;
        for (net::Outbound& outbound : intake->take_replies()) {
            if (outbound.session.value != session) continue;
            closed = outbound.close;
            released += outbound.released_bytes;
            wire::FrameDecoder decoder;
            decoder.push(as_bytes(outbound.frames));
            while (auto frame = decoder.next()) out.emplace_back(*frame);
        }
        return out;
    }
    void answer(std::uint64_t session, CompareAnswer::Verdict verdict) {
        intake->answer({net::SessionId(session), CompareAnswer{verdict, EntryIndex(0)}},
                       machine.clock().now());
    }

    LogMachine machine;
    ledger::AuditFolder audits;
    std::unique_ptr<Intake> intake;
    std::map<std::uint64_t, std::uint64_t> next_frame;
    bool closed = false;
    std::uint64_t released = 0;
};

TEST_F(IntakeTest, OneAckADeviceAndGroupSpeaksForAllBeforeIt) {
    send(1, {alert(1), alert(2), alert(3)});
    run();
    const auto out = replies(1);
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0], R"({"device_id":"cam-1","epoch":0,"index":2,"seq_no":3,"type":"ack"})");
    EXPECT_EQ(released, 100u);
}

TEST_F(IntakeTest, NumbersLeftOutAreCountedForTheirSender) {
    send(1, {alert(1), alert(2)});
    run();
    EXPECT_TRUE(intake->gaps().empty());
    send(1, {alert(5), alert(6), alert(11)});
    run();
    EXPECT_EQ(intake->gaps(), (std::map<std::string, std::uint64_t>{{"gw-01", 6}}));
}

TEST_F(IntakeTest, WhoAsksIsPromisedEveryAlertAndPaysWithItsBytes) {
    const std::string hello = R"({"devices":[],"protocol":1,"receipts":true,"type":"hello"})";
    send(1, {hello, alert(1), alert(2)});
    send(2, {make_alert("cam-2", 1, machine.clock().now().wall.ms)});
    run();
    ASSERT_EQ(intake->take_questions().size(), 1u);
    intake->answer({net::SessionId(1), WelcomeAnswer{"{}", ""}}, machine.clock().now());
    run();
    EXPECT_EQ(replies(1).size(), 2u) << "an ack and a welcome";
    EXPECT_EQ(released, 0u) << "until the receipts are signed";
    const auto promises = intake->take_promises();
    ASSERT_EQ(promises.size(), 1u) << "session 2 did not ask";
    EXPECT_EQ(promises[0].behind.session, net::SessionId(1));
    EXPECT_EQ(promises[0].behind.released_bytes, 100u);
    ASSERT_EQ(promises[0].all.size(), 2u);
    EXPECT_EQ(promises[0].all[0].receipt.seq_no, SeqNo(1));
    EXPECT_EQ(promises[0].all[1].receipt.index, EntryIndex(2));
    EXPECT_FALSE(promises[0].all[1].is_stored);
    EXPECT_TRUE(intake->take_promises().empty());
}

TEST_F(IntakeTest, ASessionThatIsEndedHearsItsReceiptsFirst) {
    const std::string hello = R"({"devices":[],"protocol":1,"receipts":true,"type":"hello"})";
    send(1, {hello});
    run();
    intake->answer({net::SessionId(1), WelcomeAnswer{"{}", ""}}, machine.clock().now());
    send(1, {alert(1), make_alert("cam-1", 2, 0)});
    run();
    EXPECT_EQ(replies(1).size(), 2u) << "welcome and ack, not yet the reject of the stale one";
    EXPECT_FALSE(closed);
    const auto promises = intake->take_promises();
    ASSERT_EQ(promises.size(), 1u);
    EXPECT_TRUE(promises[0].behind.close);
    EXPECT_NE(promises[0].behind.frames.find("stale"), std::string::npos);
}

TEST_F(IntakeTest, DevicesAndSessionsInTurnGetOneAckEach) {
    const auto of = [&](const std::string& device, std::uint64_t seq) {
        return make_alert(device, seq, machine.clock().now().wall.ms, 0, 0);
    };
    send(1, {of("cam-1", 1), of("cam-2", 1), of("cam-1", 2), of("cam-2", 2)});
    send(2, {of("cam-3", 1)});
    send(1, {of("cam-1", 3)});
    send(2, {of("cam-3", 2)});
    run();
    std::map<std::uint64_t, std::string> acked;
    for (const net::Outbound& outbound : intake->take_replies()) {
        acked[outbound.session.value] = outbound.frames;
    }
    std::string first;
    wire::append_frame(first, wire::format_ack("cam-1", Epoch(0), SeqNo(3), EntryIndex(5)));
    wire::append_frame(first, wire::format_ack("cam-2", Epoch(0), SeqNo(2), EntryIndex(3)));
    std::string second;
    wire::append_frame(second, wire::format_ack("cam-3", Epoch(0), SeqNo(2), EntryIndex(6)));
    EXPECT_EQ(acked, (std::map<std::uint64_t, std::string>{{1, first}, {2, second}}));
    EXPECT_FALSE(intake->has_replies());

    send(1, {of("cam-1", 4)});
    run();
    EXPECT_EQ(replies(1).size(), 1u);
}

// A gateway speaks for thousands of devices; a round brings each of them once.
TEST_F(IntakeTest, ThousandsOfDevicesGetOneAckEachForManyRounds) {
    constexpr std::uint64_t kDevices = 2'000;
    for (std::uint64_t round = 1; round <= 3; ++round) {
        std::vector<std::string> alerts;
        for (std::uint64_t i = 0; i < kDevices; ++i) {
            alerts.push_back(
                make_alert("cam-" + std::to_string(i), round, machine.clock().now().wall.ms, 0, 0));
        }
        send(1, alerts);
    }
    run();
    const auto outbounds = intake->take_replies();
    ASSERT_EQ(outbounds.size(), 1u);
    std::string expected;
    for (std::uint64_t i = 0; i < kDevices; ++i) {
        wire::append_frame(expected, wire::format_ack("cam-" + std::to_string(i), Epoch(0),
                                                      SeqNo(3), EntryIndex(2 * kDevices + i)));
    }
    EXPECT_EQ(outbounds[0].frames, expected);
}

TEST_F(IntakeTest, AResendHoldsItsSessionUntilTheFilesAnswered) {
    send(1, {alert(1)});
    run();
    commit();
    (void)replies(1);
    send(1, {alert(1), alert(2)});
    send(2, {make_alert("cam-2", 1, machine.clock().now().wall.ms)});
    run();
    auto questions = intake->take_questions();
    ASSERT_EQ(questions.size(), 1u);
    EXPECT_TRUE(std::get<CompareQuestion>(questions[0].content).open);
    EXPECT_EQ(machine.sequencer().window().check(machine.sequencer().window().slot("cam-1"),
                                                 Epoch(0), SeqNo(2)),
              ledger::ReplayWindow::Verdict::fresh);
    EXPECT_EQ(replies(2).size(), 1u) << "other sessions go on";
    answer(1, CompareAnswer::Verdict::same);
    run();
    const auto out = replies(1);
    ASSERT_EQ(out.size(), 1u);
    EXPECT_NE(out[0].find("\"seq_no\":2"), std::string::npos);
    EXPECT_EQ(intake->counts().resent, 1u);
    EXPECT_EQ(intake->counts().accepted, 3u);
}

TEST_F(IntakeTest, AnotherAlertUnderAStoredNumberIsEquivocationAndAudited) {
    send(1, {alert(1)});
    run();
    commit();
    (void)replies(1);
    send(1, {alert(1, 9), alert(2)});
    run();
    answer(1, CompareAnswer::Verdict::other);
    run();
    const auto out = replies(1);
    ASSERT_EQ(out.size(), 2u);
    EXPECT_NE(out[0].find("\"code\":\"equivocation\""), std::string::npos);
    EXPECT_NE(out[0].find("\"frame\":1"), std::string::npos);
    EXPECT_NE(out[1].find("\"type\":\"ack\""), std::string::npos);
    EXPECT_FALSE(closed);
    machine.clock().advance_ms(2'000);
    const auto lines = audits.take(machine.clock().now());
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].event, "equivocation");
}

TEST_F(IntakeTest, AnUnseenLowerNumberIsReplay) {
    send(1, {alert(5)});
    run();
    commit();
    (void)replies(1);
    send(1, {alert(3)});
    run();
    answer(1, CompareAnswer::Verdict::absent);
    EXPECT_NE(replies(1).at(0).find("\"code\":\"replay\""), std::string::npos);
}

TEST_F(IntakeTest, AnUnreadableStoreNeitherAcksNorRefusesForEver) {
    send(1, {alert(5)});
    run();
    commit();
    (void)replies(1);
    send(1, {alert(5)});
    run();
    answer(1, CompareAnswer::Verdict::unreadable);
    EXPECT_NE(replies(1).at(0).find("\"code\":\"busy\""), std::string::npos);
    EXPECT_TRUE(closed);
}

TEST_F(IntakeTest, AnUnreadableStoreWelcomesNobody) {
    send(1, {R"({"devices":[],"protocol":1,"receipts":false,"type":"hello"})"});
    run();
    intake->answer({net::SessionId(1), WelcomeAnswer{}}, machine.clock().now());
    const auto told = replies(1);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_NE(told.front().find("\"code\":\"busy\""), std::string::npos);
    EXPECT_TRUE(closed);
}

// Between a seal and the moment its line is synced, a batch is neither open nor in the state; a
// hardware key may take its time over it.
TEST_F(IntakeTest, AResendIsComparedWhileItsBatchIsBeingSealed) {
    send(1, {alert(1)});
    run();
    commit();
    ASSERT_TRUE(machine.sequencer().seal(ledger::SealReason::count, machine.clock().now()));
    send(1, {alert(1)});
    run();
    const auto asked = intake->take_questions();
    ASSERT_EQ(asked.size(), 1u);
    const auto& question = std::get<CompareQuestion>(asked.front().content);
    ASSERT_TRUE(question.open);
    EXPECT_EQ(question.open->index, EntryIndex(0));
}

TEST_F(IntakeTest, ANumberThatIsNotSyncedYetWaitsForItsGroup) {
    send(1, {alert(1)});
    run();
    send(2, {alert(1)});
    run();
    EXPECT_TRUE(intake->take_questions().empty());
    commit();
    run();
    EXPECT_EQ(intake->take_questions().size(), 1u);
}

TEST_F(IntakeTest, ATransientRejectEndsTheSessionAfterAckingWhatCameBefore) {
    const std::string stale = make_alert("cam-1", 2, machine.clock().now().wall.ms - 31'000);
    send(1, {alert(1), stale, alert(3)});
    run();
    const auto out = replies(1);
    ASSERT_EQ(out.size(), 2u);
    EXPECT_NE(out[0].find("\"type\":\"ack\""), std::string::npos);
    EXPECT_NE(out[1].find("\"code\":\"stale\""), std::string::npos);
    EXPECT_TRUE(closed);
    EXPECT_EQ(intake->counts().accepted, 1u);
}

TEST_F(IntakeTest, AClosedGateTurnsAlertsAwayAndStillWelcomes) {
    intake->set_gate(Gate{wire::RejectCode::forked, "a fork"});
    send(1, {alert(1)});
    run();
    EXPECT_NE(replies(1).at(0).find("\"code\":\"forked\""), std::string::npos);
    EXPECT_TRUE(closed);
    EXPECT_TRUE(machine.sequencer().group_empty());
    send(2, {R"({"devices":["cam-1"],"protocol":1,"receipts":false,"type":"hello"})"});
    run();
    ASSERT_EQ(intake->take_questions().size(), 1u);
}

TEST_F(IntakeTest, AWelcomePromisesOnlyDurableNumbers) {
    send(1, {alert(1)});
    run();
    commit();
    send(1, {alert(2)});
    run();
    send(2, {R"({"devices":["cam-1","cam-9"],"protocol":1,"receipts":false,"type":"hello"})"});
    run();
    const auto questions = intake->take_questions();
    ASSERT_EQ(questions.size(), 1u);
    const auto& welcome = std::get<WelcomeQuestion>(questions[0].content).welcome;
    ASSERT_EQ(welcome.durable.size(), 1u);
    EXPECT_EQ(welcome.durable[0].seq_no, SeqNo(1));
    EXPECT_EQ(welcome.entries, 1u);
}

TEST_F(IntakeTest, EveryoneInAnUnwrittenGroupIsToldAndClosed) {
    send(1, {alert(1)});
    run();
    const auto unsent = intake->take_replies();
    send(2, {make_alert("cam-2", 1, machine.clock().now().wall.ms)});
    run();
    const auto out = intake->refuse_unwritten(unsent, {wire::RejectCode::storage_full, "full"},
                                              machine.clock().now());
    ASSERT_EQ(out.size(), 2u);
    for (const net::Outbound& outbound : out) {
        EXPECT_TRUE(outbound.close);
        EXPECT_EQ(outbound.released_bytes, 100u);
        EXPECT_NE(outbound.frames.find("storage_full"), std::string::npos);
    }
}

}  // namespace
}  // namespace anchorlog::app
