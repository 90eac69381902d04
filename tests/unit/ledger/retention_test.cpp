#include "anchorlog/ledger/retention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "anchorlog/store/segment_names.h"
#include "anchorlog/wire/pruned_lines.h"
#include "support/log_machine.h"

namespace anchorlog::ledger {
namespace {

using testing::LogMachine;

constexpr const char* kArchive = "/archive";
constexpr std::uint64_t kErased = 20;

// Small segments, some of them between the two groups of a batch; most batches have more sources
// than a header lists.
class RetentionTest : public ::testing::Test {
protected:
    static void fill(LogMachine& machine, std::uint64_t groups, std::uint64_t from = 1) {
        for (std::uint64_t group = from; group < from + groups; ++group) {
            const std::uint64_t devices = group % 3 == 0 ? 20 : 4;
            for (std::uint64_t device = 0; device < devices; ++device) {
                machine.admit("cam-" + std::to_string(device), group);
            }
            machine.clock().advance_ms(100);
            ASSERT_TRUE(machine.commit());
            if (group % 2 == 1) continue;
            ASSERT_TRUE(machine.seal());
        }
    }
    static void make(LogMachine& machine) {
        machine.options.journal.segment_bytes = 2 * 1024;
        machine.options.journal.preallocate_bytes = 4 * 1024;
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        fill(machine, 12);
    }
    void SetUp() override {
        make(machine);
        before = machine.acked();
        const auto spans = machine.store().log->segments();
        ASSERT_GE(spans.size(), 5u);
        for (const auto& span : spans) firsts.emplace_back(span.first_line);
        end_of_two = spans[2].first_line;
    }

