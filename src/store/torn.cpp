#include "anchorlog/store/torn.h"

#include "anchorlog/base/bytes.h"
#include "anchorlog/crypto/sha256.h"

namespace anchorlog::store {
namespace {

constexpr std::size_t kDigestDigits = 8;

}  // namespace

Result<std::string> keep_torn(FileSystem& fs, const std::string& store_dir,
                              const std::string& journal_name, std::uint64_t first_line,
                              std::string_view bytes) {
    const std::string dir = store_dir + "/torn";
    if (auto made = fs.create_dir(dir); !made) return std::move(made).error();
    const std::string digest = to_hex(crypto::sha256(as_bytes(bytes)));
    const std::string path = dir + "/" + journal_name + "-" + std::to_string(first_line) + "-" +
                             digest.substr(0, kDigestDigits) + ".bin";
    auto exists = fs.exists(path);
    if (!exists) return std::move(exists).error();
    if (*exists) {
        auto kept = read_file(fs, path, bytes.size());
        if (!kept || *kept != bytes) {
            return Error{Errc::corruption,
                         path + ": holds other bytes than those to be kept; move it away"};
        }
    }
    // Written again even if it is there: its earlier writer may have died before syncing it.
    if (auto written = replace_file(fs, path, as_bytes(bytes)); !written) {
        return std::move(written).error();
    }
    return path;
}

}  // namespace anchorlog::store
