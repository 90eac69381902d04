#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"

namespace anchorlog::verify {

struct TilesReport {
    Verdict verdict = Verdict::undecided;  // pass: everything was written
    std::string origin;
    HistoryHead head;  // what the files are of
    std::uint64_t files = 0;
    std::vector<Fault> faults;  // of batches/; then nothing was written
    std::vector<std::string> undecided;
};
// Takes one file, by its path below the log's prefix. The checkpoint comes last.
using WriteTile = std::function<Result<void>(const std::string& path, std::string_view bytes)>;

// Writes the history tree of the store in `dir` as C2SP tlog-tiles: the headers are the entries.
// Its headers, checkpoints and seals are audited first, without `trust` under the keys that its
// genesis names. Memory: 33 bytes a batch. Never throws.
[[nodiscard]] TilesReport export_tiles(FileSystem& fs, const std::string& dir, const Trust* trust,
                                       const WriteTile& write);

}  // namespace anchorlog::verify
