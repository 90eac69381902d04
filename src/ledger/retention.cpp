#include "anchorlog/ledger/retention.h"

#include <algorithm>
#include <utility>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/store/segment_names.h"
#include "anchorlog/wire/pruned_lines.h"
#include "ledger/damage.h"
#include "ledger/segment_proofs.h"

namespace anchorlog::ledger {
namespace {

constexpr std::size_t kBlockBytes = 1u << 20;
// Under one header; so much of `.leaves` and `.devices.ndjson` is in memory at once.
constexpr std::size_t kSegmentsAtOnce = 16;

// A file that is written from its beginning, a block at a time.
class Writer {
public:
    static Result<Writer> create(FileSystem& fs, const std::string& path) {
        auto left_over = fs.exists(path);
        if (!left_over) return std::move(left_over).error();
        if (*left_over) {
            if (auto removed = fs.remove(path); !removed) return std::move(removed).error();
        }
        auto file = fs.open(path, OpenMode::create_new);
        if (!file) return std::move(file).error();
        return Writer(std::move(*file));
    }
    Result<void> add(std::string_view bytes) {
        block_.append(bytes);
        return block_.size() < kBlockBytes ? Result<void>() : flush();
    }
    Result<void> sync() {
        if (auto done = flush(); !done) return done;
        return file_->sync_all();
    }

private:
    explicit Writer(std::unique_ptr<File> file) : file_(std::move(file)) {}
    Result<void> flush() {
        if (auto done = file_->write_at(offset_, as_bytes(block_)); !done) return done;
        offset_ += block_.size();
        block_.clear();
        return {};
    }