    SealPrune sealer(LogMachine& on, HistoryEnd& end) const {
        return [this, &on, &end](const wire::PruneRecord& record) -> Result<void> {
            auto batch = make_prune(LogMachine::kOrigin, *signer, record, end, WallTime{7'000});
            if (!batch) return std::move(batch).error();
            if (auto done = append_batch(on.store(), *batch); !done) return done;
            end.next_batch = end.next_batch.plus(1);
            end.history.append(merkle::hash_leaf(as_bytes(batch->header_text)));
            return {};
        };
    }
    using Act = std::function<Result<void>(Retention&, const SealPrune&)>;
    // As anchorlogctl does it, on a store that was recovered.
    Result<void> prune(LogMachine& on, const Act& act) const {
        auto end = sealed_end(on.store());
        if (!end) return std::move(end).error();
        Retention retention(on.files(), LogMachine::kDir, *on.store().log, *on.store().batches);
        if (auto done = retention.read(); !done) return done;
        return act(retention, sealer(on, *end));
    }
    // The first two segments, as far as they are still there.
    Act archive_two(const std::string& to = kArchive) const {
        return [this, to](Retention& retention, const SealPrune& seal) {
            std::vector<EntryIndex> left;
            for (const KeptSegment& one : retention.segments()) {
                if (one.first.value < end_of_two && !one.is_pruned) left.push_back(one.first);
            }
            return retention.archive(left, to, "older than a year", seal);
        };
    }
    static Act erase_one(LogMachine& on) {
        return [&on](Retention& retention, const SealPrune& seal) {
            return retention.erase(EntryIndex(kErased), "asked for", seal, [&on] {
                on.delete_state();
                return Result<void>();
            });
        };
    }

    // Every line is what it was, or stands erased exactly where it may.
    void expect_lines(LogMachine& on, const std::function<bool(std::uint64_t)>& is_gone) const {
        const auto lines = on.lines(*on.store().log);
        ASSERT_EQ(lines.size(), before.size());
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (!is_gone(i)) {
                ASSERT_EQ(lines[i], before[i]) << i;
                continue;
            }
            const auto erased = wire::parse_erased_line(lines[i]);
            ASSERT_TRUE(erased) << i << ": " << lines[i];
            ASSERT_EQ(erased->leaf, merkle::hash_leaf(as_bytes(before[i])));
        }
    }
    static std::vector<wire::PruneRange> sealed_ranges(LogMachine& on) {
        std::vector<wire::PruneRange> ranges;
        for (const std::string& text : on.lines(*on.store().batches)) {
            const auto header = wire::parse_header(wire::parse_batch_line(text)->header);
            if (!header->prune) continue;
            ranges.insert(ranges.end(), header->prune->ranges.begin(), header->prune->ranges.end());
        }
        return ranges;
    }

    LogMachine machine;
    std::unique_ptr<crypto::Signer> signer = crypto::signer_from_seed({1, 2, 3});
    std::vector<std::string> before;
    std::vector<EntryIndex> firsts;
    std::uint64_t end_of_two = 0;
};

TEST_F(RetentionTest, AnArchivedSegmentIsReadAsItsLeaves) {
    const std::string name = store::segment_name(0);
    const std::string whole = machine.files().content("/store/log/" + name);
    ASSERT_TRUE(prune(machine, archive_two()));
    EXPECT_EQ(machine.files().content(std::string(kArchive) + "/" + name), whole);
    EXPECT_FALSE(*machine.files().exists("/store/log/" + name));
    for (const bool rebuild : {false, true}) {
        if (rebuild) machine.delete_state();
        const auto started = machine.start();
        ASSERT_TRUE(started) << started.error().message;
        expect_lines(machine, [&](std::uint64_t index) { return index < end_of_two; });
        for (std::uint64_t device = 0; device < 20; ++device) {
            const std::string id = "cam-" + std::to_string(device);
            const std::uint64_t highest = 12;  // the last group has them all
            EXPECT_EQ(machine.admit(id, highest).kind, Admission::Kind::seen) << id;
            const bool is_first = device < 4;
            const auto place =
                machine.store().state->batch_of(id, Epoch(0), SeqNo(is_first ? 1 : 3));
            ASSERT_TRUE(place && *place) << id;
            EXPECT_EQ((*place)->batch_id, BatchId(is_first ? 1 : 2));
        }
    }
    // And the log goes on.
    EXPECT_EQ(machine.admit("cam-0", 13).kind, Admission::Kind::admitted);
    ASSERT_TRUE(machine.commit());
    ASSERT_TRUE(machine.seal());
    machine.files().kill();
    ASSERT_TRUE(machine.start());
}

TEST_F(RetentionTest, AnErasedEntryLeavesItsNeighbours) {
    ASSERT_TRUE(prune(machine, erase_one(machine)));
    const auto started = machine.start();
    ASSERT_TRUE(started) << started.error().message;
    expect_lines(machine, [](std::uint64_t index) { return index == kErased; });
    EXPECT_EQ(machine.admit("cam-0", 12).kind, Admission::Kind::seen);
    // Its segment can be archived afterwards, and no entry is pruned twice.
    ASSERT_TRUE(prune(machine, archive_two()));
    machine.delete_state();
    ASSERT_TRUE(machine.start());
    expect_lines(machine, [&](std::uint64_t i) { return i < end_of_two || i == kErased; });
    std::uint64_t next = 0;
    auto ranges = sealed_ranges(machine);
    std::sort(ranges.begin(), ranges.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& range : ranges) {
        EXPECT_GE(range.first.value, next);
        next = range.last.value + 1;
    }
}

TEST_F(RetentionTest, EveryCrashPointLeavesAStoreThatGoesOnAndCanBePrunedOn) {
    for (const bool erases : {false, true}) {
        const auto act = [&](LogMachine& on) {
            return erases ? erase_one(on) : archive_two();
        };
        LogMachine counted;
        make(counted);
        const std::uint64_t first = counted.files().changes();
        ASSERT_TRUE(prune(counted, act(counted)));
        const std::uint64_t changes = counted.files().changes() - first;
        ASSERT_GT(changes, 10u);
        for (std::uint64_t call = 1; call <= changes; ++call) {
            SCOPED_TRACE((erases ? "erase, call " : "archive, call ") + std::to_string(call));
            LogMachine on;
            make(on);
            on.files().die_at(call);
            ASSERT_FALSE(prune(on, act(on)));
            on.crash(call);
            if (call % 2 == 0) on.delete_state();
            const auto started = on.start();
            ASSERT_TRUE(started) << started.error().message;
            const auto again = prune(on, act(on));
            ASSERT_TRUE(again) << again.error().message;
            on.delete_state();
            ASSERT_TRUE(on.start());
            expect_lines(on, [&](std::uint64_t index) {
                return erases ? index == kErased : index < end_of_two;
            });
            EXPECT_EQ(sealed_ranges(on).size(), erases ? 1u : 2u);
            if (erases) continue;
            for (std::size_t i = 0; i < 2; ++i) {
                const std::string name = store::segment_name(firsts[i].value);
                std::string lines;
                const std::uint64_t end = firsts[i + 1].value;
                for (std::uint64_t at = firsts[i].value; at < end; ++at) lines += before[at] + "\n";
                EXPECT_EQ(on.files().content(std::string(kArchive) + "/" + name), lines);
            }
        }
    }
}

TEST_F(RetentionTest, WhatIsGoneWithoutAHeaderIsDamage) {
    ASSERT_TRUE(prune(machine, [&](Retention& retention, const SealPrune&) {
        return retention.archive({EntryIndex(0)}, "", "no header",
                                 [](const wire::PruneRecord&) { return Result<void>(); });
    }));
    machine.delete_state();
    const auto started = machine.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("no sealed prune header"), std::string::npos)
        << started.error().message;
}

TEST_F(RetentionTest, ASegmentWithoutWhatStandsForItIsMissing) {
    ASSERT_TRUE(prune(machine, archive_two()));
    machine.files().drop("/store/log/" + store::devices_name(0));
    const auto started = machine.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("are missing"), std::string::npos);
}

TEST_F(RetentionTest, ChangedDevicesAreFoundWhenTheyAreNeeded) {
    ASSERT_TRUE(prune(machine, archive_two()));
    const std::string path = "/store/log/" + store::devices_name(firsts[1].value);
    std::string text = machine.files().content(path);
    text.replace(text.rfind("\"last_seq\":3"), 12, "\"last_seq\":4");
    machine.files().set_content(path, text);
    EXPECT_TRUE(machine.start()) << "with a state nothing of it is read";
    machine.delete_state();
    const auto started = machine.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find(path), std::string::npos) << started.error().message;
}

