#include "app/store_copy.h"

#include <gtest/gtest.h>

#include "app/restore_hold.h"
#include "support/log_machine.h"

namespace anchorlog::app {
namespace {

using testing::LogMachine;
using testing::SimCall;
using testing::SimFileSystem;

constexpr const char* kCopy = "/copy";

void fill(LogMachine& machine, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t number = from; number < to; ++number) machine.admit("cam-1", number);
    ASSERT_TRUE(machine.commit());
}

// What a file holds of `text`'s journal, by its newest segment's content.
std::string lines_of(SimFileSystem& fs, const std::string& dir) {
    std::string out;
    for (const std::string& name : fs.names(dir)) {
        if (!name.ends_with(".ndjson")) continue;
        const std::string content = fs.content(dir + "/" + name);
        out += content.substr(0, content.find('\0'));
    }
    return out;
}

TEST(StoreCopy, HoldsTheLinesAndNothingBehindThem) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    fill(machine, 1, 40);
    ASSERT_TRUE(machine.seal());
    fill(machine, 40, 50);
    const auto files = copy_store(machine.files(), LogMachine::kDir, kCopy);
    ASSERT_TRUE(files) << files.error().message;
    const auto content = read_content(machine.files(), kCopy);
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(content->origin, LogMachine::kOrigin);
    EXPECT_EQ(content->entries, 49u);
    EXPECT_EQ(content->sealed_entries, 39u);
    EXPECT_EQ(content->batches, 2u);
    EXPECT_TRUE(content->keys.starts_with("log " + std::string(LogMachine::kOrigin)));
    const std::string copied = machine.files().content("/copy/log/00000000000000000000.ndjson");
    EXPECT_EQ(copied, lines_of(machine.files(), "/store/log"));
    EXPECT_EQ(files->at("log/00000000000000000000.ndjson"), copied.size());
}

TEST(StoreCopy, LeavesOutALineThatIsBeingWritten) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    fill(machine, 1, 5);
    const std::string path = "/store/log/00000000000000000000.ndjson";
    std::string content = machine.files().content(path);
    const std::size_t end = content.find('\0');
    const std::string whole = content.substr(0, end);
    content.replace(end, 9, "{\"alert\":");
    machine.files().set_content(path, content);
    ASSERT_TRUE(copy_store(machine.files(), LogMachine::kDir, kCopy));
    EXPECT_EQ(machine.files().content("/copy/log/00000000000000000000.ndjson"), whole);
}

TEST(StoreCopy, KeepsNoLineThatItsSourceCouldLose) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        LogMachine machine;
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        fill(machine, 1, 5);
        // Written, not synced: as between two steps of a daemon.
        ASSERT_TRUE(machine.store().log->append("{\"index\":4}\n{\"index\":5}\n", 2));
        ASSERT_TRUE(copy_store(machine.files(), LogMachine::kDir, kCopy));
        const std::string copied = lines_of(machine.files(), "/copy/log");
        ASSERT_TRUE(copied.ends_with("{\"index\":5}\n"));
        machine.files().crash(seed);
        EXPECT_TRUE(lines_of(machine.files(), "/store/log").starts_with(copied)) << seed;
        EXPECT_EQ(lines_of(machine.files(), "/copy/log"), copied) << seed;
    }
}

TEST(StoreCopy, AnyCallThatFailsFailsTheCopy) {
    for (const SimCall call : {SimCall::open, SimCall::create, SimCall::read, SimCall::write,
                               SimCall::sync_data, SimCall::sync_all, SimCall::sync_dir}) {
        LogMachine machine;
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        fill(machine, 1, 5);
        machine.files().fail(call, 2, Errc::io);
        EXPECT_FALSE(copy_store(machine.files(), LogMachine::kDir, kCopy))
            << testing::to_string(call);
    }
}

