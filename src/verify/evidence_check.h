#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/verify/chain_view.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/evidence.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/note.h"
#include "verify/anchor_audit.h"
#include "verify/entry_reader.h"
#include "verify/fault_list.h"
#include "verify/key_chain.h"

namespace anchorlog::verify {

// The path of the evidence's header in the history of `size` headers. Errors: not_found, the path
// is not at hand; corruption, the history at hand ends before `size`.
using HistoryPaths = std::function<Result<merkle::Path>(TreeSize size)>;

// What is known of the entry beside its evidence.
struct EntryPlace {
    std::optional<std::uint64_t> index;  // the one asked for; else the line's own
    std::optional<Hash> leaf;            // that stands at its place in the sealed batch
    std::string segment;                 // where the line was found; empty: nowhere but here
    std::uint64_t line = 0;              // in that file, from 1
};

// Why an entry is not followed to its end.
struct Denial {
    bool is_fault = true;  // else nothing is decided
    const char* step = "";
    std::string phrase;
    std::string detail;
};

// One entry on its way from its line to an anchor.
struct EvidenceWalk {
    EvidenceWalk(const wire::Evidence& evidence_, const HistoryPaths& paths_,
                 const EntryPlace& place_)
        : evidence(evidence_), paths(paths_), place(place_) {}

    const wire::Evidence& evidence;
    const HistoryPaths& paths;
    const EntryPlace& place;

    // Found on the way.
    std::uint64_t index = 0;
    EntryFact fact;
    std::optional<wire::Header> header;
    Hash header_leaf;
    std::optional<wire::Note> note;
    std::optional<wire::Checkpoint> checkpoint;
    KeyChain keys;              // from the trust file's of the checkpoint's origin
    merkle::PrefixRoots roots;  // history before and through the header
    crypto::PublicKey signer{};
    Level level = Level::none;
    std::string label;

    std::vector<Step> steps;
    std::optional<Fault> broken;  // the first broken link
    std::vector<std::string> undecided;
    std::vector<std::string> basis;
    std::vector<std::string> notes;

    bool ok(const char* step, std::string detail);
    bool skip(const char* step, std::string detail);
    bool fail(const char* step, std::string phrase, std::string detail, std::string expected = {},
              std::string found = {});
};

// The one check of an entry (formats §5), whether its evidence comes from a file or was just put
// together from a store: from the line to the anchor, up to the first broken link.
class EvidenceCheck {
public:
    // `chain` null: offline.
    EvidenceCheck(const Trust& trust, ChainView* chain, EntryReport& report);

    // Before the first run: all receipts the evidences bring, and what the chain says.
    void take_anchors(const Hash& log_id, const std::vector<wire::AnchorReceipt>& receipts);
    // Appends what was found to the report.
    void run(const wire::Evidence& evidence, const HistoryPaths& paths, const EntryPlace& place,
             EntryHit& hit);
    // The same for an entry without evidence: its line is checked, then `why` is what is said.
    void run_line(const std::string& line, const EntryPlace& place, const Denial& why,
                  EntryHit& hit);
    // Takes back what was found of a hit.
    void deny(const EntryPlace& place, const Denial& why, EntryHit& hit);
    // After the last run: verdict, level and what they rest on.
    void conclude();

private:
    [[nodiscard]] bool inner_links(EvidenceWalk& walk) const;
    [[nodiscard]] bool outer_links(EvidenceWalk& walk);
    [[nodiscard]] bool check_line(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_batch(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_header(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_source(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_history(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_keys(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_checkpoint(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_hardware(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_witnesses(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_seal(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_anchors(EvidenceWalk& walk);
    [[nodiscard]] bool check_stamps(EvidenceWalk& walk) const;
    [[nodiscard]] bool check_stamped(EvidenceWalk& walk, const wire::EvidenceStamp& stamp) const;
    [[nodiscard]] bool check_claim(EvidenceWalk& walk, AnchorClaim& claim);
    [[nodiscard]] bool take_best(EvidenceWalk& walk, const std::vector<AnchorClaim>& claims);
    [[nodiscard]] std::string still_holds(const EvidenceWalk& walk);
    void report_walk(EvidenceWalk& walk, EntryHit& hit);

    const Trust& trust_;
    ChainView* chain_;
    EntryReport& report_;
    FaultList faults_;
    AnchorAudit anchors_;
    std::vector<Fault> anchor_faults_;
    bool took_anchors_ = false;
};

}  // namespace anchorlog::verify
