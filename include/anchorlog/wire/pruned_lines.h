#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/wire/header.h"

namespace anchorlog::wire {

// What stands in the place of a pruned entry's line: `{"erased":"<leaf>","index":N}` (formats §5).
// By itself it proves nothing: its leaf has to give the sealed root, and its index has to be in a
// range of a sealed `prune` header.
struct ErasedLine {
    EntryIndex index;
    Hash leaf;
};

// Whether a line says that it is one: no entry begins so.
[[nodiscard]] bool is_erased_line(std::string_view line);
[[nodiscard]] Result<ErasedLine> parse_erased_line(std::string_view line);
// With LF.
void append_erased_line(std::string& out, const ErasedLine& line);

// Shows `log/<first>.leaves` as the lines that stand for its entries, so that whoever reads log/
// reads an archived segment as any other. Only to be read. A last leaf that is not whole is filled
// up with zeros: no root agrees with it.
[[nodiscard]] Result<std::unique_ptr<File>> show_erased_lines(std::unique_ptr<File> leaves,
                                                              EntryIndex first);

// `log/<first>.devices.ndjson`: for each batch with an entry in the segment, one line for each of
// its sources, in the header's order, whether the header lists them or states their digest.
inline constexpr std::uint64_t kDevicesFileSizeMax = 256u << 20;

// With LF.
void append_source_line(std::string& out, BatchId batch, const Source& source);

// The sources of one batch after the other out of such a file's text; batches are asked for in
// ascending order.
class SourceLines {
public:
    explicit SourceLines(std::string text) : text_(std::move(text)) {}
    // Empty when the file has none of that batch.
    [[nodiscard]] Result<std::vector<Source>> of(BatchId batch);

private:
    std::string text_;
    std::size_t at_ = 0;
};

// Whether these are the sources that the header lists or digests.
[[nodiscard]] bool are_sources_of(const Header& header, const std::vector<Source>& sources);

}  // namespace anchorlog::wire
