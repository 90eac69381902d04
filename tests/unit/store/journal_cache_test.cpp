#include <gtest/gtest.h>

#include <map>

#include "support/sim_file_system.h"
#include "unit/store/journal_fixture.h"

namespace anchorlog::store {
namespace {

struct Watched {
    std::uint64_t written = 0;
    std::uint64_t synced = 0;
    std::uint64_t dropped = 0;  // everything before it, without gap
};

// Notes what is written, synced and dropped of each file that is opened for writing.
class WatchedFiles final : public FileSystem {
public:
    std::map<std::string, Watched> files;

    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
        auto file = under_.open(path, mode);
        if (!file || mode == OpenMode::read) return file;
        return std::unique_ptr<File>(std::make_unique<Watch>(std::move(*file), files[path]));
    }
    Result<std::vector<std::string>> list(const std::string& dir) const override {
        return under_.list(dir);
    }
    Result<bool> exists(const std::string& path) const override { return under_.exists(path); }
    Result<void> create_dir(const std::string& dir) override { return under_.create_dir(dir); }
    Result<void> sync_dir(const std::string& dir) override { return under_.sync_dir(dir); }
    Result<void> rename(const std::string& from, const std::string& to) override {
        return under_.rename(from, to);
    }
    Result<void> remove(const std::string& path) override { return under_.remove(path); }
    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
        return under_.lock(path);
    }
    Result<SpaceInfo> space(const std::string& dir) const override { return under_.space(dir); }
    Result<std::string> volatile_type(const std::string& dir) const override {
        return under_.volatile_type(dir);
    }

private:
    class Watch final : public File {
    public:
        Watch(std::unique_ptr<File> file, Watched& seen) : file_(std::move(file)), seen_(seen) {}
        Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
            seen_.written = std::max(seen_.written, offset + bytes.size());
            return file_->write_at(offset, bytes);
        }
        Result<std::size_t> read_at(std::uint64_t offset,
                                    std::span<std::uint8_t> out) const override {
            return file_->read_at(offset, out);
        }
        Result<void> allocate(std::uint64_t size) override { return file_->allocate(size); }
        Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
        Result<void> sync_data() override {
            seen_.synced = seen_.written;
            return file_->sync_data();
        }
        Result<void> sync_all() override {
            seen_.synced = seen_.written;
            return file_->sync_all();
        }
        Result<std::uint64_t> size() const override { return file_->size(); }
        void drop_cached(std::uint64_t from, std::uint64_t end) override {
            EXPECT_EQ(from, seen_.dropped);
            EXPECT_LT(from, end);
            EXPECT_LE(end, seen_.synced);
            seen_.dropped = end;
        }

    private:
        std::unique_ptr<File> file_;
        Watched& seen_;
    };

    testing::SimFileSystem under_;
};

JournalOptions large_options() {
    JournalOptions options;
    options.segment_bytes = 4u << 20;
    options.preallocate_bytes = 1u << 20;
    return options;
}

TEST(JournalCache, OnlySyncedBytesLeaveMemoryAndOfAClosedSegmentAll) {
    WatchedFiles fs;
    auto journal = open_journal(fs, "/log", large_options());
    while (fs.files.size() < 3) append_synced(*journal, 500);

    const Watched& closed = fs.files.begin()->second;
    EXPECT_EQ(closed.dropped, closed.written);
    expect_lines(*journal, journal->lines());
}

TEST(JournalCache, TheNewestLinesStayInMemory) {
    WatchedFiles fs;
    auto journal = open_journal(fs, "/log", large_options());
    for (int i = 0; i < 20; ++i) append_synced(*journal, 1);
    EXPECT_EQ(fs.files.begin()->second.dropped, 0u);

    append_synced(*journal, 2'000);
    const Watched& file = fs.files.begin()->second;
    EXPECT_GT(file.dropped, file.written - 4096);
    EXPECT_LE(file.dropped, file.written);
    EXPECT_EQ(file.dropped % 4096, 0u);
}

}  // namespace
}  // namespace anchorlog::store
