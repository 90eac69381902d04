#include <set>

#include "anchorlog/verify/tiles.h"
#include "app/logverify_commands.h"

namespace anchorlog::app {
namespace {

// Files of one log below a directory. What a tile holds never changes, so one that is there and
// differs is another history's: it is evidence, and stays.
class TileFiles {
public:
    TileFiles(FileSystem& fs, std::string dir) : fs_(fs), dir_(std::move(dir)) {}

    Result<void> put(const std::string& path, std::string_view bytes) {
        if (auto made = make_dirs(path); !made) return made;
        const std::string file = dir_ + "/" + path;
        auto there = fs_.exists(file);
        if (!there) return std::move(there).error();
        if (*there && path != "checkpoint") {
            auto before = read_file(fs_, file, kTileSizeMax);
            if (!before) return std::move(before).error();
            if (*before == bytes) return {};
            return Error{Errc::refused, file +
                                            " is of another history, or damaged: choose another "
                                            "directory, and keep this one"};
        }
        return replace_file(fs_, file, as_bytes(bytes));
    }

private:
    // A full bundle of the longest entries.
    static constexpr std::uint64_t kTileSizeMax = 256 * (65'535 + 2);

    Result<void> make_dirs(const std::string& path) {
        for (std::size_t at = 0; at != std::string::npos; at = path.find('/', at + 1)) {
            const std::string dir = at == 0 ? dir_ : dir_ + "/" + path.substr(0, at);
            if (made_.contains(dir)) continue;
            if (auto done = fs_.create_dir(dir); !done) return done;
            made_.insert(dir);
        }
        return {};
    }

    FileSystem& fs_;
    std::string dir_;
    std::set<std::string> made_;
};

}  // namespace

Result<int> run_tiles(const VerifyCall& call, const Console& console) {
    auto out = call.need("-o", "DIR, where do the tiles go?");
    if (!out) return std::move(out).error();
    const auto trust = optional_trust_of(call);
    if (!trust) return trust.error();
    PosixFileSystem fs;
    TileFiles files(fs, *out);
    const auto report =
        verify::export_tiles(fs, call.words[0], *trust ? &**trust : nullptr,
                             [&files](const std::string& path, std::string_view bytes) {
                                 return files.put(path, bytes);
                             });
    for (const verify::Fault& fault : report.faults) {
        console.out << "FAULT " << verify::describe(fault) << "\n";
    }
    for (const std::string& why : report.undecided) console.out << "UNDECIDED " << why << "\n";
    if (report.verdict == verify::Verdict::pass) {
        console.out << "wrote " << report.files << " files of " << report.origin << ", size "
                    << report.head.size << ", to " << *out
                    << (*trust ? "" : "; checked under the log's own keys only") << "\n";
    }
    return exit_status(report.verdict);
}

}  // namespace anchorlog::app
