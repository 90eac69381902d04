#include "verify/verdict.h"

#include <algorithm>

#include "verify/batch_reader.h"

namespace anchorlog::verify {
namespace {

std::string batches_text(std::uint64_t from, std::uint64_t to) {
    return from == to ? "batch " + std::to_string(from)
                      : "batches " + std::to_string(from) + "-" + std::to_string(to);
}

std::string cover_text(const AnchorAudit::Cover& cover) {
    return "anchored: " + batches_text(cover.from, cover.to) + " by " +
           std::to_string(cover.records) + (cover.records == 1 ? " record" : " records") +
           " in contract " + eth::format_address(cover.anchor->contract) + " on chain " +
           std::to_string(cover.anchor->chain_id) + " (" +
           (cover.anchor->is_public ? "public" : "private") + "); " + cover.basis;
}

std::string stamp_text(const StampAudit::Cover& cover) {
    return "timestamped: " + batches_text(0, cover.to) + " existed by " +
           format_server_time(cover.newest) + " says " + cover.authority->name + " (" +
           (cover.authority->is_public ? "public" : "private") + "), by " +
           std::to_string(cover.tokens) + (cover.tokens == 1 ? " token" : " tokens") +
           "; the longest from a seal to its token is " + duration_text(cover.delay_ms_max) +
           " (batch " + std::to_string(cover.delayed_batch) + ")";
}

// The best of the authorities, and what tokens cannot do.
bool take_timestamps(Report& report, const StampAudit& stamps) {
    const StampAudit::Cover* best = nullptr;
    for (const StampAudit::Cover& cover : stamps.covers()) {
        report.basis.push_back(stamp_text(cover));
        if (best == nullptr || (cover.authority->is_public && !best->authority->is_public)) {
            best = &cover;
        }
    }
    if (best == nullptr) return false;
    report.level = Level::timestamped;
    report.label = best->authority->is_public ? "public" : "private";
    report.basis.emplace_back(kTokenAlone);
    return true;
}

void take_level(Report& report, const AnchorAudit& anchors, const StampAudit& stamps) {
    const bool is_stamped = take_timestamps(report, stamps);
    const AnchorAudit::Cover* best = nullptr;
    for (const AnchorAudit::Cover& cover : anchors.covers()) {
        report.basis.push_back(cover_text(cover));
        if (cover.from != 0) {
            report.basis.push_back(
                batches_text(0, cover.from - 1) +
                " have no verified anchor of their own: what was changed in them before batch " +
                std::to_string(cover.to) + " was anchored would not be seen");
            continue;
        }
        if (best == nullptr || (cover.anchor->is_public && !best->anchor->is_public)) best = &cover;
    }
    if (best != nullptr) {
        report.level = Level::anchored;
        report.label = best->anchor->is_public ? "public" : "private";
        if (!best->anchor->is_public) {
            report.basis.emplace_back(kPrivateChain);
        }
        return;
    }
    if (is_stamped) return;
    report.level = Level::sealed;
    report.basis.emplace_back(kSealedAlone);
}

}  // namespace

std::vector<std::string> not_checked_by(const Trust& trust, bool online) {
    std::vector<std::string> all;
    if (!online) {
        all.emplace_back(
            "the chain (offline): whether the anchors still stand, whether it holds "
            "newer ones than the log shows, the contract's code");
    }
    all.emplace_back(trust.witnesses.empty()
                         ? "witness cosignatures: none are known"
                         : "witness cosignatures and the trust file's quorum: not checked by this "
                           "version");
    if (!trust.authorities.empty()) {
        all.emplace_back("whether a time stamp authority's certificate was revoked");
    }
    all.emplace_back("device signatures inside alerts; times, which are the server's claims");
    return all;
}

std::vector<std::string> not_checked_of_entry(bool online) {
    std::vector<std::string> all;
    if (!online) {
        all.emplace_back(
            "the chain (offline): whether the anchor still stands, the contract's code");
    }
    all.emplace_back(
        "storage proofs: receipts bear none, the event in the receipt trie is the record");
    all.emplace_back("device signatures inside alerts; times, which are the server's claims");
    all.emplace_back("the rest of the log: `logverify log` does that");
    return all;
}

void conclude(Report& report, const Trust& trust, AnchorAudit& anchors, const StampAudit& stamps,
              bool online) {
    for (std::string& one : not_checked_by(trust, online)) {
        report.not_checked.push_back(std::move(one));
    }
    if (report.range) {
        report.not_checked.emplace_back(
            "entries of batches outside the range asked for, and the numbers that devices "
            "reached before it");
    }
    report.anchors = anchors.summaries();
    report.targets = anchors.targets();
    for (TargetSummary& one : stamps.summaries()) report.targets.push_back(std::move(one));
    report.checked.anchors = anchors.verified();
    report.anchored_to = anchors.newest_verified();
    const std::uint64_t covered = std::max(anchors.entries_covered(), stamps.entries_covered());
    report.unprotected = report.entries - std::min(report.entries, covered);
    if (!report.faults.empty()) {
        report.verdict = Verdict::fail;
        return;
    }
    if (!report.undecided.empty()) {
        report.verdict = Verdict::undecided;
        return;
    }
    report.verdict = Verdict::pass;
    report.basis.push_back("sealed: " + std::to_string(report.checked.batches) +
                           " batches, every root, checkpoint and seal under the trust file's "
                           "key of " +
                           report.origin);
    if (const auto hardware = trust.hardware_of(report.origin); !hardware.empty()) {
        report.basis.push_back(hardware_basis(hardware));
    }
    take_level(report, anchors, stamps);
}

std::string hardware_basis(const std::vector<wire::HardwareKey>& keys) {
    std::string who;
    for (const wire::HardwareKey& key : keys) {
        who += (who.empty() ? "" : " and ") + wire::format_vkey(key);
    }
    return "sealed in hardware: the checkpoints also bear signatures of " + who +
           ", a key that the trust file says to be in a device: a copy of the log's key file does "
           "not make them";
}

std::string origin_for(FileSystem& fs, const std::vector<Segment>& batches, const Trust& trust) {
    LineStream stream(fs, batches, kBatchLineSizeMax);
    RawLine raw;
    auto read = stream.next(raw);
    if (read && *read) {
        auto line = wire::parse_batch_line(raw.text);
        auto header = line ? wire::parse_header(line->header) : Result<wire::Header>(line.error());
        if (header && !trust.keys_of(header->log).empty()) return header->log;
    }
    return trust.logs.empty() ? std::string() : trust.logs.front().key.name;
}

eth::AnchorRecord record_of_batch(const Hash& log_id, const wire::Header& header,
                                  const Hash& history_root, const crypto::PublicKey& signer,
                                  const Bytes& seal) {
    eth::AnchorRecord record;
    record.log_id = log_id;
    record.batch_id = header.batch_id;
    record.merkle_root = header.merkle_root;
    record.history_root = history_root;
    record.sealed_at_ms =
        static_cast<std::uint64_t>(std::max<std::int64_t>(header.sealed_at.ms, 0));
    record.signer_key.bytes = signer;
    if (seal.size() == 2 * Hash::kSize) {
        std::copy_n(seal.begin(), Hash::kSize, record.sig_r.bytes.begin());
        std::copy_n(seal.begin() + Hash::kSize, Hash::kSize, record.sig_s.bytes.begin());
    }
    return record;
}

}  // namespace anchorlog::verify
