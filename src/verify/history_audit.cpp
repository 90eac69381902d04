#include "verify/history_audit.h"

#include <algorithm>

namespace anchorlog::verify {
namespace {

constexpr std::uint64_t kBatchEntriesMax = 65'536;  // design §4

bool is_reason(std::string_view reason) {
    return reason == "count" || reason == "age" || reason == "stop" || reason == "recover";
}

}  // namespace

// One line and what is at hand to judge it.
struct HistoryAudit::Place {
    const BatchReader& reader;
    const BatchFact& fact;
    std::uint64_t batch_id;
    Hash root_before;  // recomputed
    Hash root;         // recomputed, with this header

    [[nodiscard]] Fault fault(std::string kind, std::string phrase) const {
        return reader.line_fault(fact, batch_id, std::move(kind), std::move(phrase));
    }
};

// The first header says whose log this is; should its `log` be damaged, its checkpoint does.
void HistoryAudit::take_origin(const BatchFact& fact) {
    origin_ = fact.header.log;
    auto keys = trust_.keys_of(origin_);
    if (keys.empty()) {
        const auto note = wire::parse_note(fact.line.checkpoint);
        const auto stated =
            note ? wire::parse_checkpoint(note->text) : Result<wire::Checkpoint>(note.error());
        if (stated && !trust_.keys_of(stated->origin).empty()) {
            origin_ = stated->origin;
            keys = trust_.keys_of(origin_);
        }
    }
    report_.origin = origin_;
    log_id_ = wire::log_id_of(origin_);
    const bool trusted = !keys.empty();
    // What was checked ahead for the same origin stays valid.
    if (keys_->current()->origin != origin_) {
        keys_->set({origin_, log_id_, std::move(keys), trust_.hardware_of(origin_)});
    }
    if (trusted) return;
    Fault fault = batch_fault("origin", fact.header.batch_id.value,
                              "belongs to a log that the trust file does not name");
    fault.expected = "one of its log lines";
    fault.found = origin_;
    faults_.add(std::move(fault));
}

void HistoryAudit::differ(const Place& place, const char* member, std::string expected,
                          std::string found) {
    Fault fault = place.fault("header", std::string("has a wrong ") + member);
    fault.expected = std::move(expected);
    fault.found = std::move(found);
    faults_.add(std::move(fault));
}

// The header cannot be what was sealed: says which members contradict what is known.
void HistoryAudit::name_header(const Place& place, const std::string& expected,
                               const std::string& found) {
    const wire::Header& header = place.fact.header;
    std::string members;
    const auto suspect = [&members](bool wrong, const char* name) {
        if (wrong) members += (members.empty() ? "" : ", ") + std::string(name);
    };
    if (place.fact.shape == BatchFact::Shape::good) {
        suspect(header.log != origin_, "log");
        suspect(intact_ && header.prev_root != place.root_before, "prev_root");
        suspect(next_index_ && header.first_index.value != *next_index_, "first_index");
        const auto keys = keys_->current();
        const bool known = std::any_of(keys->keys.begin(), keys->keys.end(), [&](const auto& key) {
            return wire::format_key_id(key.key_id) == header.signer;
        });
        suspect(!keys->keys.empty() && !known, "signer");
    }
    Fault fault = place.fault("header", "has an altered header");
    fault.detail = members.empty() ? "its own checkpoint and seal deny it"
                                   : "its own checkpoint and seal deny it; look at " + members;
    fault.expected = "history root " + expected;
    fault.found = found;
    faults_.add(std::move(fault));
}

// Root, checkpoint and seal hold each other: one of them alone cannot be altered without the
// other two saying which it was.
SealedFacts HistoryAudit::check_signatures(const Place& place) {
    const BatchFact& fact = place.fact;
    const auto keys = keys_->current();
    SealedFacts facts;
    facts.history_root = place.root;
    facts.understood = fact.shape == BatchFact::Shape::good;
    const wire::Header* header = facts.understood ? &fact.header : nullptr;
    const SignatureFacts by_line = fact.signatures.by == keys
                                       ? fact.signatures
                                       : verify::check_signatures(fact.line, header, keys);
    const auto& stated = by_line.stated;
    const bool readable =
        stated && stated->origin == origin_ && stated->size.value == place.batch_id + 1;
    const bool trusted = !keys->keys.empty();
    const bool is_signed = readable && trusted && by_line.note_holds;
    if (!intact_ && readable) facts.history_root = stated->root;
    const bool root_holds = readable && stated->root == facts.history_root;
    auto sealed_by = by_line.sealed_by;
    if (header != nullptr && !(stated && stated->root == facts.history_root)) {
        sealed_by = seal_key(fact.line, *header, facts.history_root, *keys);
    }
    facts.seal_holds = !facts.understood || sealed_by;
    if (sealed_by) facts.signer = *sealed_by;
    facts.header_holds = root_holds || (facts.seal_holds && facts.understood);

    if (!facts.header_holds) {
        name_header(place, readable ? to_hex(stated->root) : "of its checkpoint",
                    intact_ ? to_hex(place.root) : "none that verifies");
        intact_ = false;
        stated_root_ = is_signed ? std::optional(stated->root) : std::nullopt;
        return facts;
    }
    if (!root_holds) {
        name_checkpoint(place, by_line, facts.history_root);
    } else if (trusted && !is_signed) {
        faults_.add(place.fault("checkpoint", "has a checkpoint no trusted key signed"));
    } else {
        ++report_.checked.checkpoints;
    }
    if (!by_line.hardware_fault.empty()) {
        Fault fault = place.fault("hardware_signature",
                                  "has a checkpoint that the hardware key did not sign");
        fault.detail = by_line.hardware_fault;
        faults_.add(std::move(fault));
    }
    if (trusted && !facts.seal_holds) {
        faults_.add(place.fault("seal", "has a seal no trusted key made"));
    } else {
        ++report_.checked.seals;
    }
    if (!intact_ && root_holds) stated_root_ = facts.history_root;
    return facts;
}

void HistoryAudit::name_checkpoint(const Place& place, const SignatureFacts& by_line,
                                   const Hash& root) {
    Fault fault = place.fault("checkpoint", "has an altered checkpoint");
    fault.detail = by_line.unreadable;
    fault.expected =
        origin_ + ", size " + std::to_string(place.batch_id + 1) + ", root " + to_hex(root);
    fault.found = "no checkpoint";
    if (by_line.stated) {
        fault.found = by_line.stated->origin + ", size " +
                      std::to_string(by_line.stated->size.value) + ", root " +
                      to_hex(by_line.stated->root);
    }
    faults_.add(std::move(fault));
}

// Both keys sign the change; from the next header on the new one stands alone.
void HistoryAudit::check_key_change(const Place& place) {
    const wire::KeyChange& change = *place.fact.header.key_change;
    const auto note = wire::parse_note(place.fact.line.checkpoint);
    const auto before = wire::parse_vkey(change.old_key);
    const auto after = wire::parse_vkey(change.new_key);
    if (!note || !before || !after) return;  // named already
    const bool by_both = wire::verify_note(*note, {*before}) && wire::verify_note(*note, {*after});
    const bool trusted = !keys_->current()->keys.empty();
    if (trusted && !by_both) {
        faults_.add(place.fault("checkpoint", "changes the key without both keys' signatures"));
        return;
    }
    report_.notes.push_back("batch " + std::to_string(place.batch_id) +
                            " changes the log's key to " + change.new_key + " (" + change.why +
                            "): what follows rests on it, and it on the key before");
    if (trusted) keys_->set({origin_, log_id_, {*after}});
}

// The log says from its first line on which hardware key signs it; the trust file, whether that
// counts.
void HistoryAudit::check_hardware_keys(const Place& place) {
    const auto& listed = place.fact.header.genesis->keys;
    const auto trusted = keys_->current()->hardware;
    for (const wire::HardwareKey& key : trusted) {
        const std::string vkey = wire::format_vkey(key);
        if (std::find(listed.begin(), listed.end(), vkey) != listed.end()) continue;
        Fault fault = place.fault("genesis_key", "does not name the trust file's hardware key");
        fault.expected = vkey;
        faults_.add(std::move(fault));
    }
    for (const std::string& vkey : listed) {
        if (!trusted.empty() || !wire::parse_hardware_vkey(vkey)) continue;
        report_.notes.push_back(
            "the log is signed by a hardware key too, which the trust file "
            "does not name, so that its lines were not looked at: " +
            vkey);
    }
}

void HistoryAudit::check_genesis(const Place& place) {
    const wire::Header& header = place.fact.header;
    if (header.kind != "genesis" || !header.genesis) {
        differ(place, "kind", "genesis", header.kind);
        return;
    }
    const auto& listed = header.genesis->keys;
    const auto set = keys_->current();
    const auto& keys = set->keys;
    const bool ours = std::any_of(keys.begin(), keys.end(), [&](const auto& key) {
        return std::find(listed.begin(), listed.end(), wire::format_vkey(key)) != listed.end();
    });
    check_hardware_keys(place);
    if (keys.empty() || ours) return;
    Fault fault = place.fault("genesis_key", "names no key that the trust file trusts");
    fault.expected = wire::format_vkey(keys.front());
    fault.found = listed.empty() ? "none" : listed.front();
    faults_.add(std::move(fault));
}

void HistoryAudit::check_kind(const Place& place) {
    const wire::Header& header = place.fact.header;
    const std::string batch = "batch " + std::to_string(place.batch_id);
    if (place.batch_id == 0) check_genesis(place);
    if (header.kind == "batch") {
        if (header.count == 0 || header.count > kBatchEntriesMax) {
            differ(place, "count", "1 to " + std::to_string(kBatchEntriesMax),
                   std::to_string(header.count));
        }
        if (header.count_audit > header.count) {
            differ(place, "count_audit", "at most " + std::to_string(header.count),
                   std::to_string(header.count_audit));
        }
        if (!is_reason(header.reason)) differ(place, "reason", "a batch's", header.reason);
        return;
    }
    if (header.count != 0) {
        report_.undecided.push_back(batch + " is of the unknown kind " + header.kind +
                                    " and holds entries");
        return;
    }
    if (header.merkle_root != merkle::empty_root()) {
        differ(place, "merkle_root", to_hex(merkle::empty_root()), to_hex(header.merkle_root));
    }
    if (header.count_audit != 0 || !header.sources.empty() || header.reason != "control") {
        differ(place, "member", "no sources, reason control", "reason " + header.reason);
    }
    if (header.kind == "genesis") {
        if (place.batch_id != 0) differ(place, "kind", "any but genesis", "genesis");
    } else if (header.key_change) {
        check_key_change(place);
    } else if (!header.prune) {  // what those say is the entries' audit's
        report_.notes.push_back(batch + " is of the unknown kind " + header.kind +
                                ": hashed, otherwise opaque");
    }
}

void HistoryAudit::check_members(const Place& place) {
    const wire::Header& header = place.fact.header;
    if (header.log != origin_) differ(place, "log", origin_, header.log);
    const std::optional<Hash> before = intact_ ? std::optional(place.root_before) : stated_root_;
    if (before && header.prev_root != *before) {
        differ(place, "prev_root", to_hex(*before), to_hex(header.prev_root));
    }
    if (next_index_ && header.first_index.value != *next_index_) {
        differ(place, "first_index", std::to_string(*next_index_),
               std::to_string(header.first_index.value));
    }
    if (header.opened_at > header.sealed_at) {
        differ(place, "opened_at", "at most " + format_server_time(header.sealed_at),
               format_server_time(header.opened_at));
    }
    if (last_sealed_ && header.sealed_at < *last_sealed_ &&
        report_.notes.size() < kNotesListedMax) {
        report_.notes.push_back("the server's clock went back before batch " +
                                std::to_string(place.batch_id) + " was sealed");
    }
    last_sealed_ = header.sealed_at;
    check_kind(place);
}

SealedFacts HistoryAudit::line(const BatchReader& reader, const BatchFact& fact,
                               std::uint64_t batch_id) {
    if (origin_.empty() && fact.shape != BatchFact::Shape::bad) take_origin(fact);
    Place place{reader, fact, batch_id, root_, {}};
    history_.append(fact.leaf);
    place.root = root_ = history_.root();
    const auto stated_before = stated_root_;
    const bool intact_before = intact_;
    SealedFacts facts = check_signatures(place);
    if (!facts.header_holds || !facts.understood) {
        if (!facts.understood) {
            report_.undecided.push_back("batch " + std::to_string(batch_id) +
                                        " is of a version this program does not know");
        }
        next_index_.reset();
        after_other_version_ = facts.header_holds;
        return facts;
    }
    after_other_version_ = false;
    if (!intact_before) {
        const auto stated_now = stated_root_;
        stated_root_ = stated_before;
        check_members(place);
        stated_root_ = stated_now;
    } else {
        check_members(place);
    }
    report_.checkpoint = fact.line.checkpoint;
    next_index_ = fact.header.first_index.value + fact.header.count;
    return facts;
}

void HistoryAudit::lost() {
    intact_ = false;
    after_other_version_ = false;
    stated_root_.reset();
    next_index_.reset();
}

}  // namespace anchorlog::verify
