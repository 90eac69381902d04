#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "anchorlog/ledger/control_batch.h"
#include "anchorlog/store/journal.h"
#include "anchorlog/wire/header.h"

namespace anchorlog::ledger {

// A segment of log/ and what seals it.
struct KeptSegment {
    EntryIndex first;
    EntryIndex last;
    bool is_closed = false;        // a newer one follows
    bool is_pruned = false;        // its file is gone
    std::optional<BatchId> batch;  // the one that holds its last entry; none: not sealed
    WallTime sealed_at;            // of that batch
};

// Makes a `prune` header of this record durable in batches/.
using SealPrune = std::function<Result<void>(const wire::PruneRecord&)>;

// Takes lines out of a stopped daemon's log (formats §5). The order is the same for a segment and
// for one entry, and each step is durable before the next begins:
//   1. `.leaves` and `.devices.ndjson` are written beside the segment. A crash leaves the log
//      whole, and perhaps two files more.
//   2. The `prune` header is sealed. A crash leaves the log whole, and a header that allows what
//      was not done yet.
//   3. The segment is copied, if it is to be kept, and removed; or written anew without the line,
//      and put in its place by a rename. A crash leaves the one or the other.
// The same call again goes on wherever a crash ended it: ranges that a header names already are not
// sealed again.
class Retention {
public:
    // `dir` is the store. The journals outlive this; of log/ nothing is torn.
    Retention(FileSystem& fs, std::string dir, const store::Journal& log,
              const store::Journal& batches);

    // Reads every header.
    [[nodiscard]] Result<void> read();
    [[nodiscard]] const std::vector<KeptSegment>& segments() const { return segments_; }
    // The segment that holds an entry.
    [[nodiscard]] const KeptSegment* holding(EntryIndex index) const;

    // Prunes closed, sealed segments by their first entries, ascending. `to`: a directory that
    // gets the files, made if need be; empty: they are lost. Refused: a segment whose lines do not
    // give the sealed roots, and one that `to` holds with other content.
    [[nodiscard]] Result<void> archive(const std::vector<EntryIndex>& firsts, const std::string& to,
                                       const std::string& why, const SealPrune& seal);
    // Prunes one entry of a closed, sealed segment. Lines behind it move, and what state/ knows of
    // them is wrong then: `drop_state` removes it.
    [[nodiscard]] Result<void> erase(EntryIndex index, const std::string& why,
                                     const SealPrune& seal,
                                     const std::function<Result<void>()>& drop_state);

private:
    [[nodiscard]] Result<void> prepare(const std::vector<wire::PruneRange>& ranges,
                                       const std::string& why, const SealPrune& seal);
    [[nodiscard]] std::vector<wire::PruneRange> not_pruned(const wire::PruneRange& range) const;
    [[nodiscard]] Result<void> must_be_elsewhere(const std::string& to);
    [[nodiscard]] Result<void> put_away(EntryIndex first, const std::string& to);
    [[nodiscard]] Result<void> rewrite(const KeptSegment& segment, EntryIndex without);
    [[nodiscard]] std::string in_log(const std::string& name) const {
        return dir_ + "/log/" + name;
    }

    FileSystem& fs_;
    const std::string dir_;
    const store::Journal& log_;
    const store::Journal& batches_;
    std::vector<KeptSegment> segments_;
    std::vector<wire::PruneRange> pruned_;  // by sealed headers, ascending
};

// The batch that allows the lines of these ranges to be gone. `signer` is the log's key.
[[nodiscard]] Result<SealedBatch> make_prune(const std::string& origin,
                                             const crypto::Signer& signer,
                                             const wire::PruneRecord& record, const HistoryEnd& end,
                                             WallTime now);

}  // namespace anchorlog::ledger
