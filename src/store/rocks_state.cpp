#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "anchorlog/base/bytes.h"
#include "anchorlog/store/state_db.h"

namespace anchorlog::store {
namespace {

constexpr std::size_t kWriteBufferBytes = 4u << 20;
constexpr int kWriteBuffers = 2;
constexpr std::size_t kBlockCacheBytes = 16u << 20;
constexpr int kOpenFilesMax = 64;
constexpr int kBackgroundJobs = 1;
// Runs are merged when so many are there. Each spans all kinds of keys, so that a merge reads and
// writes whatever was merged before, too.
constexpr int kRunsPerMerge = 10;
constexpr std::size_t kInfoLogBytesMax = 1u << 20;
constexpr std::size_t kInfoLogFiles = 2;

// RocksDB as Debian builds it asserts where a full disk stops it in the middle of a file: it is
// only asked for what there is room for. Opening writes a manifest, options and a log.
constexpr std::uint64_t kOpenRoomBytes = 256u << 10;
constexpr std::uint64_t kRunRoomBytes = 1u << 20;  // beside twice the bytes of the pairs

// Sorts before every key of a run, so it is the first pair of every table.
const std::string kThroughKey("\0through", 8);
constexpr std::size_t kThroughBytes = 16;
// The run being written; not a name RocksDB knows, so it leaves it alone.
constexpr const char* kIncomingName = "incoming-run";
// Present after damage was met: the next opening refuses the directory.
constexpr const char* kDamagedName = "damaged";

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

rocksdb::Options make_options() {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    table.cache_index_and_filter_blocks = true;

    rocksdb::Options options;
    options.create_if_missing = true;
    options.paranoid_checks = true;
    options.compression = rocksdb::kNoCompression;
    options.write_buffer_size = kWriteBufferBytes;
    options.max_write_buffer_number = kWriteBuffers;
    options.max_open_files = kOpenFilesMax;
    options.max_background_jobs = kBackgroundJobs;
    options.max_subcompactions = 1;
    options.level0_file_num_compaction_trigger = kRunsPerMerge;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.info_log_level = rocksdb::WARN_LEVEL;
    options.max_log_file_size = kInfoLogBytesMax;
    options.keep_log_file_num = kInfoLogFiles;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

Error to_error(const rocksdb::Status& status, const std::string& dir) {
    const std::string message = dir + ": " + status.ToString();
    if (status.IsNoSpace()) return {Errc::storage_full, message};
    if (status.IsIOError()) return {Errc::io, message};
    return {Errc::corruption, message + "; it can be deleted and is then rebuilt"};
}

std::string encode(Through through) {
    Bytes bytes;
    append_u64be(bytes, through.batches);
    append_u64be(bytes, through.entries);
    return std::string(as_text(bytes));
}

Result<void> need_room(const std::string& dir, std::uint64_t bytes) {
    std::error_code failed;
    const auto space = std::filesystem::space(dir, failed);
    if (failed) return Error{Errc::io, dir + ": cannot ask for free space: " + failed.message()};
    if (space.available >= bytes) return {};
    return Error{Errc::storage_full, dir + ": cannot write: " + std::to_string(space.available) +
                                         " bytes are free, " + std::to_string(bytes) +
                                         " are needed"};
}

// A run of a wrong form is our mistake, not the disk's.
Error bad_run(const std::string& dir) {
    return {Errc::internal, dir + ": the keys of a run do not ascend, or one begins with NUL"};
}

class RocksState final : public StateDb {
public:
    RocksState(std::string dir, rocksdb::Options options, std::unique_ptr<rocksdb::DB> db,
               std::function<void(const Error&)> on_damage)
        : dir_(std::move(dir)), options_(std::move(options)), db_(std::move(db)),
          on_damage_(std::move(on_damage)) {}

    // 1. One table with `through` as its first pair is written and synced beside the database.
    //    A crash leaves it there; the next run replaces it.
    // 2. The manifest takes the table up, whole, in one synced record. A crash before leaves the
    //    old `through`, after the new one, with exactly its pairs.
    Result<void> ingest(const Run& run, Through through) override {
        const std::uint64_t room = kRunRoomBytes + 2 * run.bytes_max();
        if (auto enough = need_room(dir_, room); !enough) return enough;
        const std::string path = dir_ + "/" + kIncomingName;
        rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_);
        rocksdb::Status status = writer.Open(path);
        if (status.ok()) status = writer.Put(kThroughKey, encode(through));
        if (status.ok()) {
            run.for_each([&](std::string_view key, std::string_view value) {
                // The writer itself refuses a key that does not ascend.
                status = key.starts_with('\0') ? rocksdb::Status::InvalidArgument()
                                               : writer.Put(slice(key), slice(value));
                return status.ok();
            });
        }
        if (status.IsInvalidArgument()) return bad_run(dir_);
        if (status.ok()) status = writer.Finish();
        if (!status.ok()) return to_error(status, dir_);

        rocksdb::IngestExternalFileOptions ingestion;
        ingestion.move_files = true;
        ingestion.write_global_seqno = false;
        status = db_->IngestExternalFile({path}, ingestion);
        if (!status.ok()) return to_error(status, dir_);
        return {};
    }

    Result<Through> through() const override {
        auto value = get(kThroughKey);
        if (!value) return std::move(value).error();
        if (!*value) return Through{};
        if ((*value)->size() != kThroughBytes) {
            return Error{Errc::corruption, dir_ +
                                               ": `through` has a wrong size; the directory "
                                               "can be deleted and is then rebuilt"};
        }
        const std::uint8_t* const bytes = as_bytes(**value).data();
        return Through{read_u64be(bytes), read_u64be(bytes + kThroughBytes / 2)};
    }

    Result<std::optional<std::string>> get(std::string_view key) const override {
        std::string value;
        const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), slice(key), &value);
        if (status.IsNotFound()) return std::optional<std::string>();
        if (!status.ok()) return failed(status);
        return std::optional<std::string>(std::move(value));
    }

