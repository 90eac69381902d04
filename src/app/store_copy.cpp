#include "app/store_copy.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include "anchorlog/ledger/recovery.h"
#include "anchorlog/wire/anchor_step.h"
#include "anchorlog/wire/header.h"

namespace anchorlog::app {
namespace {

constexpr std::size_t kBlockBytes = 1u << 20;
constexpr std::uint64_t kNoteSizeMax = 64u << 20;  // a million segments' names

bool is_segment(const std::string& name) { return name.ends_with(".ndjson"); }

// The end of the lines in this block, and whether the content ends in it: at the first NUL.
struct BlockEnd {
    std::size_t bytes = 0;
    std::uint64_t lines_end = 0;  // in the file, behind the last LF so far
    bool is_last = false;
};
BlockEnd end_of(std::span<const std::uint8_t> block, std::uint64_t offset, BlockEnd before) {
    const auto nul = std::find(block.begin(), block.end(), std::uint8_t{0});
    BlockEnd out = before;
    out.bytes = static_cast<std::size_t>(nul - block.begin());
    out.is_last = nul != block.end();
    for (std::size_t i = out.bytes; i > 0; --i) {
        if (block[i - 1] != '\n') continue;
        out.lines_end = offset + i;
        break;
    }
    return out;
}

class StoreCopier {
public:
    StoreCopier(FileSystem& fs, std::string from, std::string to)
        : fs_(fs), from_(std::move(from)), to_(std::move(to)) {}

    Result<void> copy_journal(const std::string& journal);
    // All files of a directory whose names end so; none where there is no such directory.
    Result<void> copy_files(const std::string& directory, const std::string& ending);
    CopiedFiles files;

private:
    // `lines_only`: stops where the lines of a journal's newest file end.
    Result<void> copy_file(const std::string& name, bool lines_only);

