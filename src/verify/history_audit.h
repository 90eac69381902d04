#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/note.h"
#include "verify/batch_reader.h"
#include "verify/fault_list.h"

namespace anchorlog::verify {

// What is established of one batch's line.
struct SealedFacts {
    bool header_holds = false;   // the header is what was sealed, as far as can be told
    bool understood = true;      // false: of a later version
    Hash history_root;           // over all headers up to and with this one
    crypto::PublicKey signer{};  // the key that made the seal
    bool seal_holds = false;
};

// Follows the history tree: header by header, with checkpoint and seal. Once a header is lost,
// later roots cannot be recomputed any more; then the checkpoints' own roots stand in for them,
// checked by signature and by the next header's prev_root.
class HistoryAudit {
public:
    HistoryAudit(const Trust& trust, FaultList& faults, Report& report,
                 std::shared_ptr<LogKeys> keys = std::make_shared<LogKeys>())
        : trust_(trust), faults_(faults), report_(report), keys_(std::move(keys)) {}

    [[nodiscard]] SealedFacts line(const BatchReader& reader, const BatchFact& fact,
                                   std::uint64_t batch_id);
    void lost();

    // Where the next batch has to start; nothing after a lost header.
    [[nodiscard]] std::optional<std::uint64_t> next_index() const { return next_index_; }
    [[nodiscard]] const std::string& origin() const { return origin_; }
    [[nodiscard]] const Hash& log_id() const { return log_id_; }
    [[nodiscard]] bool intact() const { return intact_; }
    // The newest line was of a later version, or the one before it if that was lost since.
    [[nodiscard]] bool after_other_version() const { return after_other_version_; }

private:
    struct Place;
    void take_origin(const BatchFact& fact);
    void check_hardware_keys(const Place& place);
    void check_genesis(const Place& place);
    [[nodiscard]] SealedFacts check_signatures(const Place& place);
    void name_checkpoint(const Place& place, const SignatureFacts& by_line, const Hash& root);
    void check_key_change(const Place& place);
    void check_members(const Place& place);
    void check_kind(const Place& place);
    void name_header(const Place& place, const std::string& expected, const std::string& found);
    void differ(const Place& place, const char* member, std::string expected, std::string found);

    const Trust& trust_;
    FaultList& faults_;
    Report& report_;
    std::string origin_;
    Hash log_id_;
    std::shared_ptr<LogKeys> keys_;
    merkle::CompactRange history_;
    Hash root_ = merkle::empty_root();
    bool intact_ = true;
    bool after_other_version_ = false;
    std::optional<Hash> stated_root_;  // of the newest signed checkpoint, when not intact
    std::optional<std::uint64_t> next_index_ = 0;
    std::optional<WallTime> last_sealed_;
};

}  // namespace anchorlog::verify
