#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "ingest_fixture.h"

namespace anchorlog::testing {
namespace {

class SessionTest : public IngestTest {
protected:
    [[nodiscard]] static const wire::Refusal* refusal_of(const net::InboundFrame& frame) {
        return std::get_if<wire::Refusal>(&frame.content);
    }
    // Sends `bad` behind one alert and expects it refused, answered and the session closed.
    void expect_border_lost(const std::string& bad, wire::RejectCode code) {
        start();
        const auto client = connect(gw_);
        ASSERT_TRUE(client->send(framed(alert_json("cam-1", 1)) + bad));
        ASSERT_TRUE(
            sink_.wait_for([](const auto& all) { return RecordingSink::count_frames(all) >= 2; }));
        const auto all = sink_.inbounds();
        const auto* refusal = refusal_of(all.back().frames.back());
        ASSERT_NE(refusal, nullptr);
        EXPECT_EQ(refusal->code, code);
        EXPECT_EQ(all.back().frames.back().frame, 1u);
        client->send(framed(alert_json("cam-1", 2)));
        sink_.answer_at_once(*listener_);
        for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(client->read_frame(), "\"ok\"");
        EXPECT_TRUE(client->read_close_notify());
        client->tcp().disconnect();
        EXPECT_TRUE(sink_.wait_for_last(all.back().session));
        EXPECT_EQ(RecordingSink::count_frames(sink_.inbounds()), 2u);
    }
};

TEST_F(SessionTest, FramesMayComeByteByByte) {
    start();
    const auto client = connect(gw_);
    const std::string bytes =
        framed(alert_json("cam-1", 1, "", 100)) + framed(alert_json("cam-1", 2, "", 100));
    for (const char byte : bytes) ASSERT_TRUE(client->send(std::string(1, byte)));
    ASSERT_TRUE(
        sink_.wait_for([](const auto& all) { return RecordingSink::count_frames(all) == 2; }));
    // One chunk or two: that is up to how many bytes a read found.
    std::vector<std::uint64_t> ordinals;
    std::uint64_t weight = 0;
    for (const auto& chunk : sink_.inbounds()) {
        weight += chunk.bytes;
        for (const auto& frame : chunk.frames) ordinals.push_back(frame.frame);
    }
    EXPECT_EQ(ordinals, (std::vector<std::uint64_t>{0, 1}));
    EXPECT_EQ(weight, bytes.size());
}

TEST_F(SessionTest, StopsReadingAtItsLimitAndResumesWhenAnswered) {
    constexpr std::size_t kFrames = 400;
    options_.session_bytes_max = 1u << 17;
    start();
    const auto client = connect(gw_);
    // Far more than the limit and all buffers of the kernel together.
    const std::string frame = framed(alert_json("cam-1", 1, "", 60'000));
    std::atomic<std::size_t> sent{0};
    std::atomic<bool> blocked{false};
    set_timeout(client->tcp().fd(), SO_SNDTIMEO, 100);
    SSL_set_mode(client->connection(), SSL_MODE_ENABLE_PARTIAL_WRITE);
    std::thread writer([&] {
        std::size_t at = 0;
        while (sent < kFrames) {
            const int size = static_cast<int>(frame.size() - at);
            const int put = SSL_write(client->connection(), frame.data() + at, size);
            if (put > 0) at += static_cast<std::size_t>(put);
            if (put <= 0 && SSL_get_error(client->connection(), put) != SSL_ERROR_WANT_WRITE) {
                return;
            }
            if (put <= 0) blocked = true;
            if (at == frame.size()) {
                at = 0;
                ++sent;
            }
        }
    });
    EXPECT_TRUE(eventually([&] { return blocked.load(); }));
    EXPECT_TRUE(
        eventually([&] { return listener_->stats().queue_bytes >= options_.session_bytes_max; }));
    EXPECT_LT(listener_->stats().queue_bytes, options_.session_bytes_max + 2 * frame.size());
    EXPECT_LT(sent.load(), kFrames);
    sink_.answer_at_once(*listener_);
    EXPECT_TRUE(sink_.wait_for(
        [&](const auto& all) { return RecordingSink::count_frames(all) == kFrames; }));
    writer.join();
    EXPECT_EQ(sent.load(), kFrames);
    EXPECT_TRUE(eventually([&] { return listener_->stats().queue_bytes == 0; }));
}

TEST_F(SessionTest, AnAnswerToOneSessionWakesTheOthersOfAFullQueue) {
    options_.queue_bytes_max = 2'000;
    options_.io_threads = 2;
    start();
    const auto first = connect(gw_);
    ASSERT_TRUE(first->send(framed(alert_json("cam-1", 1, "", 4'000))));
    ASSERT_TRUE(sink_.wait_for_chunks(1));
    const auto chunk = sink_.inbounds().front();
    const auto second = connect(gw_);
    ASSERT_TRUE(second->send(framed(alert_json("cam-1", 2))));
    ASSERT_TRUE(eventually([&] { return listener_->stats().sessions == 2; }));
    deliver(chunk.session, "", chunk.bytes);
    ASSERT_TRUE(sink_.wait_for_chunks(2));
    EXPECT_NE(sink_.inbounds().back().session, chunk.session);
}

TEST_F(SessionTest, DeliversInOrderAndCloses) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    for (int i = 0; i < 50; ++i) deliver(id, framed(std::to_string(i)), 0);
    deliver(id, framed("\"last\""), 0, true);
    deliver(id, framed("\"never\""), 0);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(client->read_frame(), std::to_string(i));
    EXPECT_EQ(client->read_frame(), "\"last\"");
    EXPECT_TRUE(client->read_close_notify());
    client->tcp().disconnect();
    EXPECT_TRUE(sink_.wait_for_last(id));
}

TEST_F(SessionTest, ClosingWaitsForAPeerThatStillSends) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    // Unread by the server when it closes: must not reset the connection under our reject.
    ASSERT_TRUE(client->send(framed(alert_json("cam-1", 2, "", 50'000))));
    deliver(id, framed("\"reject\""), 0, true);
    client->send(framed(alert_json("cam-1", 3, "", 50'000)));
    client->send(framed(alert_json("cam-1", 4, "", 50'000)));
    EXPECT_EQ(client->read_frame(), "\"reject\"");
    EXPECT_TRUE(client->read_close_notify());
}

TEST_F(SessionTest, APeerThatDoesNotCloseIsClosed) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    deliver(id, "", 0, true);
    EXPECT_TRUE(sink_.wait_for_last(id));
    EXPECT_TRUE(client->read_close_notify());
}

TEST_F(SessionTest, LengthZeroIsRefusedAndCloses) {
    expect_border_lost(std::string(4, '\0'), wire::RejectCode::malformed);
}

TEST_F(SessionTest, OversizeIsRefusedAndCloses) {
    expect_border_lost(std::string("\x00\x01\x00\x01{", 5), wire::RejectCode::too_large);
}

TEST_F(SessionTest, BadContentIsRefusedAndTheSessionLivesOn) {
    start();
    const auto client = connect(gw_);
    ASSERT_TRUE(client->send(framed("\xff") + framed(alert_json("cam-2", 1)) +
                             framed(alert_json("cam-1", 1))));
    ASSERT_TRUE(
        sink_.wait_for([](const auto& all) { return RecordingSink::count_frames(all) == 3; }));
    const auto frames = sink_.inbounds().front().frames;
    ASSERT_EQ(frames.size(), 3u);
    ASSERT_NE(refusal_of(frames[0]), nullptr);
    EXPECT_EQ(refusal_of(frames[0])->code, wire::RejectCode::malformed);
    ASSERT_NE(refusal_of(frames[1]), nullptr);
    EXPECT_EQ(refusal_of(frames[1])->code, wire::RejectCode::identity);
    EXPECT_EQ(refusal_of(frames[2]), nullptr);
    EXPECT_EQ(listener_->stats().sessions, 1u);
}

TEST_F(SessionTest, APeerThatEndsItsSideStillGetsItsAnswers) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    client->end_sending();
    deliver(id, framed("\"ack\""), sink_.inbounds().front().bytes);
    EXPECT_EQ(client->read_frame(), "\"ack\"");
    EXPECT_TRUE(client->read_close_notify());
    EXPECT_TRUE(sink_.wait_for_last(id));
    EXPECT_EQ(RecordingSink::count_last(sink_.inbounds(), id), 1u);
}

TEST_F(SessionTest, TheEndInsideAFrameIsJustTheEnd) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    sink_.answer_at_once(*listener_);
    ASSERT_TRUE(client->send(framed(alert_json("cam-1", 2)).substr(0, 20)));
    client->tcp().disconnect();
    EXPECT_TRUE(sink_.wait_for_last(id));
    EXPECT_EQ(sink_.inbounds().size(), 2u);
    EXPECT_TRUE(eventually([&] { return listener_->stats().sessions == 0; }));
}

TEST_F(SessionTest, BytesOfASessionThatIsGoneAreReleasedToo) {
    start();
    net::SessionId id;
    auto client = open_session(id);
    client->tcp().disconnect();
    EXPECT_GT(listener_->stats().queue_bytes, 0u);
    deliver(id, framed("1"), sink_.inbounds().front().bytes);
    EXPECT_TRUE(sink_.wait_for_last(id));
    EXPECT_EQ(listener_->stats().queue_bytes, 0u);
}

TEST_F(SessionTest, AnIdleSessionIsClosedUnlessAnAnswerIsDue) {
    options_.idle_timeout_ms = 100;
    start();
    net::SessionId waiting_id;
    const auto waiting = open_session(waiting_id);
    net::SessionId idle_id;
    const auto idle = open_session(idle_id);
    deliver(idle_id, "", sink_.inbounds().back().bytes);
    EXPECT_TRUE(idle->read_close_notify());
    EXPECT_EQ(RecordingSink::count_last(sink_.inbounds(), waiting_id), 0u);
    deliver(waiting_id, framed("1"), sink_.inbounds().front().bytes);
    EXPECT_EQ(waiting->read_frame(), "1");
    EXPECT_TRUE(waiting->read_close_notify());
}

TEST_F(SessionTest, APeerThatNeverReadsItsAnswersIsClosed) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    const std::string frames = framed("\"" + std::string(60'000, 'x') + "\"");
    for (int i = 0; i < 400; ++i) deliver(id, frames, 0);
    EXPECT_TRUE(sink_.wait_for_last(id));
    EXPECT_EQ(RecordingSink::count_last(sink_.inbounds(), id), 1u);
}

TEST_F(SessionTest, APeerThatDoesNotTakeItsAnswersInTimeIsClosed) {
    options_.write_timeout_ms = 100;
    options_.session_output_bytes_max = 64u << 20;
    options_.output_bytes_max = 64u << 20;
    start();
    net::SessionId id;
    const auto client = open_session(id);
    const std::string frames = framed("\"" + std::string(60'000, 'x') + "\"");
    for (int i = 0; i < 400; ++i) deliver(id, frames, 0);
    EXPECT_TRUE(sink_.wait_for_last(id));
    EXPECT_EQ(listener_->stats().output_bytes, 0u);
}

TEST_F(SessionTest, WhenAllLeaveTooMuchUntakenTheGreediestIsClosed) {
    options_.output_bytes_max = 1u << 20;
    start();
    net::SessionId greedy_id;
    net::SessionId modest_id;
    const auto greedy = open_session(greedy_id);
    const auto modest = open_session(modest_id);
    const std::string frames = framed("\"" + std::string(60'000, 'x') + "\"");
    for (int i = 0; i < 400; ++i) deliver(greedy_id, frames, 0);
    deliver(modest_id, framed("\"ok\""), 0);
    EXPECT_TRUE(sink_.wait_for_last(greedy_id));
    EXPECT_EQ(modest->read_frame(), "\"ok\"");
    EXPECT_EQ(RecordingSink::count_last(sink_.inbounds(), modest_id), 0u);
}

TEST_F(SessionTest, IsNotReadOnWhileItsAnswersAreNotTaken) {
    constexpr int kAnswers = 400;
    options_.session_output_bytes_max = 64u << 20;
    options_.output_bytes_max = 64u << 20;
    start();
    net::SessionId id;
    net::SessionId other_id;
    const auto client = open_session(id);
    const std::string answer = "\"" + std::string(60'000, 'x') + "\"";
    for (int i = 0; i < kAnswers; ++i) deliver(id, framed(answer), 0);
    // Makes the listener look at the session again; only then is it held back.
    ASSERT_TRUE(client->send(framed(alert_json("cam-1", 2))));
    ASSERT_TRUE(sink_.wait_for_chunks(2));
    ASSERT_TRUE(client->send(framed(alert_json("cam-1", 3))));
    const auto other = open_session(other_id);
    EXPECT_EQ(other_id, sink_.inbounds().back().session);
    EXPECT_EQ(sink_.inbounds().size(), 3u);
    for (int i = 0; i < kAnswers; ++i) ASSERT_EQ(client->read_frame(), answer);
    EXPECT_TRUE(sink_.wait_for_chunks(4));
}

TEST_F(SessionTest, ASessionWithoutAFirstFrameIsClosed) {
    options_.first_frame_timeout_ms = 100;
    start();
    const auto silent = connect(gw_);
    EXPECT_TRUE(silent->read_close_notify());
    const auto slow = connect(gw_);
    slow->send(framed(alert_json("cam-1", 1)).substr(0, 10));
    EXPECT_TRUE(slow->read_close_notify());
    EXPECT_EQ(RecordingSink::count_frames(sink_.inbounds()), 0u);
}

TEST_F(SessionTest, AFrameThatIsNotFinishedInTimeEndsTheSession) {
    options_.frame_timeout_ms = 100;
    start();
    sink_.answer_at_once(*listener_);
    net::SessionId id;
    const auto client = open_session(id);
    EXPECT_EQ(client->read_frame(), "\"ok\"");
    // Each byte in a record of its own, which takes far longer than the frame may.
    const std::string frame = framed(alert_json("cam-1", 2, "", 60'000));
    for (const char byte : frame) {
        if (!client->send(std::string(1, byte))) break;
    }
    client->tcp().disconnect();
    EXPECT_TRUE(sink_.wait_for_last(id));
    EXPECT_EQ(RecordingSink::count_frames(sink_.inbounds()), 1u);
}

TEST_F(SessionTest, ARecordThatIsNotFinishedInTimeEndsTheSession) {
    options_.frame_timeout_ms = 100;
    start();
    sink_.answer_at_once(*listener_);
    for (const std::string& begun :
         {std::string("\x17\x03\x03", 3), std::string("\x17\x03\x03\x01\x00", 5),
          std::string("\x17\x03\x03\x01\x00 body", 10)}) {
        net::SessionId id;
        const auto client = open_session(id);
        EXPECT_EQ(client->read_frame(), "\"ok\"");
        ASSERT_TRUE(client->tcp().send(begun));
        EXPECT_TRUE(client->read_close_notify());
        client->tcp().disconnect();
        EXPECT_TRUE(sink_.wait_for_last(id));
    }
}

TEST_F(SessionTest, ASenderOverItsRateIsReadMoreSlowlyAndLosesNothing) {
    options_.rates = {.sender_per_s = 100, .sender_burst = 10};
    options_.frame_timeout_ms = 100;  // less than the pauses: those are not the peer's doing
    start();
    const auto client = connect(gw_);
    const auto begin = std::chrono::steady_clock::now();
    std::string wave;
    for (unsigned n = 1; n <= 40; ++n) wave += framed(alert_json("cam-1", n));
    const std::string last = framed(alert_json("cam-1", 41));
    ASSERT_TRUE(client->send(wave + last.substr(0, 20)));
    ASSERT_TRUE(
        sink_.wait_for([](const auto& all) { return RecordingSink::count_frames(all) >= 40; }));
    ASSERT_TRUE(client->send(last.substr(20)));
    EXPECT_TRUE(
        sink_.wait_for([](const auto& all) { return RecordingSink::count_frames(all) == 41; }));
    // 40 alerts were 30 more than the burst.
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(300));
    EXPECT_GE(listener_->stats().rate_pauses, 1u);
    const auto told = sink_.rate_limited();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told.front(), (std::pair<std::string, std::uint32_t>("gw", 100)));
}

TEST_F(SessionTest, ALoudSenderHoldsLittleWhileAnotherIsActive) {
    options_.shared_bytes_max = 1u << 17;
    start();
    const auto other_key = pki_.sender("other");
    const auto quiet = connect(other_key);
    const auto loud = connect(gw_);
    ASSERT_TRUE(quiet->send(framed(alert_json("cam-9", 1))));
    ASSERT_TRUE(sink_.wait_for_chunks(1));
    std::thread writer([&] {
        const std::string frame = framed(alert_json("cam-1", 1, "", 60'000));
        for (int i = 0; i < 40; ++i) EXPECT_TRUE(loud->send(frame));
    });
    EXPECT_TRUE(eventually([&] { return listener_->stats().queue_bytes >= 65'536; }));
    // Time enough to read all that the loud one sends, if it were read.
    for (unsigned n = 2; n <= 50; ++n) {
        EXPECT_TRUE(quiet->send(framed(alert_json("cam-9", n))));
        EXPECT_TRUE(sink_.wait_for([&](const auto& all) {
            std::size_t quiet_frames = 0;
            for (const auto& one : all) {
                if (one.sender == "other") quiet_frames += one.frames.size();
            }
            return quiet_frames == n;
        }));
    }
    // Its half, what one read brings beyond, and the quiet one's.
    EXPECT_LT(listener_->stats().queue_bytes, 2 * 65'536u + 61'000u + 50 * 512u);
    sink_.answer_at_once(*listener_);
    writer.join();
    EXPECT_TRUE(
        sink_.wait_for([](const auto& all) { return RecordingSink::count_frames(all) == 90; }));
}

TEST_F(SessionTest, ManySessionsOverSeveralThreads) {
    constexpr int kClients = 8;
    constexpr int kAlerts = 50;
    options_.io_threads = 3;
    start();
    sink_.answer_at_once(*listener_);
    std::vector<std::thread> threads;
    std::atomic<int> answered{0};
    for (int i = 0; i < kClients; ++i) {
        threads.emplace_back([&] {
            const auto client = connect(gw_);
            for (unsigned n = 1; n <= kAlerts; ++n) {
                if (!client->send(framed(alert_json("cam-1", n)))) return;
                if (client->read_frame() != "\"ok\"") return;
            }
            ++answered;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(answered.load(), kClients);
    EXPECT_TRUE(eventually([&] { return listener_->stats().sessions == 0; }));
    const auto all = sink_.inbounds();
    EXPECT_EQ(RecordingSink::count_frames(all), std::size_t{kClients} * kAlerts);
}

}  // namespace
}  // namespace anchorlog::testing
