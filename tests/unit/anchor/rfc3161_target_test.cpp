#include "anchor/rfc3161_target.h"

#include <functional>

#include "support/sim_tsa.h"
#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

// A connection whose answers the test writes.
class SimHttp final : public anchor::HttpPost {
public:
    using Answer = std::function<Result<anchor::HttpAnswer>(ByteView query)>;
    SimHttp(const Answer& answer, int& asked) : answer_(answer), asked_(asked) {}

    Result<anchor::HttpAnswer> post(const std::string& body) override {
        ++asked_;
        return answer_(as_bytes(body));
    }
    void abort() override {}
    const std::string& endpoint() const override { return endpoint_; }

private:
    const Answer& answer_;
    int& asked_;
    const std::string endpoint_ = "http://tsa.example";
};

class Rfc3161 : public ::testing::Test {
protected:
    Rfc3161() {
        batches.seal_to(0);
        auto opened =
            store::Journal::open(fs, "anchors", {64u << 10, 16u << 10, 64u << 10, 64u << 10},
                                 [](std::uint64_t, std::string_view) { return Result<void>(); });
        journal = std::move(*opened);
        EXPECT_TRUE(journal->settle().has_value());
        anchors = std::make_unique<anchor::AnchorJournal>(*journal);
        answer = honest();
        const anchor::TimestampTarget target{"clock", "http://tsa.example", {tsa.ca()}, 0};
        made = std::move(
            *anchor::make_timestamp_target(target, std::make_unique<SimHttp>(answer, asked),
                                           anchor::TargetBase{*anchors, batches, clock}, 7));
    }

    [[nodiscard]] SimHttp::Answer honest() {
        return [this](ByteView query) {
            return reply(tsa.reply(query, clock.now().wall));
        };
    }
    static Result<anchor::HttpAnswer> reply(const Bytes& body, long status = 200) {
        anchor::HttpAnswer out;
        out.status = status;
        out.body = std::string(as_text(body));
        return out;
    }
    void run_for(std::int64_t ms) {
        const std::int64_t end = clock.now().steady.ms + ms;
        while (true) {
            const std::int64_t until = made->run_one().ms;
            if (until >= end) break;
            clock.advance_ms(std::max<std::int64_t>(0, until - clock.now().steady.ms));
        }
        clock.advance_ms(std::max<std::int64_t>(0, end - clock.now().steady.ms));
    }
    // Nothing of such an answer is taken, it is asked again with back-off, and then goes on.
    void expect_never(const SimHttp::Answer& bad, const std::string& why) {
        batches.seal_to(++newest_);
        const std::uint64_t lines = journal->lines();
        const int before = asked;
        answer = bad;
        run_for(30'000);
        EXPECT_EQ(made->status().state, "stalled") << why;
        EXPECT_NE(made->status().reason.find(why), std::string::npos) << made->status().reason;
        EXPECT_EQ(made->status().reason.find("secret"), std::string::npos);
        EXPECT_EQ(journal->lines(), lines) << why;
        EXPECT_GE(asked - before, 4) << why;
        EXPECT_LE(asked - before, 8) << why;
        answer = honest();
        run_for(70'000);
        EXPECT_EQ(made->status().covered_to, BatchId(newest_)) << why;
        EXPECT_EQ(journal->lines(), lines + 1) << why;
    }

    SimClock clock;
    SimFileSystem fs;
    RigBatches batches;
    SimTsa tsa{"Clock House"};
    SimHttp::Answer answer;
    int asked = 0;
    std::unique_ptr<store::Journal> journal;
    std::unique_ptr<anchor::AnchorJournal> anchors;
    std::unique_ptr<anchor::AnchorTarget> made;

private:
    std::uint64_t newest_ = 0;
};

TEST_F(Rfc3161, KeepsATokenThatVerifiesFromTheRecordAlone) {
    run_for(1'000);
    ASSERT_EQ(made->status().covered_to, BatchId(0));
    EXPECT_EQ(made->status().type, "rfc3161");
    EXPECT_EQ(asked, 1);
    std::vector<wire::AnchorStep> lines;
    ASSERT_TRUE(journal
                    ->for_each(0,
                               [&](std::uint64_t, std::string_view text, store::LinePosition) {
                                   lines.push_back(*wire::parse_anchor_step(text));
                                   return Result<void>();
                               })
                    .has_value());
    const auto& line = std::get<wire::AnchorToken>(lines.at(0));
    const Hash hash = crypto::sha256(as_bytes(*batches.checkpoint(BatchId(0))));
    EXPECT_EQ(line.hash, hash);
    EXPECT_TRUE(crypto::verify_timestamp(line.token, hash, {tsa.ca()}).has_value());
}

TEST_F(Rfc3161, NothingElseIsEverTaken) {
    const WallTime now = clock.now().wall;
    constexpr std::int64_t kDayMs = 86'400'000;
    const SimTsa foreign("Clock House");
    const SimTsa expired("Clock House", {{now.ms - 9 * kDayMs}, {now.ms - kDayMs}, ""});
    run_for(1'000);
    expect_never(
        [&](ByteView) -> Result<anchor::HttpAnswer> {
            return Error{Errc::unavailable, "http://tsa.example: timed out"};
        },
        "timed out");
    expect_never([&](ByteView) { return reply(Bytes{'<', 'h', '>'}, 502); }, "HTTP status 502");
    expect_never([&](ByteView query) { return reply(tsa.reply(query, now), 500); },
                 "HTTP status 500");
    expect_never([&](ByteView) { return reply(Bytes{'<', 'h', '>'}); }, "no TimeStampResp");
    expect_never([&](ByteView) { return reply({}); }, "size");
    expect_never([&](ByteView query) { return reply(foreign.reply(query, clock.now().wall)); },
                 "not signed by a trusted authority");
    expect_never([&](ByteView query) { return reply(expired.reply(query, clock.now().wall)); },
                 "not signed by a trusted authority");
    const Bytes earlier =
        tsa.reply(crypto::make_timestamp_request(crypto::sha256(as_bytes("x"))).der, now);
    expect_never([&](ByteView) { return reply(earlier); }, "over another imprint");
    const Bytes rejected{0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02};
    expect_never([&](ByteView) { return reply(rejected); }, "status 2");
    EXPECT_GT(made->status().errors, 30u);
}

TEST_F(Rfc3161, AClockThatIsADayOffTakesTokensAllTheSame) {
    const auto honest_time = clock.now().wall;
    answer = [&](ByteView query) {
        return reply(tsa.reply(query, honest_time));
    };
    for (const std::int64_t off : {-86'400'000, 86'400'000}) {
        clock.set_wall({honest_time.ms + off});
        batches.seal_to(off < 0 ? 1 : 2);
        run_for(1'000);
    }
    EXPECT_EQ(made->status().covered_to, BatchId(2));
    EXPECT_EQ(made->status().errors, 0u);
}

}  // namespace
}  // namespace anchorlog::testing