    Result<std::optional<std::pair<std::string, std::string>>> last_in(
        std::string_view from, std::string_view to) const override {
        std::optional<std::pair<std::string, std::string>> last;
        const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(rocksdb::ReadOptions()));
        at->SeekForPrev(slice(to));
        if (!at->status().ok()) return failed(at->status());
        if (at->Valid() && view(at->key()) >= from && view(at->key()) != kThroughKey) {
            last.emplace(at->key().ToString(), at->value().ToString());
        }
        return last;
    }

    Result<void> scan(std::string_view prefix,
                      const std::function<bool(std::string_view key, std::string_view value)>&
                          visit) const override {
        const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(rocksdb::ReadOptions()));
        for (at->Seek(slice(prefix)); at->Valid(); at->Next()) {
            if (!view(at->key()).starts_with(prefix)) break;
            if (view(at->key()) == kThroughKey) continue;
            if (!visit(view(at->key()), view(at->value()))) break;
        }
        if (!at->status().ok()) return failed(at->status());
        return {};
    }

private:
    Error failed(const rocksdb::Status& status) const {
        Error error = to_error(status, dir_);
        if (error.code == Errc::corruption) {
            // Not synced: if a crash takes it, the damage is met again.
            std::ofstream(dir_ + "/" + kDamagedName) << error.message << '\n';
            if (on_damage_) on_damage_(error);
        }
        return error;
    }

    const std::string dir_;
    const rocksdb::Options options_;
    const std::unique_ptr<rocksdb::DB> db_;
    const std::function<void(const Error&)> on_damage_;
};

Error not_opened(const rocksdb::Status& status, const std::string& dir) {
    Error error = to_error(status, dir);
    // Files that are missing are I/O errors to RocksDB; here they are damage like any other.
    if (error.code == Errc::io) error.code = Errc::corruption;
    return error;
}

}  // namespace

Result<std::unique_ptr<StateDb>> open_rocks_state(const std::string& dir,
                                                  std::function<void(const Error&)> on_damage) {
    std::error_code ignored;
    std::filesystem::remove(dir + "/" + kIncomingName, ignored);
    std::filesystem::create_directory(dir, ignored);
    if (std::filesystem::exists(dir + "/" + kDamagedName, ignored)) {
        return Error{Errc::corruption, dir + ": damage was met in it before"};
    }
    if (auto room = need_room(dir, kOpenRoomBytes); !room) return std::move(room).error();
    const rocksdb::Options options = make_options();
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, dir, &raw);
    std::unique_ptr<rocksdb::DB> db(raw);
    if (!status.ok()) return not_opened(status, dir);
    auto state = std::make_unique<RocksState>(dir, options, std::move(db), std::move(on_damage));
    // A database whose first table cannot be read is found now rather than at the first look-up.
    if (auto through = state->through(); !through) return std::move(through).error();
    return std::unique_ptr<StateDb>(std::move(state));
}

Result<void> remove_rocks_state(const std::string& dir) {
    std::error_code failed;
    std::filesystem::remove(dir + "/" + kIncomingName, failed);
    std::filesystem::remove(dir + "/" + kDamagedName, failed);
    const rocksdb::Status status = rocksdb::DestroyDB(dir, make_options());
    if (!status.ok()) {
        return Error{Errc::io, dir + ": cannot be removed: " + status.ToString()};
    }
    // Only when nothing of somebody else's is in it.
    std::filesystem::remove(dir, failed);
    return {};
}

}  // namespace anchorlog::store
