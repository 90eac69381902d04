#include "anchorlog/base/file_system.h"

#include <gtest/gtest.h>

#include <map>

namespace anchorlog {
namespace {

// Files in memory that note every call, and fail the call of a given number.
class ScriptedFiles final : public FileSystem {
public:
    int fail_at = -1;
    std::vector<std::string> calls;
    std::map<std::string, std::string> files;
    bool has_leftover = false;  // exists() says yes to the first name asked for

    Result<void> step(const std::string& what) {
        calls.push_back(what);
        if (static_cast<int>(calls.size()) - 1 == fail_at) return Error{Errc::io, "scripted"};
        return {};
    }

    class Open final : public File {
    public:
        Open(ScriptedFiles& fs, std::string path) : fs_(fs), path_(std::move(path)) {}
        Result<void> write_at(std::uint64_t, ByteView bytes) override {
            if (auto done = fs_.step("write"); !done) return done;
            fs_.files[path_] = as_text(bytes);
            return {};
        }
        Result<std::size_t> read_at(std::uint64_t, std::span<std::uint8_t>) const override {
            return std::size_t{0};
        }
        Result<void> allocate(std::uint64_t) override { return {}; }
        Result<void> truncate(std::uint64_t) override { return {}; }
        Result<void> sync_data() override { return fs_.step("sync_data"); }
        Result<void> sync_all() override { return fs_.step("sync_all"); }
        Result<std::uint64_t> size() const override { return std::uint64_t{0}; }

    private:
        ScriptedFiles& fs_;
        std::string path_;
    };

    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode) override {
        if (auto done = step("open"); !done) return std::move(done).error();
        files[path] = "";
        return std::unique_ptr<File>(std::make_unique<Open>(*this, path));
    }
    Result<bool> exists(const std::string& path) const override {
        asked.push_back(path);
        return has_leftover && asked.size() == 1;
    }
    Result<void> rename(const std::string& from, const std::string& to) override {
        if (auto done = step("rename"); !done) return done;
        files[to] = files[from];
        files.erase(from);
        return {};
    }
    Result<void> sync_dir(const std::string& dir) override { return step("sync_dir " + dir); }
    Result<void> remove(const std::string& path) override {
        files.erase(path);
        return {};
    }
    Result<std::vector<std::string>> list(const std::string&) const override {
        return std::vector<std::string>();
    }
    Result<void> create_dir(const std::string&) override { return {}; }
    Result<std::unique_ptr<FileLock>> lock(const std::string&) override {
        return Error{Errc::io, "none"};
    }
    Result<SpaceInfo> space(const std::string&) const override { return SpaceInfo{}; }
    Result<std::string> volatile_type(const std::string&) const override { return std::string(); }

    mutable std::vector<std::string> asked;
};

TEST(ReplaceFile, SyncsTheFileBeforeTheNameAndTheDirectoryAfter) {
    ScriptedFiles fs;
    ASSERT_TRUE(replace_file(fs, "dir/a", as_bytes("new")));
    EXPECT_EQ(fs.calls,
              (std::vector<std::string>{"open", "write", "sync_all", "rename", "sync_dir dir"}));
    EXPECT_TRUE(fs.asked.front().starts_with("dir/a.tmp-"));

    ScriptedFiles flat;
    ASSERT_TRUE(replace_file(flat, "a", as_bytes("new")));
    EXPECT_EQ(flat.calls.back(), "sync_dir .");
    ScriptedFiles root;
    ASSERT_TRUE(replace_file(root, "/a", as_bytes("new")));
    EXPECT_EQ(root.calls.back(), "sync_dir /");
}

TEST(ReplaceFile, EveryFailureIsToldAndLeavesTheOldOrTheNewFile) {
    for (int i = 0; i < 5; ++i) {
        ScriptedFiles fs;
        fs.files["dir/a"] = "old";
        fs.fail_at = i;
        EXPECT_FALSE(replace_file(fs, "dir/a", as_bytes("new"))) << i;
        EXPECT_EQ(fs.files.size(), 1U) << i;
        EXPECT_EQ(fs.files["dir/a"], i < 4 ? "old" : "new") << i;
    }
}

TEST(ReplaceFile, PassesOverALeftoverOfACrash) {
    ScriptedFiles fs;
    fs.has_leftover = true;
    ASSERT_TRUE(replace_file(fs, "dir/a", as_bytes("new")));
    ASSERT_EQ(fs.asked.size(), 2U);
    EXPECT_NE(fs.asked[0], fs.asked[1]);
}

}  // namespace
}  // namespace anchorlog