TEST(StoreCopy, ANoteIsReadBackAndMissesNothing) {
    LogMachine machine;
    ASSERT_TRUE(machine.init());
    ASSERT_TRUE(machine.start());
    fill(machine, 1, 5);
    SimFileSystem& fs = machine.files();
    BackupNote note;
    note.made_at = {1'700'000'000'123};
    note.files = *copy_store(fs, LogMachine::kDir, kCopy);
    note.content = *read_content(fs, kCopy);
    ASSERT_TRUE(write_note(fs, kCopy, note));
    auto read = read_note(fs, kCopy);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->made_at.ms, note.made_at.ms);
    EXPECT_EQ(read->content.entries, 4u);
    EXPECT_EQ(read->files, note.files);
    ASSERT_TRUE(check_files(fs, kCopy, *read));

    const std::string log = "/copy/log/00000000000000000000.ndjson";
    fs.set_content(log, fs.content(log).substr(1));
    auto shorter = check_files(fs, kCopy, *read);
    ASSERT_FALSE(shorter);
    EXPECT_NE(shorter.error().message.find("log/00000000000000000000.ndjson has"),
              std::string::npos);
    fs.drop(log);
    fs.drop("/copy/batches/00000000000000000000.ndjson");
    auto lost = check_files(fs, kCopy, *read);
    ASSERT_FALSE(lost);
    EXPECT_NE(lost.error().message.find("is missing, and 1 more"), std::string::npos)
        << lost.error().message;
}

TEST(StoreCopy, ANewerOrBrokenNoteIsRefused) {
    SimFileSystem fs;
    ASSERT_TRUE(fs.create_dir("/b"));
    EXPECT_EQ(read_note(fs, "/b").error().code, Errc::not_found);
    ASSERT_TRUE(replace_file(fs, "/b/backup.json", as_bytes("{\"format\":2}")));
    EXPECT_EQ(read_note(fs, "/b").error().code, Errc::refused);
    for (const char* text : {"", "[]", "{\"format\":\"1\"}", "{\"format\":1}"}) {
        ASSERT_TRUE(replace_file(fs, "/b/backup.json", as_bytes(std::string_view(text))));
        EXPECT_EQ(read_note(fs, "/b").error().code, Errc::corruption) << text;
    }
}

TEST(RestoreHold, IsReadBackAndCleared) {
    SimFileSystem fs;
    ASSERT_TRUE(fs.create_dir("/s"));
    EXPECT_FALSE(read_hold(fs, "/s")->has_value());
    ASSERT_TRUE(write_hold(fs, "/s", {7, 312, {1'700'000'000'000}, {1'700'000'001'000}}));
    const auto hold = read_hold(fs, "/s");
    ASSERT_TRUE(hold && hold->has_value());
    EXPECT_EQ((*hold)->batches, 7u);
    EXPECT_EQ((*hold)->entries, 312u);
    EXPECT_EQ((*hold)->restored_at.ms, 1'700'000'001'000);
    EXPECT_NE(describe(**hold).find("2023-11-14T22:13:20.000Z"), std::string::npos);
    ASSERT_TRUE(clear_hold(fs, "/s"));
    EXPECT_FALSE(read_hold(fs, "/s")->has_value());
    EXPECT_EQ(clear_hold(fs, "/s").error().code, Errc::not_found);
}

TEST(RestoreHold, AMarkThatCannotBeReadIsNotNone) {
    SimFileSystem fs;
    ASSERT_TRUE(fs.create_dir("/s"));
    for (const char* text : {"", "{}", "[1]", "{\"batches\":1,\"entries\":2}"}) {
        ASSERT_TRUE(replace_file(fs, "/s/restored.json", as_bytes(std::string_view(text))));
        const auto hold = read_hold(fs, "/s");
        ASSERT_FALSE(hold) << text;
        EXPECT_EQ(hold.error().code, Errc::corruption);
    }
}

}  // namespace
}  // namespace anchorlog::app