TEST_F(RetentionTest, RefusesAndChangesNothing) {
    const auto refused = [&](const Act& act, std::string_view why) {
        const auto done = prune(machine, act);
        ASSERT_FALSE(done);
        EXPECT_NE(done.error().message.find(why), std::string::npos) << done.error().message;
        ASSERT_TRUE(machine.start());
        expect_lines(machine, [](std::uint64_t) { return false; });
        EXPECT_TRUE(sealed_ranges(machine).empty());
    };
    const auto archive = [](EntryIndex first, const std::string& to) -> Act {
        return [first, to](Retention& retention, const SealPrune& seal) {
            return retention.archive({first}, to, "why", seal);
        };
    };
    const auto erase = [](std::uint64_t index) -> Act {
        return [index](Retention& retention, const SealPrune& seal) {
            return retention.erase(EntryIndex(index), "why", seal, [] { return Result<void>(); });
        };
    };
    refused(archive(firsts.back(), ""), "no closed and sealed segment");
    refused(archive(EntryIndex(1), ""), "no closed and sealed segment");
    refused(archive(EntryIndex(0), "/store/log"), "is the log itself");
    refused(erase(before.size() - 1), "not closed yet");
    refused(erase(before.size()), "has no entry");
    refused([](Retention& retention,
               const SealPrune& seal) { return retention.archive({EntryIndex(0)}, "", "", seal); },
            "why");
}

TEST_F(RetentionTest, PrunesNothingThatDoesNotGiveItsSealedRoot) {
    const std::string path = "/store/log/" + store::segment_name(0);
    std::string text = machine.files().content(path);
    const std::size_t at = text.find("\"confidence\":0.") + 15;
    text[at] = text[at] == '9' ? '8' : '9';
    machine.files().set_content(path, text);
    const auto done = prune(machine, archive_two());
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("do not give the sealed root"), std::string::npos)
        << done.error().message;
    EXPECT_EQ(machine.files().content(path), text);
}

TEST_F(RetentionTest, AnArchiveWithOtherContentIsNotOverwritten) {
    ASSERT_TRUE(machine.files().create_dir(kArchive));
    const std::string there = std::string(kArchive) + "/" + store::segment_name(0);
    ASSERT_TRUE(replace_file(machine.files(), there, as_bytes("somebody else's\n")));
    const auto done = prune(machine, archive_two());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::refused);
    EXPECT_EQ(machine.files().content(there), "somebody else's\n");
    ASSERT_TRUE(machine.start());
    expect_lines(machine, [](std::uint64_t) { return false; });
}

}  // namespace
}  // namespace anchorlog::ledger
