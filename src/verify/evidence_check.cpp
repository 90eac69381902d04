#include "verify/evidence_check.h"

#include <algorithm>
#include <set>

#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/entry.h"
#include "verify/verdict.h"

namespace anchorlog::verify {
namespace {

std::string entries_of(const wire::Header& header) {
    return "entries " + std::to_string(header.first_index.value) + "-" +
           std::to_string(header.first_index.value + header.count - 1);
}

std::string who_and_what(const wire::EntryLine& line) {
    const std::string received =
        " received " + format_server_time(line.received_at) + " from " + std::string(line.sender);
    if (line.kind == wire::EntryLine::Kind::audit) return "audit" + received;
    const auto key = wire::alert_key(line.body);
    if (!key) return "alert" + received;
    return "alert " + std::to_string(key->seq_no.value) + " of " + key->device_id + ", epoch " +
           std::to_string(key->epoch.value) + "," + received;
}

}  // namespace

bool EvidenceWalk::ok(const char* step, std::string detail) {
    steps.push_back({step, StepState::ok, std::move(detail)});
    return true;
}

bool EvidenceWalk::skip(const char* step, std::string detail) {
    steps.push_back({step, StepState::skipped, std::move(detail)});
    return true;
}

bool EvidenceWalk::fail(const char* step, std::string phrase, std::string detail,
                        std::string expected, std::string found) {
    Fault fault;
    fault.kind = step;
    fault.phrase = std::move(phrase);
    fault.index = index;
    fault.segment = place.segment;
    if (!place.segment.empty()) fault.line = place.line;
    fault.detail = std::move(detail);
    fault.expected = std::move(expected);
    fault.found = std::move(found);
    if (header) {
        fault.batch = evidence.batch_id.value;
        fault.batch_first_index = header->first_index.value;
        fault.batch_count = header->count;
    }
    steps.push_back({step, StepState::failed, describe(fault)});
    broken = std::move(fault);
    return false;
}

bool EvidenceCheck::inner_links(EvidenceWalk& walk) const {
    return check_line(walk) && check_batch(walk);
}

bool EvidenceCheck::outer_links(EvidenceWalk& walk) {
    return check_header(walk) && check_history(walk) && check_keys(walk) &&
           check_checkpoint(walk) && check_hardware(walk) && check_witnesses(walk) &&
           check_seal(walk) && check_anchors(walk) && check_stamps(walk);
}

bool EvidenceCheck::check_line(EvidenceWalk& walk) const {
    const std::string& text = walk.evidence.entry;
    RawLine raw;
    raw.text = text;
    walk.fact = read_entry(raw);
    const auto parsed = wire::parse_entry_line(text);
    if (!parsed) return walk.fail("parse", "altered", walk.fact.why());
    if (walk.place.index && parsed->index.value != *walk.place.index) {
        return walk.fail("parse", "altered or replaced",
                         "the line in its place says index " + std::to_string(parsed->index.value));
    }
    walk.index = parsed->index.value;
    walk.ok("parse", who_and_what(*parsed));
    if (walk.fact.shape != EntryFact::Shape::good) {
        return walk.fail("canonical", "altered", walk.fact.why());
    }
    walk.ok("canonical", "the line is canonical JSON, byte for byte");
    return walk.ok("leaf", to_hex(walk.fact.leaf));
}

bool EvidenceCheck::check_batch(EvidenceWalk& walk) const {
    if (!walk.header) {
        const auto header = wire::parse_header(walk.evidence.header);
        if (!header) {
            return walk.fail("header", "sealed by a header that does not read",
                             header.error().message);
        }
        walk.undecided.push_back("the batch is of version " + std::to_string(header->v) +
                                 ", which this program does not know");
        return false;
    }
    const wire::Header& header = *walk.header;
    const std::uint64_t first = header.first_index.value;
    if (walk.index < first || walk.index - first >= header.count) {
        return walk.fail("batch_path", "not in this batch",
                         "the header is of " + entries_of(header));
    }
    const std::uint64_t place = walk.index - first;
    if (walk.place.leaf && *walk.place.leaf != walk.fact.leaf) {
        return walk.fail("batch_path", "altered", "", "leaf " + to_hex(*walk.place.leaf),
                         to_hex(walk.fact.leaf));
    }
    const std::vector<Hash>& path = walk.evidence.batch_path;
    const auto root = merkle::inclusion_root(place, TreeSize(header.count), walk.fact.leaf, path);
    if (root != header.merkle_root) {
        return walk.fail("batch_path", "altered", "its path does not lead to the batch's root",
                         "merkle_root " + to_hex(header.merkle_root),
                         root ? to_hex(*root) : "no root: the path has the wrong length");
    }
    walk.ok("batch_path", std::to_string(path.size()) + " hashes from leaf " +
                              std::to_string(place) + " of " + std::to_string(header.count));
    return walk.ok("merkle_root", to_hex(header.merkle_root) + " of batch " +
                                      std::to_string(walk.evidence.batch_id.value));
}

// What the header says of where the alert came from must hold of the alert.
bool EvidenceCheck::check_source(EvidenceWalk& walk) const {
    const wire::Header& header = *walk.header;
    if (!walk.fact.is_alert() || header.sources.empty()) return true;
    const auto line = wire::parse_entry_line(walk.evidence.entry);
    const auto key = line ? wire::alert_key(line->body) : Result<wire::AlertKey>(line.error());
    if (!key) return walk.fail("header", "altered", key.error().message);
    const auto listed = [&](const wire::Source& source) {
        return source.device_id == key->device_id && source.epoch == key->epoch &&
               source.first_seq <= key->seq_no && key->seq_no <= source.last_seq;
    };
    if (std::any_of(header.sources.begin(), header.sources.end(), listed)) return true;
    return walk.fail("header", "not among the sources its header lists",
                     std::string(key->device_id) + " " + std::to_string(key->epoch.value) + "/" +
                         std::to_string(key->seq_no.value));
}

bool EvidenceCheck::check_header(EvidenceWalk& walk) const {
    constexpr const char* kPhrase = "sealed by a header that does not hold";
    const wire::Header& header = *walk.header;
    if (header.batch_id != walk.evidence.batch_id) {
        return walk.fail("header", kPhrase, "batch_id",
                         std::to_string(walk.evidence.batch_id.value),
                         std::to_string(header.batch_id.value));
    }
    if (walk.checkpoint && header.log != walk.checkpoint->origin) {
        return walk.fail("header", kPhrase, "log", walk.checkpoint->origin, header.log);
    }
    if (header.kind != "batch") {
        return walk.fail("header", kPhrase, "kind", "batch", header.kind);
    }
    if (header.opened_at > header.sealed_at) {
        return walk.fail("header", kPhrase, "opened_at",
                         "at most " + format_server_time(header.sealed_at),
                         format_server_time(header.opened_at));
    }
    if (!check_source(walk)) return false;
    return walk.ok("header", "batch " + std::to_string(header.batch_id.value) + ", " +
                                 entries_of(header) + ", sealed " +
                                 format_server_time(header.sealed_at));
}

bool EvidenceCheck::check_history(EvidenceWalk& walk) const {
    if (!walk.checkpoint) {
        const auto note = wire::parse_note(walk.evidence.checkpoint);
        const auto stated =
            note ? wire::parse_checkpoint(note->text) : Result<wire::Checkpoint>(note.error());
        return walk.fail("checkpoint", "under a checkpoint that does not hold",
                         stated ? "" : stated.error().message);
    }
    const TreeSize size = walk.checkpoint->size;
    const std::uint64_t batch = walk.evidence.batch_id.value;
    const std::vector<Hash>& path = walk.evidence.history_path;
    const auto root = merkle::inclusion_root(batch, size, walk.header_leaf, path);
    if (root != walk.checkpoint->root) {
        return walk.fail("history_path", "not in the history",
                         "the header's path does not lead to the checkpoint's root",
                         "root " + to_hex(walk.checkpoint->root),
                         root ? to_hex(*root) : "no root: the path has the wrong length");
    }
    walk.roots = *merkle::prefix_roots(batch, size, walk.header_leaf, path, *root);
    if (walk.header->prev_root != walk.roots.before) {
        return walk.fail("history_path", "sealed by a header that does not hold", "prev_root",
                         to_hex(walk.roots.before), to_hex(walk.header->prev_root));
    }
    return walk.ok("history_path", std::to_string(path.size()) +
                                       " hashes to the checkpoint of size " +
                                       std::to_string(size.value));
}

// Each change of the key: where it stands in the history, and that both keys signed it there.
bool EvidenceCheck::check_keys(EvidenceWalk& walk) const {
    constexpr const char* kPhrase = "under a change of the log's key that does not hold";
    const std::vector<wire::EvidenceKey>& changes = walk.evidence.keys;
    const TreeSize size = walk.checkpoint->size;
    std::uint64_t next = 1;  // the genesis changes no key
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const wire::EvidenceKey& change = changes[i];
        const std::string which = "keys[" + std::to_string(i) + "]: ";
        const auto header = wire::parse_header(change.header);
        if (!header) return walk.fail("keys", kPhrase, which + header.error().message);
        if (header->v != wire::kHeaderVersion) {
            walk.undecided.push_back("a change of the log's key is of version " +
                                     std::to_string(header->v) +
                                     ", which this program does not know");
            return false;
        }
        const std::uint64_t batch = header->batch_id.value;
        if (header->log != walk.checkpoint->origin || batch < next || batch >= size.value) {
            return walk.fail("keys", kPhrase, which + "it is of another log or out of order");
        }
        next = batch + 1;
        const Hash leaf = merkle::hash_leaf(as_bytes(change.header));
        const auto root = merkle::inclusion_root(batch, size, leaf, change.path);
        if (root != walk.checkpoint->root) {
            return walk.fail("keys", kPhrase,
                             which + "its path does not lead to the checkpoint's root",
                             "root " + to_hex(walk.checkpoint->root),
                             root ? to_hex(*root) : "no root: the path has the wrong length");
        }
        const auto roots = merkle::prefix_roots(batch, size, leaf, change.path, *root);
        const auto note = wire::parse_note(change.checkpoint);
        const auto stated =
            note ? wire::parse_checkpoint(note->text) : Result<wire::Checkpoint>(note.error());
        if (!stated || stated->origin != walk.checkpoint->origin || stated->size.value != next ||
            stated->root != roots->through || header->prev_root != roots->before) {
            return walk.fail("keys", kPhrase,
                             which + "its own checkpoint is not one of this history");
        }
        if (auto added = walk.keys.add(*header, *note); !added) {
            return walk.fail("keys", kPhrase, which + added.error().message);
        }
    }
    if (changes.empty()) return true;
    if (!walk.keys.is_trusted()) {
        return walk.fail("keys", "under keys that the trust file does not name",
                         "the log changed its key at " + walk.keys.changes(),
                         "one of the keys before or behind them", "none");
    }
    return walk.ok("keys", "changed at " + walk.keys.changes() +
                               ", each signed by the key before and the key behind");
}

