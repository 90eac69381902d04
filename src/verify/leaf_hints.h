#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/types.h"
#include "verify/line_stream.h"

namespace anchorlog::verify {

// The leaf hashes kept beside the log, `log/<first line>.leaves` (formats §5), 32 bytes each in
// index order. Untrusted: they count only where they hash to a sealed merkle_root, and are then
// as good as the lines they were made of.
class LeafHints {
public:
    LeafHints(FileSystem& fs, const std::vector<Segment>& segments)
        : fs_(fs), segments_(segments) {}

    // The leaves of entries [first, first + count) when they are all there and give `root`.
    [[nodiscard]] std::optional<std::vector<Hash>> leaves(std::uint64_t first, std::uint64_t count,
                                                          const Hash& root);
    // Entries the hints reach; more than are sealed means batches may be gone.
    [[nodiscard]] std::uint64_t end();

private:
    [[nodiscard]] File* open(const Segment& segment);

    FileSystem& fs_;
    const std::vector<Segment>& segments_;
    std::unique_ptr<File> file_;
    const Segment* file_of_ = nullptr;
};

}  // namespace anchorlog::verify
