#include "anchorlog/crypto/sha256.h"
#include "verify/evidence_check.h"
#include "verify/stamp_audit.h"
#include "verify/verdict.h"

namespace anchorlog::verify {
namespace {

constexpr const char* kStep = "timestamp";
constexpr const char* kPhrase = "under a time stamp that does not hold";

}  // namespace

// The checkpoint that was stamped must be of this log and hold this header, whoever stamped it.
bool EvidenceCheck::check_stamped(EvidenceWalk& walk, const wire::EvidenceStamp& stamp) const {
    const std::uint64_t batch = walk.evidence.batch_id.value;
    const auto note = wire::parse_note(stamp.checkpoint);
    const auto stated =
        note ? wire::parse_checkpoint(note->text) : Result<wire::Checkpoint>(note.error());
    if (!stated) return walk.fail(kStep, kPhrase, stated.error().message);
    if (stated->origin != walk.checkpoint->origin) {
        return walk.fail(kStep, kPhrase, "it is of another log", walk.checkpoint->origin,
                         stated->origin);
    }
    if (stated->size.value != stamp.token.batch_id.value + 1 || batch >= stated->size.value) {
        return walk.fail(kStep, kPhrase, "its checkpoint is not one over this batch");
    }
    const auto root = merkle::inclusion_root(batch, stated->size, walk.header_leaf, stamp.path);
    if (root != stated->root) {
        return walk.fail(kStep, kPhrase, "the header's path does not lead to what was stamped",
                         "root " + to_hex(stated->root),
                         root ? to_hex(*root) : "no root: the path has the wrong length");
    }
    const Hash hash = crypto::sha256(as_bytes(stamp.checkpoint));
    if (hash == stamp.token.hash) return true;
    return walk.fail(kStep, kPhrase, "another checkpoint was stamped", to_hex(stamp.token.hash),
                     to_hex(hash));
}

bool EvidenceCheck::check_stamps(EvidenceWalk& walk) const {
    std::optional<TokenFinding> best;
    std::uint64_t best_batch = 0;
    for (const wire::EvidenceStamp& stamp : walk.evidence.stamps) {
        if (!check_stamped(walk, stamp)) return false;
        auto finding = judge_token(stamp.token.token, stamp.token.hash, trust_);
        if (!finding) return walk.fail(kStep, kPhrase, finding.error().message);
        if (finding->authority == nullptr) {
            walk.notes.push_back("not counted: the token of target " + stamp.token.target +
                                 " signed by " + finding->signer + ": " + finding->why);
            continue;
        }
        const bool is_better = !best ||
                               (finding->authority->is_public && !best->authority->is_public) ||
                               (finding->authority->is_public == best->authority->is_public &&
                                finding->at->ms < best->at->ms);
        if (!is_better) continue;
        best = std::move(*finding);
        best_batch = stamp.token.batch_id.value;
    }
    if (!best) return true;
    const std::string label = best->authority->is_public ? "public" : "private";
    const std::string said = "batches 0-" + std::to_string(best_batch) + " existed by " +
                             format_server_time(*best->at) + " says " + best->authority->name +
                             " (" + label + "), " + best->signer;
    walk.basis.push_back("timestamped: " + said);
    if (walk.level < Level::timestamped) {
        walk.level = Level::timestamped;
        walk.label = label;
        walk.basis.emplace_back(kTokenAlone);
    }
    return walk.ok(kStep, said);
}

}  // namespace anchorlog::verify