bool EvidenceCheck::check_checkpoint(EvidenceWalk& walk) const {
    const wire::Checkpoint& stated = *walk.checkpoint;
    const std::vector<wire::VerifierKey>& keys = walk.keys.at_size(stated.size);
    if (keys.empty()) {
        return walk.fail("checkpoint", "of a log that the trust file does not name", "",
                         "one of its log lines", stated.origin);
    }
    if (auto valid = wire::verify_note(*walk.note, keys); !valid) {
        return walk.fail(
            "checkpoint", "under a checkpoint that does not hold",
            valid.error().message + "; if the log changed its key, the evidence leaves that out",
            "the signature of " + wire::format_vkey(keys.front()), "none that verifies");
    }
    return walk.ok("checkpoint", "size " + std::to_string(stated.size.value) + ", root " +
                                     to_hex(stated.root) + ", signed by the " +
                                     (walk.keys.changes().empty() ? "trusted key" : "key then") +
                                     " of " + stated.origin);
}

// Whoever stole the log's own key lacks the one that never leaves its device.
bool EvidenceCheck::check_hardware(EvidenceWalk& walk) const {
    const auto keys = trust_.hardware_of(walk.checkpoint->origin);
    if (keys.empty()) return true;
    if (auto held = wire::verify_hardware(*walk.note, keys); !held) {
        return walk.fail(
            "hardware_signature", "under a checkpoint that does not hold", held.error().message,
            "the signature of " + wire::format_vkey(keys.front()), "none that verifies");
    }
    walk.basis.push_back(hardware_basis(keys));
    return walk.ok("hardware_signature", "P-256 by " + wire::format_vkey(keys.front()));
}

