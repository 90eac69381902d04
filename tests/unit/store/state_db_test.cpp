#include "anchorlog/store/state_db.h"

#include <gtest/gtest.h>

#include "support/fake_state_db.h"
#include "support/temp_dir.h"

namespace anchorlog::store {
namespace {

using Pair = std::pair<std::string, std::string>;

// RocksDB and the fake that stands for it in simulations behave alike.
class StateDbTest : public ::testing::TestWithParam<bool> {
protected:
    StateDbTest() { reopen(); }

    void reopen() {
        db_.reset();
        if (!GetParam()) {
            db_ = std::make_unique<testing::FakeStateDb>(disk_);
            return;
        }
        auto opened = open_rocks_state(temp_.file("state"));
        ASSERT_TRUE(opened) << opened.error().message;
        db_ = std::move(*opened);
    }

    void ingest(const testing::ListedRun& run, Through through) {
        const auto done = db_->ingest(run, through);
        ASSERT_TRUE(done) << done.error().message;
    }

    std::string get(std::string_view key) {
        const auto value = db_->get(key);
        EXPECT_TRUE(value);
        return value ? value->value_or("-") : "error";
    }

    std::vector<Pair> all(std::string_view prefix, std::size_t count_max = 1000) {
        std::vector<Pair> pairs;
        EXPECT_TRUE(db_->scan(prefix, [&](std::string_view key, std::string_view value) {
            pairs.emplace_back(key, value);
            return pairs.size() < count_max;
        }));
        return pairs;
    }

    std::string last_key(std::string_view from, std::string_view to) {
        const auto last = db_->last_in(from, to);
        EXPECT_TRUE(last);
        return last && *last ? (*last)->first : "-";
    }

    testing::TempDir temp_;
    std::shared_ptr<testing::FakeStateDisk> disk_ = std::make_shared<testing::FakeStateDisk>();
    std::unique_ptr<StateDb> db_;
};

INSTANTIATE_TEST_SUITE_P(Databases, StateDbTest, ::testing::Bool(), [](const auto& tested) {
    return tested.param ? std::string("rocks") : std::string("fake");
});

TEST_P(StateDbTest, an_empty_database_has_nothing) {
    EXPECT_EQ(db_->through()->batches, 0u);
    EXPECT_EQ(db_->through()->entries, 0u);
    EXPECT_EQ(get("a"), "-");
    EXPECT_EQ(last_key("", "z"), "-");
    EXPECT_TRUE(all("").empty());
}

TEST_P(StateDbTest, a_run_and_its_through_are_there_together_and_survive_reopening) {
    ingest({{"a", "1"}, {"b", ""}, {std::string("c\0\xff", 3), "3"}}, {2, 77});
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(db_->through()->batches, 2u);
        EXPECT_EQ(db_->through()->entries, 77u);
        EXPECT_EQ(get("a"), "1");
        EXPECT_EQ(get("b"), "");
        EXPECT_EQ(get(std::string("c\0\xff", 3)), "3");
        EXPECT_EQ(get("c"), "-");
        reopen();
    }
}

TEST_P(StateDbTest, a_run_without_pairs_moves_through) {
    ingest({}, {1, 0});
    reopen();
    EXPECT_EQ(db_->through()->batches, 1u);
    EXPECT_TRUE(all("").empty());
    EXPECT_EQ(last_key("", "z"), "-");
}

TEST_P(StateDbTest, the_later_of_overlapping_runs_wins) {
    for (std::uint64_t round = 0; round < 12; ++round) {
        const std::string value = std::to_string(round);
        ingest({{"a", value},
                {"k" + std::string(1, static_cast<char>('a' + round)), value},
                {"z", value}},
               {round + 1, round * 10});
    }
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(get("a"), "11");
        EXPECT_EQ(get("z"), "11");
        EXPECT_EQ(get("kc"), "2");
        EXPECT_EQ(db_->through()->batches, 12u);
        EXPECT_EQ(all("").size(), 14u);
        reopen();
    }
}

TEST_P(StateDbTest, last_in_finds_the_greatest_key_of_the_closed_range) {
    ingest({{"b1", ""}, {"b3", ""}, {"b5", ""}}, {1, 1});
    ingest({{"b4", ""}, {"c", ""}}, {2, 2});
    EXPECT_EQ(last_key("b1", "b5"), "b5");
    EXPECT_EQ(last_key("b1", "b4\xff"), "b4");
    EXPECT_EQ(last_key("b1", "b3"), "b3");
    EXPECT_EQ(last_key("b2", "b2"), "-");
    EXPECT_EQ(last_key("b2", "b2\xff"), "-");
    EXPECT_EQ(last_key("", "a"), "-");
    EXPECT_EQ(last_key("", "z"), "c");
}

TEST_P(StateDbTest, scan_visits_the_prefix_in_order_until_told_to_stop) {
    ingest({{"a", "0"}, {"b", "1"}, {"b1", "2"}, {"b\xff", "3"}, {"c", "4"}}, {1, 1});
    EXPECT_EQ(all("b"), (std::vector<Pair>{{"b", "1"}, {"b1", "2"}, {"b\xff", "3"}}));
    EXPECT_EQ(all("b", 2).size(), 2u);
    EXPECT_EQ(all("").size(), 5u);
    EXPECT_TRUE(all("d").empty());
}

TEST_P(StateDbTest, a_run_out_of_order_is_refused_and_changes_nothing) {
    ingest({{"a", "1"}}, {1, 1});
    const std::vector<testing::ListedRun> bad{
        {{"b", ""}, {"a", ""}}, {{"b", ""}, {"b", ""}}, {{"", ""}}, {{std::string("\0x", 2), ""}}};
    for (const testing::ListedRun& run : bad) {
        const auto done = db_->ingest(run, {2, 2});
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, Errc::internal);
    }
    EXPECT_EQ(db_->through()->batches, 1u);
    EXPECT_EQ(get("b"), "-");
}

TEST(FakeStateDbTest, a_crash_keeps_a_prefix_of_the_runs) {
    std::vector<bool> seen(4, false);
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        auto disk = std::make_shared<testing::FakeStateDisk>();
        for (std::uint64_t run = 1; run <= 3; ++run) {
            testing::FakeStateDb db(disk);
            ASSERT_TRUE(db.ingest(testing::ListedRun{{"k" + std::to_string(run), ""}}, {run, run}));
        }
        disk->crash(seed);
        const testing::FakeStateDb db(disk);
        const std::uint64_t kept = db.through()->batches;
        seen[kept] = true;
        for (std::uint64_t run = 1; run <= 3; ++run) {
            EXPECT_EQ(db.get("k" + std::to_string(run))->has_value(), run <= kept);
        }
    }
    EXPECT_EQ(seen, std::vector<bool>(4, true));
}

TEST(FakeStateDbTest, a_failing_ingest_changes_nothing) {
    auto disk = std::make_shared<testing::FakeStateDisk>();
    testing::FakeStateDb db(disk);
    disk->fail_after(1);
    EXPECT_TRUE(db.ingest(testing::ListedRun{{"a", ""}}, {1, 1}));
    EXPECT_EQ(db.ingest(testing::ListedRun{{"b", ""}}, {2, 2}).error().code, Errc::io);
    EXPECT_EQ(db.through()->batches, 1u);
    EXPECT_EQ(disk->runs(), 1u);
}

}  // namespace
}  // namespace anchorlog::store
