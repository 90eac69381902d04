#include <algorithm>
#include <cstdio>
#include <thread>

#include "anchorlog/verify/verify.h"
#include "app/ctl.h"
#include "app/restore_hold.h"
#include "app/store_copy.h"

namespace anchorlog::app {
namespace {

unsigned long long printed(std::uint64_t number) { return number; }

Result<void> must_be_new(FileSystem& fs, const std::string& path) {
    auto exists = fs.exists(path);
    if (!exists) return std::move(exists).error();
    if (!*exists) return {};
    return Error{Errc::refused, path + " exists; nothing is ever written over it: choose another " +
                                    "directory, or move it away"};
}

// A path without the slashes that would put the unfinished copy inside it.
std::string plain(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// With the key that its genesis names, or with the operator's own trust, which is worth more:
// whoever replaced the whole store replaced that key too.
Result<verify::Report> audit(FileSystem& fs, const std::string& dir, const StoreContent& content,
                             const std::string& trust_path) {
    auto trust =
        trust_path.empty() ? verify::parse_trust(content.keys) : verify::load_trust(fs, trust_path);
    if (!trust) return std::move(trust).error();
    verify::AuditOptions options;
    options.threads = std::clamp(std::thread::hardware_concurrency(), 1u, verify::kAuditThreadsMax);
    return verify::verify_log(fs, dir, *trust, nullptr, options);
}

Result<void> must_pass(const verify::Report& report, const std::string& what) {
    if (report.verdict == verify::Verdict::pass) return {};
    std::string why = report.undecided.empty() ? "no reason given" : report.undecided.front();
    if (!report.faults.empty()) why = verify::describe(report.faults.front());
    return Error{Errc::corruption,
                 what + " does not verify: " + why + " (logverify log tells everything)"};
}

void print_content(const StoreContent& content, const verify::Report& report) {
    std::printf("log         %s\n", content.origin.c_str());
    std::printf("entries     %llu, of them %llu not sealed yet\n", printed(content.entries),
                printed(content.entries - content.sealed_entries));
    std::printf("batches     %llu, the newest sealed at %s\n", printed(content.batches),
                format_server_time(content.sealed_at).c_str());
    std::printf("anchors     %llu lines on record\n", printed(content.anchor_lines));
    std::printf("verified    %s %s%s%s\n", std::string(verify::to_string(report.verdict)).c_str(),
                std::string(verify::to_string(report.level)).c_str(),
                report.label.empty() ? "" : " ", report.label.c_str());
}

Result<StoreContent> check_restored(FileSystem& fs, const std::string& dir, const CtlCall& call,
                                    verify::Report& report) {
    auto content = read_content(fs, dir);
    if (!content) return content;
    auto audited = audit(fs, dir, *content, call.get("--trust"));
    if (!audited) return std::move(audited).error();
    report = std::move(*audited);
    if (auto passed = must_pass(report, "the backup"); !passed) return std::move(passed).error();
    return content;
}

}  // namespace

Result<void> backup(const CtlCall& call) {
    PosixFileSystem fs;
    const std::string store = plain(call.operands[0]);
    const std::string to = plain(call.operands[1]);
    const std::string partial = to + ".partial";
    for (const std::string& path : {to, partial}) {
        if (auto is_new = must_be_new(fs, path); !is_new) return is_new;
    }
    auto genesis = fs.exists(store + "/batches");
    if (!genesis) return std::move(genesis).error();
    if (!*genesis) return Error{Errc::not_found, store + " is no store: it has no batches/"};
    BackupNote note;
    note.made_at = SystemClock().now().wall;
    auto files = copy_store(fs, store, partial);
    if (!files) {
        return std::move(files).error().in("the backup is not whole, remove " + partial);
    }
    note.files = std::move(*files);
    auto content = read_content(fs, partial);
    if (!content) return std::move(content).error().in("the copy " + partial);
    note.content = *content;
    auto report = audit(fs, partial, *content, call.get("--trust"));
    if (!report) return std::move(report).error().in("the copy " + partial);
    if (auto done = write_note(fs, partial, note); !done) return done;
    if (auto done = fs.rename(partial, to); !done) return done;
    if (auto done = fs.sync_dir(parent_of(to)); !done) return done;
    std::printf("backup      %s\n", to.c_str());
    print_content(*content, *report);
    // A copy of a damaged log is better than none, but nobody may take it for a good one.
    return must_pass(*report, "the copy is kept, but the log");
}

Result<void> restore(const CtlCall& call) {
    PosixFileSystem fs;
    const std::string from = plain(call.operands[0]);
    const std::string store = plain(call.operands[1]);
    const std::string partial = store + ".partial";
    for (const std::string& path : {store, partial}) {
        if (auto is_new = must_be_new(fs, path); !is_new) return is_new;
    }
    auto note = read_note(fs, from);
    if (!note && note.error().code == Errc::not_found) {
        return Error{Errc::not_found, from + " has no backup.json: it is no whole backup; of a " +
                                          "plain copy of a store `anchorlogctl backup` makes one"};
    }
    if (!note) return std::move(note).error();
    if (auto whole = check_files(fs, from, *note); !whole) return whole;
    // Before anything is written: what is refused leaves nothing behind.
    verify::Report report;
    auto content = check_restored(fs, from, call, report);
    if (!content) return std::move(content).error();
    if (content->entries != note->content.entries || content->batches != note->content.batches) {
        return Error{Errc::corruption, from + " does not hold what its backup.json says"};
    }
    if (auto copied = copy_store(fs, from, partial); !copied) {
        return std::move(copied).error().in("nothing is restored, remove " + partial);
    }
    const RestoreHold hold{content->batches, content->entries, note->made_at,
                           SystemClock().now().wall};
    if (auto done = write_hold(fs, partial, hold); !done) return done;
    if (auto done = fs.rename(partial, store); !done) return done;
    if (auto done = fs.sync_dir(parent_of(store)); !done) return done;
    std::printf("restored    %s\n", store.c_str());
    print_content(*content, report);
    std::printf(
        "missing     whatever was logged after %s; senders send again what they did not "
        "see acked\n",
        format_server_time(note->made_at).c_str());
    std::printf(
        "held        the daemon takes and seals nothing until the chain shows that no "
        "batch is\n            missing, or you run: anchorlogctl log accept-restore %s\n",
        store.c_str());
    return {};
}

Result<void> log_accept_restore(const CtlCall& call) {
    PosixFileSystem fs;
    const std::string store = plain(call.operands[0]);
    auto hold = read_hold(fs, store);
    if (!hold) return std::move(hold).error();
    if (!*hold) return Error{Errc::refused, store + " is not held: nothing was restored into it"};
    auto lock = fs.lock(store + "/LOCK");
    if (!lock) return std::move(lock).error().in("stop the daemon first");
    if (auto done = clear_hold(fs, store); !done) return done;
    std::printf(
        "accepted    %s goes on behind batch %llu; if the lost store had sealed more, and "
        "somebody\n            holds that signature, the log has two histories: keep what "
        "you know of it\n",
        store.c_str(), printed((*hold)->batches - 1));
    return {};
}

}  // namespace anchorlog::app