// A witness that is known and whose line is false denies the checkpoint; one that is missing
// only counts for nothing.
bool EvidenceCheck::check_witnesses(EvidenceWalk& walk) const {
    const bool demanded = !trust_.quorum.empty() && trust_.quorum != "none";
    std::set<std::string> cosigned;
    std::string who;
    for (const TrustedWitness& witness : trust_.witnesses) {
        if (!witness.key) continue;
        auto seen = wire::verify_cosignature(*walk.note, *witness.key);
        if (!seen) {
            return walk.fail("witnesses", "under a checkpoint with a false cosignature",
                             seen.error().message);
        }
        if (!*seen) continue;
        cosigned.insert(witness.name);
        const auto at_ms =
            static_cast<std::int64_t>(std::min<std::uint64_t>(**seen, kIntegerMax / 1000)) * 1000;
        who +=
            (who.empty() ? "" : ", ") + witness.name + " at " + format_server_time(WallTime{at_ms});
    }
    if (demanded && !trust_.is_quorum(cosigned)) {
        walk.undecided.push_back("the trust file demands the quorum " + trust_.quorum +
                                 ", and the checkpoint bears " +
                                 (who.empty() ? std::string("no cosignature of its witnesses")
                                              : "only those of " + who) +
                                 ": ask for one that is cosigned");
        return walk.skip("witnesses", "the quorum " + trust_.quorum + " is not met");
    }
    if (!demanded) {
        return walk.skip("witnesses", who.empty() ? "the trust file asks for none"
                                                  : "asked for none; cosigned by " + who);
    }
    walk.level = Level::witnessed;
    walk.basis.push_back("witnessed: the quorum " + trust_.quorum +
                         " of the trust file cosigned this history (" + who +
                         "); the log cannot show them another one of this size");
    return walk.ok("witnesses", "quorum " + trust_.quorum + ": " + who);
}

