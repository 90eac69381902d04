#include <gtest/gtest.h>

#include "anchorlog/store/journal.h"
#include "support/sim_file_system.h"
#include "unit/store/journal_fixture.h"

namespace anchorlog::store {
namespace {

using testing::SimCall;
using testing::SimFileSystem;

constexpr std::uint64_t kGroups = 24;
constexpr std::uint64_t kSeeds = 24;

// How far a run came before the machine stopped.
struct Progress {
    std::uint64_t attempted = 0;  // lines handed to append
    std::uint64_t synced = 0;     // lines a returned sync covers
};

// Groups of one to four lines over several segments, one sync each.
void run_groups(Journal& journal, std::uint64_t groups, Progress& progress) {
    for (std::uint64_t group = 0; group < groups; ++group) {
        const std::uint64_t count = 1 + group % 4;
        progress.attempted = journal.lines() + count;
        if (!journal.append(test_lines(journal.lines(), count), count)) return;
        if (!journal.sync()) return;
        progress.synced = journal.lines();
    }
}

Progress run_from_nothing(SimFileSystem& fs) {
    Progress progress;
    auto journal = Journal::open(fs, "/log", small_options(), check_test_line);
    if (journal) run_groups(**journal, kGroups, progress);
    return progress;
}

// What the daemon does before it acknowledges anything.
Result<void> recover(Journal& journal) {
    if (auto cut = journal.cut_to(journal.lines()); !cut) return cut;
    return journal.settle();
}

void expect_recovered(SimFileSystem& fs, Progress progress) {
    auto journal = open_journal(fs, "/log");
    ASSERT_NE(journal, nullptr);
    EXPECT_GE(journal->lines(), progress.synced);
    EXPECT_LE(journal->lines(), progress.attempted);
    const auto tail = journal->read_tail();
    ASSERT_TRUE(tail) << tail.error().message;
    EXPECT_EQ(tail->size(), journal->tail().bytes);
    const auto recovered = recover(*journal);
    ASSERT_TRUE(recovered) << recovered.error().message;
    const std::uint64_t lines = journal->lines();
    expect_lines(*journal, lines);
    append_synced(*journal, 3);
    expect_lines(*journal, lines + 3);
    expect_lines(*open_journal(fs, "/log"), lines + 3);
}

std::uint64_t changes_of_a_run() {
    SimFileSystem fs;
    run_from_nothing(fs);
    return fs.changes();
}

TEST(JournalCrashTest, every_synced_line_survives_a_crash_at_any_call) {
    const std::uint64_t changes = changes_of_a_run();
    ASSERT_GT(changes, kGroups * 2);
    for (std::uint64_t call = 1; call <= changes; ++call) {
        for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
            SCOPED_TRACE("call " + std::to_string(call) + ", seed " + std::to_string(seed));
            SimFileSystem fs;
            fs.die_at(call);
            const Progress progress = run_from_nothing(fs);
            ASSERT_TRUE(fs.dead());
            fs.crash(seed);
            expect_recovered(fs, progress);
            if (HasFailure()) return;
        }
    }
}

TEST(JournalCrashTest, a_crash_in_recovery_loses_nothing_either) {
    const std::uint64_t changes = changes_of_a_run();
    for (std::uint64_t call = 1; call <= changes; call += 5) {
        for (std::uint64_t in_recovery = 1; in_recovery <= 8; ++in_recovery) {
            SCOPED_TRACE("call " + std::to_string(call) + ", then " + std::to_string(in_recovery));
            SimFileSystem fs;
            fs.die_at(call);
            const Progress progress = run_from_nothing(fs);
            fs.crash(call);
            fs.die_at(in_recovery);
            auto journal = open_journal(fs, "/log");
            ASSERT_NE(journal, nullptr);
            static_cast<void>(recover(*journal));
            fs.crash(call + in_recovery);
            expect_recovered(fs, progress);
            if (HasFailure()) return;
        }
    }
}

TEST(JournalCrashTest, a_crash_while_cutting_across_segments_leaves_a_log_without_gap) {
    for (std::uint64_t call = 1; call <= 12; ++call) {
        for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
            SCOPED_TRACE("call " + std::to_string(call) + ", seed " + std::to_string(seed));
            SimFileSystem fs;
            const Progress progress = run_from_nothing(fs);
            auto journal = open_journal(fs, "/log");
            fs.die_at(call);
            const bool cut = journal->cut_to(5).has_value();
            fs.crash(seed);
            journal = open_journal(fs, "/log");
            ASSERT_NE(journal, nullptr);
            if (cut) {
                EXPECT_EQ(journal->lines(), 5u);
            }
            EXPECT_GE(journal->lines(), 5u);
            EXPECT_LE(journal->lines(), progress.synced);
            ASSERT_TRUE(recover(*journal));
            expect_lines(*journal, journal->lines());
        }
    }
}

TEST(JournalCrashTest, a_killed_process_loses_nothing_that_was_written) {
    SimFileSystem fs;
    auto journal = open_journal(fs, "/log");
    append_synced(*journal, 3);
    ASSERT_TRUE(journal->append(test_lines(3, 2), 2));
    fs.kill();
    EXPECT_FALSE(journal->sync());
    expect_lines(*open_journal(fs, "/log"), 5);
}