    std::unique_ptr<File> file_;
    std::string block_;
    std::uint64_t offset_ = 0;
};

// Calls `take` with the file's bytes, a block at a time.
Result<void> read_blocks(FileSystem& fs, const std::string& path,
                         const std::function<Result<void>(std::uint64_t, std::string_view)>& take) {
    auto file = fs.open(path, OpenMode::read);
    if (!file) return std::move(file).error();
    Bytes block(kBlockBytes);
    for (std::uint64_t offset = 0;;) {
        auto got = (*file)->read_at(offset, block);
        if (!got) return std::move(got).error();
        if (auto done = take(offset, as_text(ByteView(block).first(*got))); !done) return done;
        if (*got < block.size()) return {};
        offset += *got;
    }
}

Result<bool> same_content(FileSystem& fs, const std::string& a, const std::string& b) {
    auto other = fs.open(b, OpenMode::read);
    if (!other) return std::move(other).error();
    bool same = true;
    std::uint64_t size = 0;
    auto compared = read_blocks(fs, a, [&](std::uint64_t offset, std::string_view bytes) {
        Bytes theirs(bytes.size());
        auto got = (*other)->read_at(offset, theirs);
        if (!got) return Result<void>(std::move(got).error());
        same = same && *got == bytes.size() && as_text(theirs) == bytes;
        size = offset + bytes.size();
        return Result<void>();
    });
    if (!compared) return std::move(compared).error();
    auto other_size = (*other)->size();
    if (!other_size) return std::move(other_size).error();
    return same && *other_size == size;
}

std::string entry_text(EntryIndex index) { return "entry " + std::to_string(index.value); }

}  // namespace

Retention::Retention(FileSystem& fs, std::string dir, const store::Journal& log,
                     const store::Journal& batches)
    : fs_(fs), dir_(std::move(dir)), log_(log), batches_(batches) {}

Result<void> Retention::read() {
    segments_.clear();
    pruned_.clear();
    const auto spans = log_.segments();
    for (std::size_t i = 0; i < spans.size(); ++i) {
        if (spans[i].lines_end == spans[i].first_line) continue;
        segments_.push_back({EntryIndex(spans[i].first_line),
                             EntryIndex(spans[i].lines_end - 1),
                             i + 1 < spans.size(),
                             spans[i].is_pruned,
                             {},
                             {}});
    }
    std::size_t at = 0;
    const auto visit = [&](std::uint64_t number, std::string_view text,
                           store::LinePosition) -> Result<void> {
        auto header = header_of_line(number, text);
        if (!header) return std::move(header).error();
        const std::uint64_t end = header->first_index.value + header->count;
        for (; at < segments_.size() && segments_[at].last.value < end; ++at) {
            segments_[at].batch = header->batch_id;
            segments_[at].sealed_at = header->sealed_at;
        }
        if (!header->prune) return {};
        pruned_.insert(pruned_.end(), header->prune->ranges.begin(), header->prune->ranges.end());
        return {};
    };
    if (auto done = batches_.for_each(0, visit); !done) return done;
    std::sort(pruned_.begin(), pruned_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return {};
}

const KeptSegment* Retention::holding(EntryIndex index) const {
    for (const KeptSegment& segment : segments_) {
        if (segment.first <= index && index <= segment.last) return &segment;
    }
    return nullptr;
}

// What of a range no sealed header names yet.
std::vector<wire::PruneRange> Retention::not_pruned(const wire::PruneRange& range) const {
    std::vector<wire::PruneRange> left;
    EntryIndex next = range.first;
    for (const wire::PruneRange& known : pruned_) {
        if (known.last < next || known.first > range.last) continue;
        if (known.first > next) left.push_back({next, EntryIndex(known.first.value - 1)});
        next = known.last.plus(1);
    }
    if (next <= range.last) left.push_back({next, range.last});
    return left;
}

// Steps 1 and 2, for ranges of different segments.
Result<void> Retention::prepare(const std::vector<wire::PruneRange>& ranges, const std::string& why,
                                const SealPrune& seal) {
    std::vector<KeptSegment> segments;
    for (const wire::PruneRange& range : ranges) segments.push_back(*holding(range.first));
    auto proofs = read_proofs(fs_, dir_, log_, batches_, segments);
    if (!proofs) return std::move(proofs).error();
    wire::PruneRecord record;
    record.why = why;
    std::string all_devices;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const std::uint64_t first = segments[i].first.value;
        const SegmentProofs& proof = (*proofs)[i];
        auto written = replace_file(fs_, in_log(store::leaves_name(first)), as_bytes(proof.leaves));
        if (written) {
            written =
                replace_file(fs_, in_log(store::devices_name(first)), as_bytes(proof.devices));
        }
        if (!written) return written;
        const auto left = not_pruned(ranges[i]);
        if (left.empty()) continue;
        record.ranges.insert(record.ranges.end(), left.begin(), left.end());
        all_devices += proof.devices;
    }
    if (record.ranges.empty()) return {};
    record.devices_sha256 = crypto::sha256(as_bytes(all_devices));
    if (auto sealed = seal(record); !sealed) return sealed;
    pruned_.insert(pruned_.end(), record.ranges.begin(), record.ranges.end());
    std::sort(pruned_.begin(), pruned_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return {};
}

// Step 3 of a segment.
Result<void> Retention::put_away(EntryIndex first, const std::string& to) {
    const std::string name = store::segment_name(first.value);
    const std::string from = in_log(name);
    if (!to.empty()) {
        const std::string copy = to + "/" + name;
        auto exists = fs_.exists(copy);
        if (!exists) return std::move(exists).error();
        if (*exists) {
            auto same = same_content(fs_, from, copy);
            if (!same) return std::move(same).error();
            if (!*same) {
                return Error{Errc::refused, copy +
                                                " is there and holds something else: choose "
                                                "another directory, or move it away"};
            }
        } else {
            auto writer = Writer::create(fs_, copy + ".partial");
            if (!writer) return std::move(writer).error();
            auto done = read_blocks(fs_, from, [&](std::uint64_t, std::string_view bytes) {
                return writer->add(bytes);
            });
            if (done) done = writer->sync();
            if (done) done = fs_.rename(copy + ".partial", copy);
            if (!done) return done;
        }
        if (auto synced = fs_.sync_dir(to); !synced) return synced;
    }
    if (auto removed = fs_.remove(from); !removed) return removed;
    return fs_.sync_dir(dir_ + "/log");
}

// A copy that is the original would be removed with it.
Result<void> Retention::must_be_elsewhere(const std::string& to) {
    const std::string probe = "archive.probe";
    if (auto left_over = fs_.exists(to + "/" + probe); !left_over || !*left_over) {
        auto made = fs_.open(to + "/" + probe, OpenMode::create_new);
        if (!made) return std::move(made).error();
    }
    auto is_same = fs_.exists(in_log(probe));
    if (auto removed = fs_.remove(to + "/" + probe); !removed) return removed;
    if (!is_same) return std::move(is_same).error();
    if (!*is_same) return {};
    return Error{Errc::refused, to + " is the log itself: choose another directory"};
}

Result<void> Retention::archive(const std::vector<EntryIndex>& firsts, const std::string& to,
                                const std::string& why, const SealPrune& seal) {
    if (!to.empty()) {
        if (auto made = fs_.create_dir(to); !made) return made;
        if (auto elsewhere = must_be_elsewhere(to); !elsewhere) return elsewhere;
    }
    for (std::size_t at = 0; at < firsts.size(); at += kSegmentsAtOnce) {
        std::vector<wire::PruneRange> ranges;
        for (std::size_t i = at; i < std::min(firsts.size(), at + kSegmentsAtOnce); ++i) {
            const KeptSegment* const segment = holding(firsts[i]);
            if (segment == nullptr || segment->first != firsts[i] || segment->is_pruned ||
                !segment->is_closed || !segment->batch) {
                return Error{Errc::refused,
                             "no closed and sealed segment begins with " + entry_text(firsts[i])};
            }
            ranges.push_back({segment->first, segment->last});
        }
        if (auto prepared = prepare(ranges, why, seal); !prepared) return prepared;
        for (const wire::PruneRange& range : ranges) {
            if (auto done = put_away(range.first, to); !done) return done;
        }
    }
    return {};
}

// Step 3 of one entry.
Result<void> Retention::rewrite(const KeptSegment& segment, EntryIndex without) {
    const std::string path = in_log(store::segment_name(segment.first.value));
    auto writer = Writer::create(fs_, path + ".partial");
    if (!writer) return std::move(writer).error();
    std::uint64_t next = segment.first.value;
    const auto visit = [&](std::uint64_t line, std::string_view text,
                           store::LinePosition) -> Result<void> {
        if (line > segment.last.value) return Error{Errc::not_found, "end of segment"};
        next = line + 1;
        std::string erased;
        if (line == without.value && !wire::is_erased_line(text)) {
            wire::append_erased_line(erased, {without, merkle::hash_leaf(as_bytes(text))});
            return writer->add(erased);
        }
        if (auto done = writer->add(text); !done) return done;
        return writer->add("\n");
    };
    auto copied = log_.for_each(segment.first.value, visit);
    if (next != segment.last.value + 1) return copied ? damage("log/ ends early") : copied;
    if (auto synced = writer->sync(); !synced) return synced;
    if (auto moved = fs_.rename(path + ".partial", path); !moved) return moved;
    return fs_.sync_dir(dir_ + "/log");
}

Result<void> Retention::erase(EntryIndex index, const std::string& why, const SealPrune& seal,
                              const std::function<Result<void>()>& drop_state) {
    const KeptSegment* const segment = holding(index);
    if (segment == nullptr) {
        return Error{Errc::not_found, "the log has no " + entry_text(index)};
    }
    if (segment->is_pruned) {
        return Error{Errc::refused, entry_text(index) +
                                        " is in an archived segment: what is left of its line is "
                                        "in the archive, and to be deleted there"};
    }
    if (!segment->is_closed || !segment->batch) {
        return Error{Errc::refused,
                     entry_text(index) +
                         " is in the newest segment, which is not closed yet: set "
                         "storage.segment_bytes below its size, start the daemon until it has "
                         "logged something more, stop it, and try again"};
    }
    if (auto prepared = prepare({{index, index}}, why, seal); !prepared) return prepared;
    if (auto dropped = drop_state(); !dropped) return dropped;
    return rewrite(*segment, index);
}

Result<SealedBatch> make_prune(const std::string& origin, const crypto::Signer& signer,
                               const wire::PruneRecord& record, const HistoryEnd& end,
                               WallTime now) {
    wire::Header header;
    header.kind = "prune";
    header.log = origin;
    header.prune = record;
    return make_control_batch(std::move(header), end, {&signer}, now);
}

}  // namespace anchorlog::ledger
