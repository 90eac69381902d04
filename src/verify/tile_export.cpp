#include "anchorlog/merkle/tiles.h"
#include "anchorlog/verify/tiles.h"
#include "verify/batch_reader.h"
#include "verify/fault_list.h"
#include "verify/history_audit.h"
#include "verify/own_keys.h"

namespace anchorlog::verify {
namespace {

constexpr std::uint32_t kTileHeight = 8;

class TileExport {
public:
    TileExport(FileSystem& fs, const std::string& dir, const Trust& trust, const WriteTile& write)
        : fs_(fs), dir_(dir), trust_(trust), write_(write) {}

    TilesReport run() {
        auto done = read_history();
        report_.faults = faults_.take();
        for (std::string& why : audit_.undecided) report_.undecided.push_back(std::move(why));
        const bool sound = done && report_.faults.empty() && report_.undecided.empty();
        if (sound) done = write_files();
        if (!done) report_.undecided.push_back(done.error().message);
        report_.verdict = !report_.faults.empty()      ? Verdict::fail
                          : !report_.undecided.empty() ? Verdict::undecided
                                                       : Verdict::pass;
        return std::move(report_);
    }

private:
    Result<void> read_history() {
        auto list = list_segments(fs_, dir_, "batches");
        if (!list) return std::move(list).error().in("no batches to write");
        list_ = std::move(*list);
        BatchReader reader(fs_, list_.segments, faults_);
        HistoryAudit history(trust_, faults_, audit_);
        merkle::CompactRange range;
        for (std::uint64_t batch = 0;; ++batch) {
            auto step = reader.next(batch);
            if (!step) return std::move(step).error();
            if (step->kind == BatchReader::Step::Kind::end) break;
            if (step->kind == BatchReader::Step::Kind::lost) {
                history.lost();
                continue;
            }
            const SealedFacts facts = history.line(reader, step->fact, batch);
            range.append(step->fact.leaf,
                         [this](merkle::NodeId id, const Hash& hash) { keep(id, hash); });
            report_.head = {batch + 1, facts.history_root, step->fact.line.checkpoint};
        }
        report_.origin = history.origin();
        if (report_.head.size == 0) return Error{Errc::not_found, "batches/ is empty"};
        return {};
    }

    // Of the tree's nodes tiles hold each eighth level.
    void keep(merkle::NodeId id, const Hash& hash) {
        if (id.level % kTileHeight != 0) return;
        const std::size_t level = id.level / kTileHeight;
        if (levels_.size() <= level) levels_.resize(level + 1);
        levels_[level].push_back(hash);
    }

    // The lines are read a second time: memory holds their hashes alone, which they must still
    // have.
    Result<void> write_files() {
        LineStream stream(fs_, list_.segments, kBatchLineSizeMax);
        const merkle::EntrySource headers = [&](std::uint64_t batch) -> Result<std::string> {
            RawLine raw;
            auto more = stream.next(raw);
            if (!more) return std::move(more).error();
            auto line = *more ? wire::parse_batch_line(raw.text)
                              : Result<wire::BatchLine>(Error{Errc::not_found, "it is gone"});
            if (line && merkle::hash_leaf(as_bytes(line->header)) == levels_[0][batch]) {
                return std::move(line->header);
            }
            return Error{Errc::corruption,
                         "batch " + std::to_string(batch) + " changed while it was read"};
        };
        const merkle::NodeSource nodes = [&](merkle::NodeId id) -> Result<Hash> {
            return levels_[id.level / kTileHeight][id.index];
        };
        const auto put = [&](const merkle::Tile& tile) -> Result<void> {
            auto bytes = merkle::render_tile(tile, nodes, headers);
            if (!bytes) return std::move(bytes).error();
            ++report_.files;
            return write_(merkle::format_tile_path(tile), *bytes);
        };
        auto done = merkle::for_each_tile(TreeSize(report_.head.size), put);
        // Whoever reads the checkpoint may ask for every tile under it.
        if (done) done = write_("checkpoint", report_.head.checkpoint);
        if (done) ++report_.files;
        return done;
    }

    FileSystem& fs_;
    const std::string& dir_;
    const Trust& trust_;
    const WriteTile& write_;
    TilesReport report_;
    FaultList faults_;
    Report audit_;
    SegmentList list_;
    std::vector<std::vector<Hash>> levels_;
};

}  // namespace

TilesReport export_tiles(FileSystem& fs, const std::string& dir, const Trust* trust,
                         const WriteTile& write) {
    if (trust != nullptr) return TileExport(fs, dir, *trust, write).run();
    auto own = own_keys(fs, dir);
    if (own) return TileExport(fs, dir, *own, write).run();
    TilesReport report;
    report.undecided.push_back(own.error().message);
    return report;
}

}  // namespace anchorlog::verify