bool EvidenceCheck::check_seal(EvidenceWalk& walk) const {
    const wire::Header& header = *walk.header;
    const Hash log_id = wire::log_id_of(walk.checkpoint->origin);
    const Bytes payload = wire::seal_payload(log_id, header.batch_id, header.merkle_root,
                                             walk.roots.through, header.sealed_at);
    const std::vector<wire::VerifierKey>& keys = walk.keys.at(header.batch_id);
    const auto sealed_by =
        std::find_if(keys.begin(), keys.end(), [&](const wire::VerifierKey& key) {
            return wire::format_key_id(key.key_id) == header.signer &&
                   crypto::verify(key.key, payload, walk.evidence.seal);
        });
    if (sealed_by == keys.end()) {
        return walk.fail("seal", "under a seal no trusted key made", "",
                         "the signature of " + wire::format_vkey(keys.front()),
                         "none of it; the header names key " + header.signer);
    }
    walk.signer = sealed_by->key;
    walk.level = std::max(walk.level, Level::sealed);
    const std::string& changes = walk.keys.changes();
    walk.basis.insert(walk.basis.begin(),
                      changes.empty()
                          ? "sealed: checkpoint and seal under the trust file's key " +
                                wire::format_vkey(*sealed_by)
                          : "sealed: under the log's key of that time " +
                                wire::format_vkey(*sealed_by) + ", which the key changes in " +
                                changes + " join to the trust file's");
    return walk.ok("seal", "Ed25519 by key " + to_hex(ByteView(walk.signer)));
}

}  // namespace anchorlog::verify
