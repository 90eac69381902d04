#include "verify/own_keys.h"

#include "anchorlog/wire/header.h"
#include "verify/batch_reader.h"

namespace anchorlog::verify {

Result<Trust> own_keys(FileSystem& fs, const std::string& dir) {
    auto list = list_segments(fs, dir, "batches");
    if (!list) return std::move(list).error();
    LineStream stream(fs, list->segments, kBatchLineSizeMax);
    RawLine raw;
    auto more = stream.next(raw);
    if (!more) return std::move(more).error();
    if (!*more) return Error{Errc::not_found, "batches/ is empty"};
    auto line = wire::parse_batch_line(raw.text);
    auto header = line ? wire::parse_header(line->header) : Result<wire::Header>(line.error());
    if (!header) return std::move(header).error().in("genesis");
    if (!header->genesis) return Error{Errc::corruption, "the log does not begin with its genesis"};
    Trust trust;
    for (const std::string& text : header->genesis->keys) {
        if (auto key = wire::parse_vkey(text)) trust.logs.push_back({*key, ""});
        if (auto key = wire::parse_hardware_vkey(text)) trust.hardware.push_back(*key);
    }
    return trust;
}

}  // namespace anchorlog::verify