// The pages of a failed sync read back clean after the process is restarted, and another sync
// does not write them: only rewriting them before acknowledging anything makes them durable.
TEST(JournalCrashTest, settle_makes_durable_what_a_failed_sync_left_in_memory_only) {
    for (const bool settled : {false, true}) {
        SimFileSystem fs;
        auto journal = open_journal(fs, "/log");
        append_synced(*journal, 3);
        fs.fail(SimCall::sync_data, 1, Errc::io);
        ASSERT_TRUE(journal->append(test_lines(3, 2), 2));
        ASSERT_FALSE(journal->sync());
        fs.kill();

        journal = open_journal(fs, "/log");
        ASSERT_EQ(journal->lines(), 5u);
        if (settled) {
            ASSERT_TRUE(journal->settle());
        } else {
            ASSERT_TRUE(journal->sync());
        }
        fs.crash(1);
        expect_lines(*open_journal(fs, "/log"), settled ? 5 : 3);
    }
}

TEST(JournalCrashTest, settle_reaches_into_the_segment_before) {
    SimFileSystem fs;
    auto journal = open_journal(fs, "/log");
    while (journal->next_position()->segment_first_line == 0) append_synced(*journal, 1);
    append_synced(*journal, 1);
    fs.kill();
    journal = open_journal(fs, "/log");
    const std::uint64_t writes = fs.calls(SimCall::write);
    const std::uint64_t syncs = fs.calls(SimCall::sync_all);
    const std::uint64_t dir_syncs = fs.calls(SimCall::sync_dir);
    ASSERT_TRUE(journal->settle());
    EXPECT_EQ(fs.calls(SimCall::write) - writes, 2u);
    EXPECT_EQ(fs.calls(SimCall::sync_all) - syncs, 2u);
    EXPECT_EQ(fs.calls(SimCall::sync_dir) - dir_syncs, 1u);
}

// Each call of a run fails once with an I/O error: whatever comes of it, no line that was
// synced is lost after a restart and a crash.
TEST(JournalCrashTest, one_failing_call_of_any_kind_loses_no_synced_line) {
    const SimCall kinds[] = {SimCall::create,   SimCall::write,      SimCall::allocate,
                             SimCall::truncate, SimCall::sync_data,  SimCall::sync_all,
                             SimCall::sync_dir, SimCall::create_dir, SimCall::open};
    for (const SimCall kind : kinds) {
        SimFileSystem counted;
        run_from_nothing(counted);
        for (std::uint64_t nth = 1; nth <= counted.calls(kind); ++nth) {
            for (const Errc code : {Errc::io, Errc::storage_full}) {
                SCOPED_TRACE("kind " + std::to_string(static_cast<int>(kind)) + ", call " +
                             std::to_string(nth) + ", " + std::string(to_string(code)));
                SimFileSystem fs;
                fs.fail(kind, nth, code);
                Progress progress = run_from_nothing(fs);
                // storage_full may pass; then the run ended early, and the rest was not tried.
                fs.crash(nth);
                expect_recovered(fs, progress);
                if (HasFailure()) return;
            }
        }
    }
}

TEST(JournalCrashTest, a_failed_sync_is_final) {
    SimFileSystem fs;
    auto journal = open_journal(fs, "/log");
    append_synced(*journal, 1);
    fs.fail(SimCall::sync_data, 1, Errc::storage_full);
    ASSERT_TRUE(journal->append(test_lines(1, 1), 1));
    const auto failed = journal->sync();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::io);
    EXPECT_EQ(journal->sync().error().message, failed.error().message);
    EXPECT_EQ(journal->append(test_lines(2, 1), 1).error().message, failed.error().message);
    EXPECT_EQ(journal->cut_to(0).error().message, failed.error().message);
    EXPECT_EQ(journal->settle().error().message, failed.error().message);
    EXPECT_FALSE(journal->next_position());
}

TEST(JournalCrashTest, a_failed_write_is_final_too) {
    SimFileSystem fs;
    auto journal = open_journal(fs, "/log");
    append_synced(*journal, 1);
    fs.fail(SimCall::write, 1, Errc::io);
    const auto failed = journal->append(test_lines(1, 1), 1);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::io);
    EXPECT_EQ(journal->lines(), 1u);
    EXPECT_FALSE(journal->append(test_lines(1, 1), 1));
}

// Whatever the space, an append is whole or not there, and goes on once there is space.
void expect_full_disk_passes(std::uint64_t capacity, JournalOptions options) {
    SimFileSystem fs;
    fs.set_capacity(capacity);
    auto journal = open_journal(fs, "/log", options);
    for (;;) {
        const std::uint64_t before = journal->lines();
        const auto appended = journal->append(test_lines(before, 2), 2);
        if (appended) {
            ASSERT_TRUE(journal->sync());
            continue;
        }
        ASSERT_EQ(appended.error().code, Errc::storage_full) << appended.error().message;
        EXPECT_EQ(journal->lines(), before);
        // The last space goes to lines, not to preallocation, and nothing stays of what failed.
        EXPECT_LT(capacity, fs.used() + test_lines(before, 2).size());
        EXPECT_EQ(fs.used(), test_lines(0, before).size());
        break;
    }
    const auto reopened = open_journal(fs, "/log", options);
    EXPECT_EQ(reopened->tail().bytes, 0u);
    expect_lines(*reopened, journal->lines());
    fs.set_capacity(1u << 20);
    append_synced(*journal, 4);
    const std::uint64_t lines = journal->lines();
    fs.crash(capacity);
    expect_lines(*open_journal(fs, "/log", options), lines);
}

TEST(JournalCrashTest, a_full_disk_leaves_the_journal_usable) {
    JournalOptions growing = small_options();
    growing.preallocate_bytes = 0;
    for (std::uint64_t capacity = 0; capacity < 14'000; capacity += 200) {
        SCOPED_TRACE("capacity " + std::to_string(capacity));
        expect_full_disk_passes(capacity, small_options());
        expect_full_disk_passes(capacity, growing);
    }
}

}  // namespace
}  // namespace anchorlog::store
