#include "anchorlog/base/file_system.h"

#include <unistd.h>

#include <atomic>

namespace anchorlog {

namespace {

constexpr int kTemporaryNamesMax = 1'000;

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// The process id alone is not unique: in a container every run has the same one, and a crash
// leaves its file behind. So names that exist are passed over.
Result<std::string> temporary_name(const FileSystem& fs, const std::string& path) {
    static std::atomic<std::uint64_t> counter{0};
    for (int i = 0; i < kTemporaryNamesMax; ++i) {
        std::string name = path + ".tmp-" + std::to_string(::getpid()) + "-" +
                           std::to_string(counter.fetch_add(1));
        const auto taken = fs.exists(name);
        if (!taken) return taken.error();
        if (!*taken) return name;
    }
    return Error{Errc::io,
                 path + ": no free temporary name; remove the left-over " + path + ".tmp-* files"};
}

Result<void> write_synced(FileSystem& fs, const std::string& path, ByteView bytes) {
    auto file = fs.open(path, OpenMode::create_new);
    if (!file) return std::move(file).error();
    if (auto done = (*file)->write_at(0, bytes); !done) return done;
    return (*file)->sync_all();
}

}  // namespace

Result<std::string> read_file(FileSystem& fs, const std::string& path, std::uint64_t size_max) {
    auto file = fs.open(path, OpenMode::read);
    if (!file) return std::move(file).error();
    const auto size = (*file)->size();
    if (!size) return size.error();
    if (*size > size_max) {
        return Error{Errc::invalid_input, path + ": " + std::to_string(*size) + " bytes, at most " +
                                              std::to_string(size_max) + " are allowed"};
    }
    std::string text(*size, '\0');
    const auto read =
        (*file)->read_at(0, std::span(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));
    if (!read) return read.error();
    text.resize(*read);
    return text;
}

Result<void> replace_file(FileSystem& fs, const std::string& path, ByteView bytes) {
    auto name = temporary_name(fs, path);
    if (!name) return std::move(name).error();
    // A crash before the rename leaves the old file and a temporary one nobody reads.
    auto done = write_synced(fs, *name, bytes);
    if (done) done = fs.rename(*name, path);
    if (!done) {
        // The first error tells what is wrong; a temporary file that stays does no harm.
        static_cast<void>(fs.remove(*name));
        return done;
    }
    // A crash here leaves either file under `path`, each whole.
    return fs.sync_dir(directory_of(path));
}

}  // namespace anchorlog
