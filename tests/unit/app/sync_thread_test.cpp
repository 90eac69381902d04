#include "app/sync_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "support/log_machine.h"

namespace anchorlog::app {
namespace {

using testing::LogMachine;

class SyncThreadTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(machine_.init());
        ASSERT_TRUE(machine_.start());
        WriterNeighbours neighbours;
        neighbours.done = [this](WriteDone done) {
            EXPECT_TRUE(done.at);
            const auto told = told_;
            told->set_value(std::this_thread::get_id());
        };
        neighbours.deliver = [](std::vector<net::Outbound>) {
        };
        neighbours.fatal = [](const Error& error) {
            FAIL() << error.message;
        };
        neighbours.steady_us = [] {
            return std::int64_t{0};
        };
        ledger::Recovered& store = machine_.store();
        sync_.emplace(machine_.clock(),
                      JournalWriter(*store.log, *store.batches, std::move(neighbours)));
        sync_->start();
    }

    // Gives one line of this size, waits until it is synced, and says who did it.
    std::thread::id written_by(WriteJob::Kind kind, std::size_t size) {
        const std::string line = std::string(size - 1, 'x') + "\n";
        told_ = std::make_shared<std::promise<std::thread::id>>();
        auto by = told_->get_future();
        sync_->write({kind, &line, 1, {}, false});
        return by.get();
    }

    bool falls_asleep() {
        constexpr int kTriesMax = 10'000;
        for (int i = 0; i < kTriesMax; ++i) {
            if (written_by(WriteJob::Kind::group, kSmallGroupBytesMax) == me_) return true;
        }
        return false;
    }

    const std::thread::id me_ = std::this_thread::get_id();
    LogMachine machine_;
    std::shared_ptr<std::promise<std::thread::id>> told_;
    std::optional<SyncThread> sync_;
};

TEST_F(SyncThreadTest, ASmallGroupIsWrittenByWhoGivesItWhileTheThreadSleeps) {
    const std::uint64_t before = machine_.store().log->lines();
    ASSERT_TRUE(falls_asleep());
    EXPECT_EQ(written_by(WriteJob::Kind::group, 100), me_);
    EXPECT_GE(machine_.store().log->lines(), before + 2);
}

TEST_F(SyncThreadTest, LargeGroupsAndSealsAreTheThreadsOwn) {
    ASSERT_TRUE(falls_asleep());
    EXPECT_NE(written_by(WriteJob::Kind::group, kSmallGroupBytesMax + 1), me_);
    EXPECT_NE(written_by(WriteJob::Kind::seal, 100), me_);
}

}  // namespace
}  // namespace anchorlog::app