    FileSystem& fs_;
    const std::string from_;
    const std::string to_;
    Bytes block_ = Bytes(kBlockBytes);
};

Result<void> StoreCopier::copy_file(const std::string& name, bool lines_only) {
    auto source = fs_.open(from_ + "/" + name, OpenMode::read);
    if (!source) return std::move(source).error();
    auto copy = fs_.open(to_ + "/" + name, OpenMode::create_new);
    if (!copy) return std::move(copy).error();
    std::uint64_t offset = 0;
    BlockEnd end;
    while (!end.is_last) {
        auto read = (*source)->read_at(offset, block_);
        if (!read) return std::move(read).error();
        if (*read == 0) break;
        std::size_t bytes = *read;
        if (lines_only) {
            end = end_of(std::span(block_).first(bytes), offset, end);
            bytes = end.bytes;
        }
        auto written = (*copy)->write_at(offset, std::span(block_).first(bytes));
        if (!written) return written;
        offset += bytes;
    }
    if (lines_only) offset = end.lines_end;
    // A line that a crash takes from the source is written anew there, with other bytes perhaps.
    if (auto synced = (*source)->sync_data(); !synced) return synced;
    if (auto cut = (*copy)->truncate(offset); !cut) return cut;
    files[name] = offset;
    return (*copy)->sync_all();
}

Result<void> StoreCopier::copy_journal(const std::string& journal) {
    auto names = fs_.list(from_ + "/" + journal);
    if (!names) return std::move(names).error();
    std::erase_if(*names, [](const std::string& name) { return !is_segment(name); });
    if (auto made = fs_.create_dir(to_ + "/" + journal); !made) return made;
    for (const std::string& name : *names) {
        // Only the newest file has an end that is still being written.
        auto done = copy_file(journal + "/" + name, name == names->back());
        if (!done) return done;
    }
    return fs_.sync_dir(to_ + "/" + journal);
}

Result<void> StoreCopier::copy_files(const std::string& directory, const std::string& ending) {
    auto names = fs_.list(from_ + "/" + directory);
    if (!names && names.error().code == Errc::not_found) return {};
    if (!names) return std::move(names).error();
    if (auto made = fs_.create_dir(to_ + "/" + directory); !made) return made;
    for (const std::string& name : *names) {
        if (!name.ends_with(ending)) continue;
        if (auto done = copy_file(directory + "/" + name, false); !done) return done;
    }
    return fs_.sync_dir(to_ + "/" + directory);
}

Result<void> check_anchor_line(std::uint64_t, std::string_view text) {
    auto step = wire::parse_anchor_step(text);
    if (!step) return std::move(step).error();
    return {};
}

Result<std::unique_ptr<store::Journal>> open_journal(FileSystem& fs, const std::string& dir,
                                                     store::Journal::LineCheck check) {
    auto journal = store::Journal::open(fs, dir, {}, std::move(check));
    if (!journal) return journal;
    if ((*journal)->tail().bytes > 0) {
        return Error{Errc::corruption, dir + " ends in " +
                                           std::to_string((*journal)->tail().bytes) +
                                           " bytes that are no valid line"};
    }
    return journal;
}

// By itself: a newer version may have changed whatever else parse_header checks.
Result<void> check_version(std::uint64_t, std::string_view text) {
    auto line = wire::parse_batch_line(text);
    if (!line) return std::move(line).error();
    auto header = wire::parse_header(line->header);
    if (!header) return std::move(header).error();
    if (header->v == wire::kHeaderVersion) return {};
    return Error{Errc::refused, "a header says v " + std::to_string(header->v) +
                                    ": this store was written by a newer version of Anchorlog, "
                                    "use that one"};
}

}  // namespace

Result<CopiedFiles> copy_store(FileSystem& fs, const std::string& from, const std::string& to) {
    if (auto made = fs.create_dir(to); !made) return std::move(made).error();
    StoreCopier copier(fs, from, to);
    for (const char* journal : {"anchors", "batches"}) {
        if (auto done = copier.copy_journal(journal); !done) return std::move(done).error();
    }
    // Hints of sealed entries: what they are of must be copied after them.
    auto hints = copier.copy_files("log", ".leaves");
    if (!hints) return std::move(hints).error();
    if (auto done = copier.copy_journal("log"); !done) return std::move(done).error();
    if (auto done = copier.copy_files("torn", ""); !done) return std::move(done).error();
    if (auto made = fs.create_dir(to + "/torn"); !made) return std::move(made).error();
    if (auto done = fs.sync_dir(to); !done) return std::move(done).error();
    return std::move(copier.files);
}

Result<StoreContent> read_content(FileSystem& fs, const std::string& dir) {
    StoreContent out;
    auto batches = open_journal(fs, dir + "/batches", {[](std::uint64_t, std::string_view) {
                                    return Result<void>();
                                }});
    if (!batches) return std::move(batches).error();
    out.batches = (*batches)->lines();
    if (out.batches == 0) {
        return Error{Errc::not_found, dir + " is no store: batches/ holds no genesis"};
    }
    const auto visit = [&](std::uint64_t number, std::string_view text,
                           store::LinePosition) -> Result<void> {
        const bool is_genesis = number == 0;
        if (!is_genesis && number + 1 != out.batches) return {};
        if (auto known = check_version(number, text); !known) return known;
        auto line = wire::parse_batch_line(text);
        if (!line) return std::move(line).error();
        auto header = wire::parse_header(line->header);
        if (!header) return std::move(header).error();
        out.origin = header->log;
        out.sealed_at = header->sealed_at;
        out.sealed_entries = header->first_index.value + header->count;
        out.checkpoint = line->checkpoint;
        if (is_genesis && header->genesis) {
            for (const std::string& key : header->genesis->keys) out.keys += "log " + key + "\n";
        }
        return {};
    };
    if (auto done = (*batches)->for_each(0, visit); !done) return std::move(done).error();
    auto log = open_journal(fs, dir + "/log", ledger::check_entry_line);
    if (!log) return std::move(log).error();
    out.entries = (*log)->lines();
    auto anchors = open_journal(fs, dir + "/anchors", check_anchor_line);
    if (!anchors) return std::move(anchors).error();
    out.anchor_lines = (*anchors)->lines();
    if (out.entries < out.sealed_entries) {
        return Error{Errc::corruption, dir + "/log holds " + std::to_string(out.entries) +
                                           " entries, batches/ seals " +
                                           std::to_string(out.sealed_entries)};
    }
    return out;
}

Result<void> write_note(FileSystem& fs, const std::string& dir, const BackupNote& note) {
    const nlohmann::json json = {{"anchor_lines", note.content.anchor_lines},
                                 {"batches", note.content.batches},
                                 {"checkpoint", note.content.checkpoint},
                                 {"entries", note.content.entries},
                                 {"files", note.files},
                                 {"format", note.format},
                                 {"made_at", format_server_time(note.made_at)},
                                 {"origin", note.content.origin},
                                 {"version", ANCHORLOG_VERSION}};
    const std::string text = json.dump(1) + "\n";
    return replace_file(fs, dir + "/backup.json", as_bytes(text));
}

Result<BackupNote> read_note(FileSystem& fs, const std::string& dir) {
    const std::string path = dir + "/backup.json";
    auto text = read_file(fs, path, kNoteSizeMax);
    if (!text) return std::move(text).error();
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    BackupNote out;
    try {
        out.format = json.at("format").get<std::uint64_t>();
        if (out.format > kBackupFormat) {
            return Error{Errc::refused, path + " has format " + std::to_string(out.format) +
                                            ", this version knows " +
                                            std::to_string(kBackupFormat) +
                                            ": restore it with the anchorlogctl that made it"};
        }
        out.content.origin = json.at("origin").get<std::string>();
        out.content.entries = json.at("entries").get<std::uint64_t>();
        out.content.batches = json.at("batches").get<std::uint64_t>();
        out.content.anchor_lines = json.at("anchor_lines").get<std::uint64_t>();
        out.content.checkpoint = json.at("checkpoint").get<std::string>();
        out.files = json.at("files").get<CopiedFiles>();
        auto made_at = parse_server_time(json.at("made_at").get<std::string>());
        if (!made_at) return std::move(made_at).error().in(path);
        out.made_at = *made_at;
    } catch (const nlohmann::json::exception& failure) {
        return Error{Errc::corruption, path + " has a wrong form: " + failure.what()};
    }
    return out;
}

Result<void> check_files(FileSystem& fs, const std::string& dir, const BackupNote& note) {
    std::string first;
    std::size_t wrong = 0;
    for (const auto& [name, bytes] : note.files) {
        std::string what;
        auto file = fs.open(dir + "/" + name, OpenMode::read);
        if (!file && file.error().code != Errc::not_found) return std::move(file).error();
        if (!file) {
            what = name + " is missing";
        } else {
            auto size = (*file)->size();
            if (!size) return std::move(size).error();
            if (*size == bytes) continue;
            what = name + " has " + std::to_string(*size) + " bytes instead of " +
                   std::to_string(bytes);
        }
        ++wrong;
        if (first.empty()) first = std::move(what);
    }
    if (wrong == 0) return {};
    return Error{Errc::corruption,
                 "the backup is not whole: " + first +
                     (wrong > 1 ? ", and " + std::to_string(wrong - 1) + " more" : std::string())};
}

}  // namespace anchorlog::app
